// An IKE SA between two processes: its keys, its message windows and what the handshake found out, as one row of bytes.
// Child SAs are not kept: a new process agrees on new ones under the IKE SA, so that no ESP sequence number comes twice.
import type { AddressPrefix, Endpoint, IpAddress } from '../packet/address.ts';
import { ByteReader, IkeFormatError, uint16Bytes, uint32Bytes, uint64Bytes } from './bytes.ts';
import type { Identity, IkeDetails, IkeProposal } from './contract.ts';
import { freeIkeKeys, type IkeKeys, type SecretMemory } from './key-derivation.ts';
import { ikeEncryptions, integrities, isGroup, prfs } from './transforms.ts';

/** How far an IKE SA's two message windows are (RFC 7296 section 2.3), and how much was sealed under its key. */
export interface AssociationWindow {
  readonly nextRequestId: number;
  readonly expectedRequestId: number;
  /** Messages and fragments sealed: the latest IV of an AEAD. */
  readonly sealed: bigint;
  /** The peer's latest request, as it came first, and what answered it, in case that was lost. */
  readonly answered: AnsweredRequest | undefined;
}

export interface AnsweredRequest {
  readonly exchange: number;
  readonly messageId: number;
  readonly firstDatagram: Uint8Array;
  readonly response: readonly Uint8Array[];
}

export interface StoredAssociation {
  readonly isInitiator: boolean;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly proposal: IkeProposal;
  /** Freed by whoever reads them. */
  readonly keys: IkeKeys;
  readonly fragmentation: boolean;
  readonly marker: boolean;
  readonly natDetected: IkeDetails['natDetected'];
  readonly remote: Endpoint;
  readonly window: AssociationWindow;
  readonly rekeyInMilliseconds: number;
  readonly expireInMilliseconds: number;
  readonly found: Pick<IkeDetails, 'localIdentity' | 'remoteIdentity' | 'virtualAddresses' | 'dns'> & {
    readonly subnets: readonly AddressPrefix[] | undefined;
  };
  /** Inbound SPIs of the child SAs that it had, each with the place of its configuration. */
  readonly children: readonly { readonly place: number; readonly inboundSpi: number }[];
}

const version = 1;
const identityTypes = ['fqdn', 'email', 'address', 'distinguished-name', 'key-id'] as const;
const keyNames = [
  'derive',
  'integrityInitiator',
  'integrityResponder',
  'encryptionInitiator',
  'encryptionResponder',
  'authenticationInitiator',
  'authenticationResponder',
] as const;

/**
 * Gives one row of bytes in secret memory. All numbers are big-endian; `short` is a length of 1 byte and as many bytes,
 * `long` a length of 2 bytes and as many bytes:
 *
 * version 1 (1), flags 1 (1: we are the original initiator, 2: fragmentation, 4: non-ESP marker, 8 and 16: NAT in front of
 * us and of the peer), our SPI 8, the peer's
 * SPI 8, encryption, integrity and PRF (short each, our names), group 2, the seven keys in the order of `IkeKeys` (short
 * each), peer's address (short), port 2, next request 4, expected request 4, sealed 8, answered 1 (0: nothing; else 1:
 * exchange 1, message 4, first datagram (long), datagrams of the response: count 1, each long), milliseconds to rekeying
 * 4 and to the end 4, identities of us and the peer (type 1, long), virtual addresses and name servers (count 1, each
 * short), networks (count 1, each address short and bits 1; 255: not told), children (count 1, each place 1 and SPI 4).
 */
export function writeStoredAssociation(memory: SecretMemory, stored: StoredAssociation): Uint8Array {
  const { proposal, window, found, remote } = stored;
  const { answered } = window;
  const { isInitiator, fragmentation, marker, natDetected } = stored;
  const flags = [isInitiator, fragmentation, marker, natDetected.local, natDetected.remote].reduce(
    (sum, isSet, bit) => sum | (isSet ? 1 << bit : 0),
    0,
  );
  const parts: Uint8Array[] = [
    byte(version),
    byte(flags),
    uint64Bytes(stored.localSpi),
    uint64Bytes(stored.remoteSpi),
    ...[proposal.encryption, proposal.integrity, proposal.prf].flatMap((name) => short(Buffer.from(name))),
    uint16Bytes(proposal.group),
    ...keyNames.flatMap((name) => short(stored.keys[name])),
    ...short(remote.address.bytes),
    uint16Bytes(remote.port),
    uint32Bytes(window.nextRequestId),
    uint32Bytes(window.expectedRequestId),
    uint64Bytes(window.sealed),
    byte(answered === undefined ? 0 : 1),
  ];
  if (answered !== undefined) {
    parts.push(byte(answered.exchange), uint32Bytes(answered.messageId), ...long(answered.firstDatagram));
    parts.push(byte(answered.response.length), ...answered.response.flatMap(long));
  }
  parts.push(uint32Bytes(stored.rekeyInMilliseconds), uint32Bytes(stored.expireInMilliseconds));
  parts.push(...identityParts(found.localIdentity), ...identityParts(found.remoteIdentity));
  for (const addresses of [found.virtualAddresses, found.dns]) {
    parts.push(byte(addresses.length), ...addresses.flatMap(({ bytes }) => short(bytes)));
  }
  parts.push(byte(found.subnets?.length ?? notTold));
  for (const { address, length } of found.subnets ?? []) parts.push(...short(address.bytes), byte(length));
  parts.push(byte(stored.children.length));
  for (const { place, inboundSpi } of stored.children) parts.push(byte(place), uint32Bytes(inboundSpi));
  const output = memory.allocateSecret(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    output.set(part, position);
    position += part.length;
  }
  return output;
}

/** Copies the keys into secret memory of their own. Throws IkeFormatError where the bytes are no stored IKE SA. */
export function readStoredAssociation(memory: SecretMemory, bytes: Uint8Array): StoredAssociation {
  const reader = new ByteReader(bytes);
  if (reader.uint8() !== version) throw new IkeFormatError('stored IKE SA of another version');
  const flags = reader.uint8();
  const localSpi = reader.uint64();
  const remoteSpi = reader.uint64();
  const proposal = readProposal(reader);
  const taken = keyNames.map((name) => ({ name, key: reader.take(reader.uint8()) }));
  checkKeyLengths(proposal, Object.fromEntries(taken.map(({ name, key }) => [name, key.length])));
  const rest = readRest(reader);
  const keys = Object.fromEntries(
    taken.map(({ name, key }) => {
      const copy = memory.allocateSecret(key.length);
      copy.set(key);
      return [name, copy];
    }),
  ) as unknown as IkeKeys;
  return {
    isInitiator: (flags & 1) !== 0,
    fragmentation: (flags & 2) !== 0,
    marker: (flags & 4) !== 0,
    natDetected: { local: (flags & 8) !== 0, remote: (flags & 16) !== 0 },
    localSpi,
    remoteSpi,
    proposal,
    keys,
    ...rest,
  };
}

export function freeStoredAssociation(memory: SecretMemory, { keys }: StoredAssociation): void {
  freeIkeKeys(memory, keys);
}

const notTold = 255;

function readRest(
  reader: ByteReader,
): Omit<
  StoredAssociation,
  'isInitiator' | 'fragmentation' | 'marker' | 'natDetected' | 'localSpi' | 'remoteSpi' | 'proposal' | 'keys'
> {
  const remote = { address: readAddress(reader), port: reader.uint16() };
  const nextRequestId = reader.uint32();
  const expectedRequestId = reader.uint32();
  const sealed = reader.uint64();
  const answered = reader.uint8() === 0 ? undefined : readAnswered(reader);
  const rekeyInMilliseconds = reader.uint32();
  const expireInMilliseconds = reader.uint32();
  const localIdentity = readIdentity(reader);
  const remoteIdentity = readIdentity(reader);
  const virtualAddresses = readMany(reader, readAddress);
  const dns = readMany(reader, readAddress);
  const subnetCount = reader.uint8();
  const subnets =
    subnetCount === notTold ? undefined : Array.from({ length: subnetCount }, () => readPrefix(reader));
  const children = readMany(reader, () => ({ place: reader.uint8(), inboundSpi: reader.uint32() }));
  reader.expectEnd('stored IKE SA');
  return {
    remote,
    window: { nextRequestId, expectedRequestId, sealed, answered },
    rekeyInMilliseconds,
    expireInMilliseconds,
    found: { localIdentity, remoteIdentity, virtualAddresses, dns, subnets },
    children,
  };
}

function readProposal(reader: ByteReader): IkeProposal {
  const [encryption, integrity, prf] = [0, 0, 0].map(() => Buffer.from(readShort(reader)).toString('latin1'));
  const group = reader.uint16();
  const known =
    Object.hasOwn(ikeEncryptions, encryption!) &&
    (integrity === 'none' || Object.hasOwn(integrities, integrity!)) &&
    Object.hasOwn(prfs, prf!) &&
    isGroup(group);
  if (!known) throw new IkeFormatError('stored IKE SA with transforms that are not known');
  return { encryption, integrity, prf, group } as IkeProposal;
}

function checkKeyLengths(proposal: IkeProposal, lengths: Readonly<Record<string, number>>): void {
  const { keyLength, saltLength } = ikeEncryptions[proposal.encryption];
  const integrity = proposal.integrity === 'none' ? 0 : integrities[proposal.integrity].keyLength;
  const prf = prfs[proposal.prf].length;
  const encryption = keyLength + saltLength;
  const wanted = [prf, integrity, integrity, encryption, encryption, prf, prf];
  if (keyNames.every((name, index) => lengths[name] === wanted[index])) return;
  throw new IkeFormatError('stored IKE SA with keys of a wrong length');
}

function readAnswered(reader: ByteReader): AnsweredRequest {
  const exchange = reader.uint8();
  const messageId = reader.uint32();
  const firstDatagram = readLong(reader).slice();
  const response = readMany(reader, () => readLong(reader).slice());
  return { exchange, messageId, firstDatagram, response };
}

function identityParts(identity: Identity): readonly Uint8Array[] {
  const value =
    identity.type === 'address'
      ? identity.value.bytes
      : typeof identity.value === 'string'
        ? Buffer.from(identity.value, 'utf8')
        : identity.value;
  return [byte(identityTypes.indexOf(identity.type)), ...long(value)];
}

function readIdentity(reader: ByteReader): Identity {
  const type = identityTypes[reader.uint8()];
  const value = readLong(reader).slice();
  switch (type) {
    case undefined:
      throw new IkeFormatError('stored IKE SA with an identity that is not known');
    case 'address':
      return { type, value: addressOf(value) };
    case 'fqdn':
    case 'email':
      return { type, value: Buffer.from(value).toString('utf8') };
    default:
      return { type, value };
  }
}

function readPrefix(reader: ByteReader): AddressPrefix {
  const address = readAddress(reader);
  const length = reader.uint8();
  if (length > address.bytes.length * 8) throw new IkeFormatError('stored IKE SA with a wrong prefix');
  return { address, length };
}

function readAddress(reader: ByteReader): IpAddress {
  return addressOf(readShort(reader).slice());
}

function addressOf(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return { family: 4, bytes };
  if (bytes.length === 16) return { family: 6, bytes };
  throw new IkeFormatError('stored IKE SA with an address of a wrong length');
}

function readMany<Item>(reader: ByteReader, read: (reader: ByteReader) => Item): Item[] {
  return Array.from({ length: reader.uint8() }, () => read(reader));
}

function readShort(reader: ByteReader): Uint8Array {
  return reader.take(reader.uint8());
}

function readLong(reader: ByteReader): Uint8Array {
  return reader.take(reader.uint16());
}

function byte(value: number): Uint8Array {
  return new Uint8Array([value]);
}

function short(bytes: Uint8Array): readonly Uint8Array[] {
  return [byte(bytes.length), bytes];
}

function long(bytes: Uint8Array): readonly Uint8Array[] {
  return [uint16Bytes(bytes.length), bytes];
}
