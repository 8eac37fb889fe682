// The PIV application of a card (NIST SP 800-73-4 part 2) over one channel. Whoever calls holds the transaction.
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import { type Answer, type CardChannel, type Command, sendCommand } from './apdu.ts';
import { CardError, type CardKeyAlgorithm, type KeyPurpose, type PinPolicy } from './contract.ts';
import { ecdsaInput, isEcdsaSignature, openOaep, pkcs1Block, pssBlock } from './padding.ts';
import {
  algorithmIdentifier,
  certificateContent,
  certificateObject,
  certificateOf,
  discoveryObject,
  holderObject,
  identifierOf,
  isRsa,
  keyReference,
  keySize,
  managementKeyReference,
  pinReferenceOf,
  pivApplication,
  pointKey,
  publicKeyFromCard,
} from './piv-data.ts';
import { findTlv, TlvError, writeTlv } from './tlv.ts';

const pukReference = 0x81;
const pinBlockBytes = 8;
const notKnown = new Set([0x6a80, 0x6a81, 0x6a82, 0x6a86, 0x6a88, 0x6d00, 0x6e00]);

export interface KeyMetadata {
  readonly pinPolicy: PinPolicy;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array | undefined;
}

/** Every method throws CardError and nothing else. */
export class PivApplication {
  readonly #channel: CardChannel;
  #pinReference = 0x80;

  constructor(channel: CardChannel) {
    this.#channel = channel;
  }

  /** Selects the application, where it is not selected already: some cards shut what a PIN has unlocked by that. */
  select(): void {
    const present = this.#getData(discoveryObject);
    if (present !== undefined) {
      this.#pinReference = guard(() => pinReferenceOf(present));
      return;
    }
    const answer = this.#send({ ins: 0xa4, p1: 4, p2: 0, data: pivApplication, expects: true });
    if (answer.status !== 0x9000)
      throw new CardError('unknown-card', 'there is no PIV application on the card');
    const discovery = this.#getData(discoveryObject);
    this.#pinReference = discovery === undefined ? 0x80 : guard(() => pinReferenceOf(discovery));
  }

  get pinReference(): number {
    return this.#pinReference;
  }

  /** undefined: the card does not tell, or the PIN is proved at this moment. */
  triesLeft(): number | undefined {
    return triesOf(this.#send({ ins: 0x20, p1: 0, p2: this.#pinReference }).status);
  }

  /** Of a GUID; undefined where the card has no holder identifier. */
  identifier(): string | undefined {
    const holder = this.#getData(holderObject);
    return holder === undefined ? undefined : guard(() => identifierOf(holder));
  }

  certificate(purpose: KeyPurpose): Uint8Array | undefined {
    const content = this.#getData(certificateObject[purpose]);
    return content === undefined ? undefined : guard(() => certificateOf(content));
  }

  /** A vendor's extension (GET METADATA); undefined where the card does not have it, or the slot is empty. */
  metadata(purpose: KeyPurpose): KeyMetadata | undefined {
    const answer = this.#send({ ins: 0xf7, p1: 0, p2: keyReference[purpose], expects: true });
    if (answer.status !== 0x9000) return undefined;
    return guard(() => {
      const identifier = findTlv(answer.data, 0x01)?.[0];
      const found = Object.entries(algorithmIdentifier).find(([, value]) => value === identifier)?.[0];
      const template = findTlv(answer.data, 0x04);
      const policies = ['unknown', 'never', 'once', 'always'] as const;
      return {
        pinPolicy: policies[findTlv(answer.data, 0x02)?.[0] ?? 0] ?? 'unknown',
        publicKey:
          template === undefined || found === undefined
            ? undefined
            : publicKeyFromCard(template, found as CardKeyAlgorithm),
      };
    });
  }

  /** Proves the PIN: one try, never another. */
  verifyPin(pin: Uint8Array): void {
    checkPin(pin);
    const block = this.#block(pin);
    const { status } = this.#sendSecret({ ins: 0x20, p1: 0, p2: this.#pinReference }, block);
    checkVerified(status, 'pin');
  }

  /** SW1 SW2 that a PIN pad reader gave for the command that it made itself. */
  checkPinPad(status: number): void {
    if (status === 0x6400 || status === 0x6401) {
      throw new CardError('cancelled', status === 0x6400 ? 'no PIN was typed in time' : 'it was cancelled');
    }
    checkVerified(status, 'pin');
  }

  changePin(present: Uint8Array, next: Uint8Array, puk = false): void {
    checkPin(present);
    checkPin(next);
    const blocks = this.#blocks(present, next);
    const reference = puk ? pukReference : this.#pinReference;
    const { status } = this.#sendSecret({ ins: 0x24, p1: 0, p2: reference }, blocks);
    checkChanged(status, puk ? 'puk' : 'pin');
  }

  unblock(puk: Uint8Array, next: Uint8Array): void {
    checkPin(puk);
    checkPin(next);
    const blocks = this.#blocks(puk, next);
    const { status } = this.#sendSecret({ ins: 0x2c, p1: 0, p2: this.#pinReference }, blocks);
    checkChanged(status, 'puk');
  }

  sign(
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    scheme: SignatureScheme,
    data: Uint8Array,
  ): Uint8Array {
    if (isRsa(algorithm) === (scheme.kind === 'ecdsa')) {
      throw new CardError('key-unsuitable', `the key on the card cannot sign by ${scheme.kind}`);
    }
    const size = keySize[algorithm];
    const signature = this.#generalAuthenticate(purpose, algorithm, 0x81, signatureInput(scheme, data, size));
    const fits = isRsa(algorithm) ? signature.length === size : isEcdsaSignature(signature, size);
    if (!fits) throw new CardError('bad-answer', 'the card gave something that is no signature');
    return signature;
  }

  /** Into `secret`, as long as a coordinate. */
  agree(purpose: KeyPurpose, algorithm: CardKeyAlgorithm, peerPoint: Uint8Array, secret: Uint8Array): void {
    if (algorithm !== 'ecc-p256' && algorithm !== 'ecc-p384') {
      throw new CardError('key-unsuitable', 'the key on the card is none for ECDH');
    }
    try {
      pointKey(peerPoint, algorithm);
    } catch {
      throw new CardError('key-unsuitable', "the other side's public key does not lie on the card's curve");
    }
    const size = keySize[algorithm];
    if (
      this.#generalAuthenticate(purpose, algorithm, 0x85, peerPoint, secret.subarray(0, size)).length !== size
    ) {
      throw new CardError('bad-answer', 'the card gave no shared secret');
    }
  }

  /** OAEP. Gives how many bytes of `secret` (as long as the modulus) are the plain text. */
  decrypt(
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    ciphertext: Uint8Array,
    label: Uint8Array,
    secret: Uint8Array,
  ): number {
    const size = keySize[algorithm];
    if (!isRsa(algorithm) || ciphertext.length !== size) {
      throw new CardError('key-unsuitable', 'the key on the card is none that could open this');
    }
    const block = secret.subarray(0, size);
    if (this.#generalAuthenticate(purpose, algorithm, 0x81, ciphertext, block).length !== size) {
      throw new CardError('bad-answer', 'the card gave no plain text');
    }
    const message = openOaep(block, label);
    if (message === undefined) {
      block.fill(0);
      throw new CardError('key-unsuitable', 'this was not encrypted for the key on the card');
    }
    const { length } = message;
    block.copyWithin(
      0,
      message.byteOffset - block.byteOffset,
      message.byteOffset - block.byteOffset + length,
    );
    block.fill(0, length);
    return length;
  }

  /** Mutual authentication with the management key (9B): 3DES or AES, told apart by length and by what the card takes. */
  proveManagementKey(key: Uint8Array): void {
    const candidates = managementCiphers.filter(({ length }) => length === key.length);
    if (candidates.length === 0) {
      throw new CardError('management-key-wrong', 'a management key has 16, 24 or 32 bytes');
    }
    for (const cipher of candidates) {
      const witness = this.#managementStep(cipher.identifier, writeTlv(0x80));
      if (witness === undefined) continue;
      this.#proveManagementKey(cipher, key, witness);
      return;
    }
    throw new CardError('management-key-wrong', 'the card wants a management key of another kind');
  }

  readObject(tag: number): Uint8Array | undefined {
    return this.#getData(tag);
  }

  writeObject(tag: number, content: Uint8Array): void {
    const data = Buffer.concat([writeTlv(0x5c, tagValue(tag)), writeTlv(0x53, content)]);
    const { status } = this.#send({ ins: 0xdb, p1: 0x3f, p2: 0xff, data });
    if (status === 0x6a84) throw new CardError('card-full', 'there is no room left on the card');
    if (status === 0x6982)
      throw new CardError('management-key-wrong', 'the card takes nothing without its key');
    if (notKnown.has(status)) throw new CardError('not-supported', 'the card does not take that object');
    check(status);
  }

  writeCertificate(purpose: KeyPurpose, certificate: Uint8Array): void {
    this.writeObject(certificateObject[purpose], certificateContent(certificate));
  }

  writeHolderIdentifier(identifier: Uint8Array): void {
    const content = [
      // The FASC-N of a card that no federal agency issued, the identifier, an expiry date, no signature.
      writeTlv(0x30, Buffer.from('d4e739da739ced39ce739d836858210842108421c84210c3eb', 'hex')),
      writeTlv(0x34, identifier),
      writeTlv(0x35, Buffer.from('20501231', 'latin1')),
      writeTlv(0x3e),
      writeTlv(0xfe),
    ];
    this.writeObject(holderObject, Buffer.concat(content));
  }

  /** Gives DER of the SubjectPublicKeyInfo. */
  generateKey(purpose: KeyPurpose, algorithm: CardKeyAlgorithm): Uint8Array {
    const data = writeTlv(0xac, writeTlv(0x80, Uint8Array.of(algorithmIdentifier[algorithm])));
    const answer = this.#send({ ins: 0x47, p1: 0, p2: keyReference[purpose], data, expects: true });
    if (answer.status === 0x6982) {
      throw new CardError('management-key-wrong', 'the card makes no key without its management key');
    }
    if (notKnown.has(answer.status)) {
      throw new CardError('not-supported', `the card cannot make keys of the kind ${algorithm}`);
    }
    check(answer.status);
    const template = guard(() => findTlv(answer.data, 0x7f49));
    if (template === undefined) throw new CardError('bad-answer', 'the card told no public key');
    return publicKeyFromCard(template, algorithm);
  }

  #proveManagementKey(cipher: ManagementCipher, key: Uint8Array, witness: Uint8Array): void {
    const { identifier, name, blockBytes } = cipher;
    const encrypted = guard(() => findTlv(witness, 0x80));
    if (encrypted?.length !== blockBytes) throw new CardError('bad-answer', 'the card sent no witness');
    const challenge = randomBytes(blockBytes);
    const decipher = createDecipheriv(name, key, null).setAutoPadding(false);
    const decrypted = Buffer.concat([decipher.update(encrypted), decipher.final()]);
    const response = this.#managementStep(
      identifier,
      Buffer.concat([writeTlv(0x80, decrypted), writeTlv(0x81, challenge), writeTlv(0x82)]),
    );
    const proof = response === undefined ? undefined : guard(() => findTlv(response, 0x82));
    const encipher = createCipheriv(name, key, null).setAutoPadding(false);
    const expected = Buffer.concat([encipher.update(challenge), encipher.final()]);
    if (proof?.length !== blockBytes || !timingSafeEqual(proof, expected)) {
      throw new CardError('management-key-wrong', 'the management key is not the one of the card');
    }
  }

  /** undefined where the card refused. */
  #managementStep(algorithm: number, content: Uint8Array): Uint8Array | undefined {
    const data = writeTlv(0x7c, content);
    const answer = this.#send({ ins: 0x87, p1: algorithm, p2: managementKeyReference, data, expects: true });
    if (answer.status !== 0x9000) return undefined;
    return guard(() => findTlv(answer.data, 0x7c));
  }

  #generalAuthenticate(
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    tag: number,
    input: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    const data = writeTlv(0x7c, writeTlv(0x82), writeTlv(tag, input));
    const command = {
      ins: 0x87,
      p1: algorithmIdentifier[algorithm],
      p2: keyReference[purpose],
      data,
      expects: true,
    };
    const answer = sendCommand(this.#channel, command, into === undefined ? undefined : this.#channel.secret);
    try {
      if (answer.status === 0x6982) {
        const tries = this.triesLeft();
        if (tries === 0) throw new CardError('pin-blocked', 'the PIN of the card is blocked', 0);
        throw new CardError('pin-needed', 'the card wants its PIN', tries);
      }
      if (notKnown.has(answer.status)) {
        throw new CardError('no-key', `the card has no such key in slot ${slotName(purpose)}`);
      }
      check(answer.status);
      const value = guard(() => findTlv(findTlv(answer.data, 0x7c) ?? new Uint8Array(0), 0x82));
      if (value === undefined) throw new CardError('bad-answer', 'the card gave no result');
      if (into === undefined) return value.slice();
      if (value.length > into.length) throw new CardError('bad-answer', 'the result is too long');
      into.set(value);
      return into.subarray(0, value.length);
    } finally {
      answer.data.fill(0);
    }
  }

  /** The content of an object; undefined where the card has none. */
  #getData(tag: number): Uint8Array | undefined {
    const data = writeTlv(0x5c, tagValue(tag));
    const answer = this.#send({ ins: 0xcb, p1: 0x3f, p2: 0xff, data, expects: true });
    if (answer.status !== 0x9000) return undefined;
    const content = guard(() => findTlv(answer.data, tag === discoveryObject ? discoveryObject : 0x53));
    return content === undefined || content.length === 0 ? undefined : content.slice();
  }

  #send(command: Command): Answer {
    return sendCommand(this.#channel, command);
  }

  #sendSecret(command: Command, block: Uint8Array): Answer {
    try {
      return sendCommand(this.#channel, { ...command, data: block });
    } finally {
      block.fill(0);
    }
  }

  /** Blocks are made at the end of the channel's locked memory. */
  #block(pin: Uint8Array): Uint8Array {
    const memory = this.#channel.command;
    const block = memory.subarray(memory.length - pinBlockBytes);
    block.fill(0xff);
    block.set(pin);
    return block;
  }

  #blocks(first: Uint8Array, second: Uint8Array): Uint8Array {
    const memory = this.#channel.command;
    const blocks = memory.subarray(memory.length - 2 * pinBlockBytes);
    blocks.fill(0xff);
    blocks.set(first);
    blocks.set(second, pinBlockBytes);
    return blocks;
  }
}

/** Four to eight bytes, none of them the filling: what is not even sent costs no try. */
export function checkPin(pin: Uint8Array): void {
  if (pin.length >= 4 && pin.length <= pinBlockBytes && !pin.includes(0xff)) return;
  throw new CardError('pin-invalid', 'a PIN of a card has 4 to 8 characters, most often 6 to 8 digits');
}

export function slotName(purpose: KeyPurpose): string {
  return keyReference[purpose].toString(16).toUpperCase();
}

interface ManagementCipher {
  readonly identifier: number;
  readonly name: string;
  readonly length: number;
  readonly blockBytes: number;
}

const managementCiphers: readonly ManagementCipher[] = [
  { identifier: 0x0a, name: 'aes-192-ecb', length: 24, blockBytes: 16 },
  { identifier: 0x03, name: 'des-ede3', length: 24, blockBytes: 8 },
  { identifier: 0x08, name: 'aes-128-ecb', length: 16, blockBytes: 16 },
  { identifier: 0x0c, name: 'aes-256-ecb', length: 32, blockBytes: 16 },
];

function signatureInput(scheme: SignatureScheme, data: Uint8Array, size: number): Uint8Array {
  switch (scheme.kind) {
    case 'rsa-pkcs1':
      return pkcs1Block(scheme.hash, data, size);
    case 'rsa-pss':
      return pssBlock(scheme.hash, data, size);
    case 'ecdsa':
      return ecdsaInput(scheme.hash, data, size);
  }
}

function triesOf(status: number): number | undefined {
  if (status === 0x6983) return 0;
  return (status & 0xfff0) === 0x63c0 ? status & 0x0f : undefined;
}

function checkVerified(status: number, what: 'pin' | 'puk'): void {
  const tries = triesOf(status);
  if (status === 0x9000) return;
  if (tries === 0)
    throw new CardError(`${what}-blocked`, `the ${what.toUpperCase()} of the card is blocked`, 0);
  if (tries !== undefined) throw new CardError(`${what}-wrong`, `the ${what.toUpperCase()} is wrong`, tries);
  if (status === 0x6a80) throw new CardError('pin-invalid', 'the card does not take such a PIN');
  check(status);
}

/** The same where a new PIN goes with it, which the card may refuse by its own rules. */
function checkChanged(status: number, what: 'pin' | 'puk'): void {
  if (status === 0x6985) throw new CardError('pin-invalid', 'the card does not take the new PIN');
  checkVerified(status, what);
}

function check(status: number): void {
  if (status === 0x9000) return;
  if (status === 0x6982) throw new CardError('pin-needed', 'the card wants its PIN');
  throw new CardError('refused', `the card refused (status ${status.toString(16).padStart(4, '0')})`);
}

function tagValue(tag: number): Uint8Array {
  return tag > 0xff ? Uint8Array.of(tag >>> 16, (tag >>> 8) & 0xff, tag & 0xff) : Uint8Array.of(tag);
}

/** What a card answers is not to be trusted to be well made. */
function guard<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof TlvError)
      throw new CardError('bad-answer', `the card's answer makes no sense: ${error.message}`);
    throw error;
  }
}
