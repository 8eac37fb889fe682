// The protectors that need no card: each has a key pair of its own, whose private half is sealed under what a passphrase,
// a wrapping key or a recovery code gives. Shares are sealed to the public half, so that keys can be changed without it.
import { randomBytes, randomFillSync } from 'node:crypto';
import { type Argon2Costs, argon2id, x25519PublicKey } from '../../../native/openssl-keys.ts';
import {
  type CardOpener,
  type CardParameters,
  cardKeyKind,
  encodeCardParameters,
  readCardParameters,
} from './card-protector.ts';
import { type LockedMemory, withSecret } from './memory.ts';
import { damaged, OctetReader, OctetWriter } from './octets.ts';
import { idBytes, type Protector, type ProtectorType, protectorTypes } from './record.ts';
import {
  open,
  openWithCard,
  openWithKey,
  type ShareContext,
  seal,
  sealToCard,
  sealToKey,
  withDerivedKey,
} from './sealing.ts';
import { VaultError } from './vault-error.ts';

export const wrappingKeyBytes = 32;
const saltBytes = 16;
const privateKeyBytes = 32;

/** The second choice of RFC 9106: 64 MiB, three passes, four lanes. */
export const passphraseCosts: Argon2Costs = { memoryKibibytes: 64 * 1024, passes: 3, lanes: 4 };
/** What a file may ask of this computer at most: a hostile one must not keep it busy. */
const highestCosts: Argon2Costs = { memoryKibibytes: 256 * 1024, passes: 10, lanes: 16 };

/** What a new protector is made of. All secrets lie in locked memory and stay the caller's. */
export type NewProtector = { readonly label: string } & (
  | { readonly type: 'passphrase'; readonly passphrase: Uint8Array; readonly costs?: Argon2Costs }
  /**
   * A wrapping key of 32 bytes that the client keeps in the user's keychain, or the service in a file of root's; `id` of
   * 16 random bytes, by which it is found there.
   */
  | { readonly type: 'keychain' | 'system'; readonly key: Uint8Array; readonly id?: Uint8Array }
  | { readonly type: 'recovery'; readonly secret: Uint8Array }
  | { readonly type: 'card'; readonly card: CardParameters }
);

/** What opens a protector. */
export type ProtectorSecret =
  | { readonly type: 'passphrase'; readonly passphrase: Uint8Array }
  /** The wrapping key, or the bits of the recovery code. */
  | { readonly type: 'key'; readonly key: Uint8Array }
  | { readonly type: 'card'; readonly card: CardOpener };

export type ProtectorDescription = Omit<Protector, 'sealedShare'>;

interface Place {
  readonly vaultId: Uint8Array;
  readonly compartmentId: Uint8Array;
}

/** Makes the key pair and seals its private half. Throws VaultError. */
export async function makeProtector(
  memory: LockedMemory,
  place: Place,
  from: NewProtector,
): Promise<ProtectorDescription> {
  const id = ('id' in from ? from.id : undefined) ?? randomBytes(idBytes);
  const { type, label } = from;
  if (from.type === 'card') {
    cardKeyKind(from.card.publicKey);
    return { id, type, label, parameters: encodeCardParameters(from.card) };
  }
  const costs = from.type === 'passphrase' ? (from.costs ?? passphraseCosts) : undefined;
  const salt = randomBytes(saltBytes);
  return withSecret(memory, privateKeyBytes, async (privateKey) => {
    randomFillSync(privateKey);
    const publicKey = x25519PublicKey(memory.addressOf(privateKey));
    const open = new OctetWriter().octets(publicKey);
    if (costs !== undefined) {
      open.number32(costs.memoryKibibytes).number32(costs.passes).number8(costs.lanes);
    }
    const head = open.octets(salt).finish();
    const context = protectorContext(place, id, type, head);
    const sealed = await withWrappingKey(memory, place, from, { salt, costs }, (key) =>
      seal(memory, key, privateKey, context),
    );
    const parameters = new OctetWriter().octets(head).octets(sealed).finish();
    return { id, type, label, parameters };
  });
}

/** Seals a share to the protector's public key; needs no secret. */
export async function sealShare(
  memory: LockedMemory,
  place: Place,
  protector: ProtectorDescription,
  share: Uint8Array,
): Promise<Uint8Array> {
  const context: ShareContext = { ...place, protectorId: protector.id };
  if (protector.type === 'card') {
    return sealToCard(memory, readCardParameters(protector.parameters).publicKey, share, context);
  }
  return sealToKey(memory, readParameters(protector).publicKey, share, context);
}

/** Gives the protector's share in locked memory, which the caller frees. Throws VaultError, wrong-secret above all. */
export async function openShare(
  memory: LockedMemory,
  place: Place,
  protector: Protector,
  secret: ProtectorSecret,
): Promise<Uint8Array> {
  const context: ShareContext = { ...place, protectorId: protector.id };
  if (protector.type === 'card') {
    if (secret.type !== 'card') throw new VaultError('wrong-secret', 'This protector is a card.');
    const { publicKey } = readCardParameters(protector.parameters);
    return openWithCard(memory, publicKey, protector.sealedShare, context, secret.card);
  }
  const { head, salt, costs, sealed } = readParameters(protector);
  if ((protector.type === 'passphrase') !== (secret.type === 'passphrase')) {
    throw new VaultError('wrong-secret', `This protector is no ${secret.type}.`);
  }
  const wrong = () => new VaultError('wrong-secret', wrongWords[protector.type]);
  const privateKey = await withWrappingKey(memory, place, secret, { salt, costs }, (key) =>
    open(memory, key, sealed, protectorContext(place, protector.id, protector.type, head), wrong),
  );
  try {
    return await openWithKey(memory, privateKey, protector.sealedShare, context);
  } finally {
    memory.free(privateKey);
  }
}

const wrongWords: Record<ProtectorType, string> = {
  passphrase: 'The passphrase is wrong.',
  keychain: 'The key in the keychain does not fit this vault.',
  system: 'The key in the system’s file does not fit this vault.',
  recovery: 'The recovery code is another vault’s.',
  card: 'The card is another one.',
};

function withWrappingKey<Result>(
  memory: LockedMemory,
  { vaultId }: Place,
  secret: NewProtector | ProtectorSecret,
  { salt, costs }: { salt: Uint8Array; costs: Argon2Costs | undefined },
  use: (key: Uint8Array) => Result,
): Promise<Result> {
  if (secret.type === 'passphrase') {
    const { passphrase } = secret;
    return withSecret(memory, wrappingKeyBytes, async (key) => {
      const given = { address: memory.addressOf(passphrase), length: passphrase.length };
      const output = { address: memory.addressOf(key), length: key.length };
      await argon2id(given, Buffer.concat([salt, vaultId]), costs ?? passphraseCosts, output);
      return use(key);
    });
  }
  if (secret.type === 'card') throw new VaultError('wrong-secret', 'This protector is no card.');
  const key = 'key' in secret ? secret.key : secret.secret;
  const info = Buffer.from('SealNIC vault wrapping key 1');
  return withDerivedKey(memory, key, Buffer.concat([salt, vaultId]), info, use);
}

/** public key 32; passphrase: memory 4, passes 4, lanes 1; salt 16; nonce 24, private key 32, tag 16. */
function readParameters({ type, parameters }: ProtectorDescription) {
  const reader = new OctetReader(parameters);
  const publicKey = reader.octets(privateKeyBytes);
  const costs = type === 'passphrase' ? readCosts(reader) : undefined;
  const salt = reader.octets(saltBytes);
  const head = parameters.subarray(0, reader.offset);
  const sealed = reader.octets(24 + privateKeyBytes + 16);
  reader.end();
  return { publicKey, salt, costs, head, sealed };
}

function readCosts(reader: OctetReader): Argon2Costs {
  const costs = { memoryKibibytes: reader.number32(), passes: reader.number32(), lanes: reader.number8() };
  const bearable =
    costs.memoryKibibytes >= 8 * costs.lanes &&
    costs.memoryKibibytes <= highestCosts.memoryKibibytes &&
    costs.passes >= 1 &&
    costs.passes <= highestCosts.passes &&
    costs.lanes >= 1 &&
    costs.lanes <= highestCosts.lanes;
  if (!bearable) throw damaged('its passphrase asks for more work than this program does');
  return costs;
}

function protectorContext(
  { vaultId, compartmentId }: Place,
  id: Uint8Array,
  type: ProtectorType,
  head: Uint8Array,
): Uint8Array {
  return new OctetWriter()
    .octets(Buffer.from('SealNIC vault protector 1'))
    .octets(vaultId)
    .octets(compartmentId)
    .octets(id)
    .number8(protectorTypes.indexOf(type))
    .octets(head)
    .finish();
}
