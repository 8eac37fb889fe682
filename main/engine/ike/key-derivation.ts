// Keys from secrets (RFC 7296 sections 2.13 to 2.18). Every key lies in memory of environment.allocateSecret.
import { createHmac } from 'node:crypto';
import { concatBytes, uint64Bytes } from './bytes.ts';
import type { EspProposal, IkeEnvironment, IkePrf, IkeProposal } from './contract.ts';
import { espEncryptions, ikeEncryptions, integrities, prfs } from './transforms.ts';

/** Where secrets may lie. */
export type SecretMemory = Pick<IkeEnvironment, 'allocateSecret' | 'freeSecret'>;

/** Section 2.14. `encryption` keys end with the cipher's salt, where it has one; integrity is empty for an AEAD. */
export interface IkeKeys {
  readonly derive: Uint8Array;
  readonly integrityInitiator: Uint8Array;
  readonly integrityResponder: Uint8Array;
  readonly encryptionInitiator: Uint8Array;
  readonly encryptionResponder: Uint8Array;
  readonly authenticationInitiator: Uint8Array;
  readonly authenticationResponder: Uint8Array;
}

/** Named by who sends under it: the initiator or the responder of the exchange that made the child. */
export interface ChildKeyPair {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

export interface IkeKeyInput {
  readonly proposal: IkeProposal;
  readonly sharedSecret: Uint8Array;
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  /** When an IKE SA is rekeyed (section 2.18): SK_d and PRF of the old one. */
  readonly previous?: { readonly derive: Uint8Array; readonly prf: IkePrf };
}

export interface ChildKeyInput {
  readonly prf: IkePrf;
  readonly proposal: EspProposal;
  /** SK_d of the IKE SA. */
  readonly derive: Uint8Array;
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
  /** Of the child's own key exchange (perfect forward secrecy). */
  readonly sharedSecret?: Uint8Array | undefined;
  /** The SPIs of the two directions, for whoever observes; no part of the derivation. */
  readonly initiatorSpi: number;
  readonly responderSpi: number;
}

/** What the engine derives keys with; injected, so that a test can look on. */
export interface KeyDerivation {
  ikeKeys(memory: SecretMemory, input: IkeKeyInput): IkeKeys;
  childKeys(memory: SecretMemory, input: ChildKeyInput): ChildKeyPair;
}

export const keyDerivation: KeyDerivation = { ikeKeys: deriveIkeKeys, childKeys: deriveChildKeys };

/** prf(key, data) into `output`, which has the PRF's length (section 2.13). */
export function prfInto(
  output: Uint8Array,
  prf: IkePrf,
  key: Uint8Array,
  ...parts: readonly Uint8Array[]
): void {
  const hmac = createHmac(prfs[prf].hash, key);
  for (const part of parts) hmac.update(part);
  const digest = hmac.digest();
  output.set(digest);
  digest.fill(0);
}

/** prf+(key, seed) until `output` is full (section 2.13). */
export function prfPlusInto(output: Uint8Array, prf: IkePrf, key: Uint8Array, seed: Uint8Array): void {
  const { hash, length } = prfs[prf];
  const blocks = Math.ceil(output.length / length);
  if (blocks > 255) throw new RangeError('prf+ gives at most 255 blocks');
  let previous: Buffer | undefined;
  for (let block = 1; block <= blocks; block++) {
    const hmac = createHmac(hash, key);
    if (previous !== undefined) hmac.update(previous);
    const digest = hmac
      .update(seed)
      .update(new Uint8Array([block]))
      .digest();
    previous?.fill(0);
    const start = (block - 1) * length;
    output.set(digest.subarray(0, Math.min(length, output.length - start)), start);
    previous = digest;
  }
  previous?.fill(0);
}

/** Wipes and gives back all seven. */
export function freeIkeKeys(memory: SecretMemory, keys: IkeKeys): void {
  for (const key of Object.values(keys) as Uint8Array[]) memory.freeSecret(key);
}

function deriveIkeKeys(memory: SecretMemory, input: IkeKeyInput): IkeKeys {
  const { proposal, initiatorNonce, responderNonce, previous } = input;
  const prfLength = prfs[proposal.prf].length;
  const encryption = ikeEncryptions[proposal.encryption];
  const encryptionLength = encryption.keyLength + encryption.saltLength;
  const integrityLength = proposal.integrity === 'none' ? 0 : integrities[proposal.integrity].keyLength;
  const nonces = concatBytes([initiatorNonce, responderNonce]);

  const seedPrf = previous?.prf ?? proposal.prf;
  const seedKey = memory.allocateSecret(prfs[seedPrf].length);
  if (previous === undefined) prfInto(seedKey, seedPrf, nonces, input.sharedSecret);
  else prfInto(seedKey, seedPrf, previous.derive, input.sharedSecret, nonces);

  const lengths = [
    prfLength,
    integrityLength,
    integrityLength,
    encryptionLength,
    encryptionLength,
    prfLength,
    prfLength,
  ];
  const stream = memory.allocateSecret(lengths.reduce((sum, length) => sum + length, 0));
  prfPlusInto(
    stream,
    proposal.prf,
    seedKey,
    concatBytes([nonces, uint64Bytes(input.initiatorSpi), uint64Bytes(input.responderSpi)]),
  );
  memory.freeSecret(seedKey);

  let position = 0;
  const [derive, integrityI, integrityR, encryptionI, encryptionR, authenticationI, authenticationR] =
    lengths.map((length) => {
      const key = memory.allocateSecret(length);
      key.set(stream.subarray(position, position + length));
      position += length;
      return key;
    });
  memory.freeSecret(stream);
  return {
    derive: derive!,
    integrityInitiator: integrityI!,
    integrityResponder: integrityR!,
    encryptionInitiator: encryptionI!,
    encryptionResponder: encryptionR!,
    authenticationInitiator: authenticationI!,
    authenticationResponder: authenticationR!,
  };
}

function deriveChildKeys(memory: SecretMemory, input: ChildKeyInput): ChildKeyPair {
  const { keyLength, saltLength } = espEncryptions[input.proposal.encryption];
  const length = keyLength + saltLength;
  const stream = memory.allocateSecret(2 * length);
  const secretLength = input.sharedSecret?.length ?? 0;
  const seed = memory.allocateSecret(
    secretLength + input.initiatorNonce.length + input.responderNonce.length,
  );
  if (input.sharedSecret !== undefined) seed.set(input.sharedSecret);
  seed.set(input.initiatorNonce, secretLength);
  seed.set(input.responderNonce, secretLength + input.initiatorNonce.length);
  prfPlusInto(stream, input.prf, input.derive, seed);
  memory.freeSecret(seed);
  const initiator = memory.allocateSecret(length);
  const responder = memory.allocateSecret(length);
  initiator.set(stream.subarray(0, length));
  responder.set(stream.subarray(length));
  memory.freeSecret(stream);
  return { initiator, responder };
}
