// The encrypted payload (RFC 7296 section 3.14, RFC 5282) and the encrypted fragment payload (RFC 7383): seals what
// we send in an IKE SA and opens what the peer sent.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { concatBytes, IkeFormatError, uint16Bytes, uint64Bytes } from './bytes.ts';
import type { IkeEnvironment, IkeProposal } from './contract.ts';
import { encodeHeader, headerLength, type IkeHeader } from './header.ts';
import type { IkeKeys } from './key-derivation.ts';
import { payloadType } from './numbers.ts';
import { type EncryptionRow, ikeEncryptions, integrities } from './transforms.ts';

export interface OpenedMessage {
  /** Type of the first payload inside. */
  readonly first: number;
  readonly inner: Uint8Array;
  /** Undefined for a message that came in one piece. */
  readonly fragment: { readonly number: number; readonly total: number } | undefined;
}

export type SealHeader = Pick<
  IkeHeader,
  'initiatorSpi' | 'responderSpi' | 'exchange' | 'fromInitiator' | 'isResponse' | 'messageId'
>;

export interface Protection {
  /**
   * One datagram, or, where it would exceed `maximumLength` (undefined: no limit), a row of fragments of at most so
   * many bytes.
   */
  seal(header: SealHeader, first: number, inner: Uint8Array, maximumLength: number | undefined): Uint8Array[];
  /** Messages and fragments so far under our key: the latest IV of an AEAD; 0 where IVs are random. */
  readonly sealed: bigint;
  /** Undefined where the integrity check fails or the datagram is no encrypted message; never throws. */
  open(datagram: Uint8Array, header: IkeHeader): OpenedMessage | undefined;
}

/**
 * `isInitiator`: we are the original initiator of the IKE SA. The keys are used where they lie, not copied. `sealed`: as an
 * earlier process left it; no IV comes twice.
 */
export function createProtection(
  random: IkeEnvironment['random'],
  proposal: IkeProposal,
  keys: IkeKeys,
  isInitiator: boolean,
  sealed = 0n,
): Protection {
  const row = ikeEncryptions[proposal.encryption];
  const initiator = { encryption: keys.encryptionInitiator, integrity: keys.integrityInitiator };
  const responder = { encryption: keys.encryptionResponder, integrity: keys.integrityResponder };
  const ours = isInitiator ? initiator : responder;
  const theirs = isInitiator ? responder : initiator;
  const suite = row.aead ? aeadSuite(row, sealed) : cbcSuite(row, proposal, random);
  return {
    get sealed() {
      return suite.sealed;
    },
    seal(header, first, inner, maximumLength) {
      const whole = headerLength + 4 + suite.sealedLength(inner.length);
      if (maximumLength === undefined || whole <= maximumLength) {
        return [sealPart(suite, ours, header, payloadType.encrypted, first, new Uint8Array(0), inner)];
      }
      const room = maximumLength - headerLength - 4 - 4 - suite.overhead;
      const total = Math.ceil(inner.length / room);
      return Array.from({ length: total }, (_, index) =>
        sealPart(
          suite,
          ours,
          header,
          payloadType.encryptedFragment,
          index === 0 ? first : payloadType.none,
          concatBytes([uint16Bytes(index + 1), uint16Bytes(total)]),
          inner.subarray(index * room, (index + 1) * room),
        ),
      );
    },
    open(datagram, header) {
      return openPart(suite, theirs, datagram, header);
    },
  };
}

interface DirectionKeys {
  readonly encryption: Uint8Array;
  readonly integrity: Uint8Array;
}

interface Suite {
  /** The most bytes that sealing adds to the inner payloads: IV, padding, pad length, checksum. */
  readonly overhead: number;
  readonly ivLength: number;
  readonly checksumLength: number;
  readonly sealed: bigint;
  sealedLength(innerLength: number): number;
  /** IV, ciphertext and checksum; `ahead` is everything of the message before them. */
  seal(keys: DirectionKeys, ahead: Uint8Array, inner: Uint8Array): Uint8Array;
  /** Padded payloads, or undefined. */
  open(keys: DirectionKeys, ahead: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

function sealPart(
  suite: Suite,
  keys: DirectionKeys,
  header: SealHeader,
  type: number,
  first: number,
  fragmentHeader: Uint8Array,
  inner: Uint8Array,
): Uint8Array {
  const payloadLength = 4 + fragmentHeader.length + suite.sealedLength(inner.length);
  const ahead = concatBytes([
    encodeHeader({ ...header, nextPayload: type, length: headerLength + payloadLength }),
    new Uint8Array([first, 0]),
    uint16Bytes(payloadLength),
    fragmentHeader,
  ]);
  return concatBytes([ahead, suite.seal(keys, ahead, inner)]);
}

function openPart(
  suite: Suite,
  keys: DirectionKeys,
  datagram: Uint8Array,
  header: IkeHeader,
): OpenedMessage | undefined {
  const isFragment = header.nextPayload === payloadType.encryptedFragment;
  if (!isFragment && header.nextPayload !== payloadType.encrypted) return undefined;
  const aheadLength = headerLength + (isFragment ? 8 : 4);
  const minimum = aheadLength + suite.ivLength + 1 + suite.checksumLength;
  if (datagram.length < minimum) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (view.getUint16(headerLength + 2) !== datagram.length - headerLength) return undefined;
  const padded = suite.open(keys, datagram.subarray(0, aheadLength), datagram.subarray(aheadLength));
  if (padded === undefined) return undefined;
  const padLength = padded[padded.length - 1]!;
  if (padLength + 1 > padded.length) return undefined;
  const fragment = isFragment
    ? { number: view.getUint16(headerLength + 4), total: view.getUint16(headerLength + 6) }
    : undefined;
  if (fragment !== undefined && (fragment.number === 0 || fragment.number > fragment.total)) return undefined;
  return {
    first: datagram[headerLength]!,
    inner: padded.subarray(0, padded.length - 1 - padLength),
    fragment,
  };
}

/** RFC 5282: nonce is salt and explicit IV; the IV is a counter, so that it never repeats under a key. */
function aeadSuite(row: EncryptionRow, sealed: bigint): Suite {
  const ivLength = 8;
  const checksumLength = 16;
  let counter = sealed;
  const keyOf = (keys: DirectionKeys): Uint8Array => keys.encryption.subarray(0, row.keyLength);
  const nonceOf = (keys: DirectionKeys, iv: Uint8Array): Uint8Array =>
    concatBytes([keys.encryption.subarray(row.keyLength), iv]);
  return {
    get sealed() {
      return counter;
    },
    overhead: ivLength + 1 + checksumLength,
    ivLength,
    checksumLength,
    sealedLength: (innerLength) => ivLength + innerLength + 1 + checksumLength,
    seal(keys, ahead, inner) {
      counter += 1n;
      const iv = uint64Bytes(counter);
      const cipher = createCipheriv(gcmName(row), keyOf(keys), nonceOf(keys, iv));
      cipher.setAAD(ahead);
      const parts = [cipher.update(inner), cipher.update(new Uint8Array(1)), cipher.final()];
      return concatBytes([iv, ...parts, cipher.getAuthTag()]);
    },
    open(keys, ahead, sealed) {
      const iv = sealed.subarray(0, ivLength);
      const end = sealed.length - checksumLength;
      const decipher = createDecipheriv(gcmName(row), keyOf(keys), nonceOf(keys, iv), {
        authTagLength: checksumLength,
      });
      decipher.setAAD(ahead);
      decipher.setAuthTag(sealed.subarray(end));
      const plain = decipher.update(sealed.subarray(ivLength, end));
      try {
        decipher.final();
      } catch {
        plain.fill(0);
        return undefined;
      }
      return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
    },
  };
}

/** RFC 7296 section 3.14: encrypt with a fresh IV and padding, then HMAC over the whole message. */
function cbcSuite(row: EncryptionRow, proposal: IkeProposal, random: IkeEnvironment['random']): Suite {
  if (proposal.integrity === 'none') throw new IkeFormatError('AES-CBC without an integrity transform');
  const { hash, checksumLength } = integrities[proposal.integrity];
  const blockLength = 16;
  const paddedLength = (innerLength: number): number =>
    Math.ceil((innerLength + 1) / blockLength) * blockLength;
  const checksum = (keys: DirectionKeys, parts: readonly Uint8Array[]): Uint8Array => {
    const hmac = createHmac(hash, keys.integrity);
    for (const part of parts) hmac.update(part);
    return hmac.digest().subarray(0, checksumLength);
  };
  return {
    sealed: 0n,
    overhead: blockLength + blockLength + checksumLength,
    ivLength: blockLength,
    checksumLength,
    sealedLength: (innerLength) => blockLength + paddedLength(innerLength) + checksumLength,
    seal(keys, ahead, inner) {
      const padded = new Uint8Array(paddedLength(inner.length));
      padded.set(inner);
      padded[padded.length - 1] = padded.length - inner.length - 1;
      const iv = new Uint8Array(blockLength);
      random(iv);
      const cipher = createCipheriv(cbcName(row), keys.encryption, iv).setAutoPadding(false);
      const encrypted = concatBytes([iv, cipher.update(padded), cipher.final()]);
      return concatBytes([encrypted, checksum(keys, [ahead, encrypted])]);
    },
    open(keys, ahead, sealed) {
      const end = sealed.length - checksumLength;
      const encrypted = sealed.subarray(0, end);
      if (!timingSafeEqual(checksum(keys, [ahead, encrypted]), sealed.subarray(end))) return undefined;
      const blocks = encrypted.subarray(blockLength);
      if (blocks.length === 0 || blocks.length % blockLength !== 0) return undefined;
      const decipher = createDecipheriv(cbcName(row), keys.encryption, encrypted.subarray(0, blockLength));
      decipher.setAutoPadding(false);
      return concatBytes([decipher.update(blocks), decipher.final()]);
    },
  };
}

function gcmName(row: EncryptionRow): 'aes-128-gcm' | 'aes-256-gcm' {
  return row.keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

function cbcName(row: EncryptionRow): 'aes-128-cbc' | 'aes-256-cbc' {
  return row.keyLength === 16 ? 'aes-128-cbc' : 'aes-256-cbc';
}
