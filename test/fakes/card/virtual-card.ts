// A PIV card made of software (SP 800-73-4), for the tests: it stands in a real pcscd's virtual reader, and OpenSC uses it
// as well as we do.
import {
  constants,
  createCipheriv,
  createECDH,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  randomBytes,
} from 'node:crypto';
import { p256, p384 } from '@noble/curves/nist.js';
import type { CardKeyAlgorithm, KeyPurpose } from '../../../main/keys/card/contract.ts';
import {
  algorithmIdentifier,
  algorithmOf,
  certificateContent,
  certificateObject,
  holderObject,
  keyReference,
  pivApplication,
} from '../../../main/keys/card/piv-data.ts';
import { findTlv, readTlvs, writeTlv } from '../../../main/keys/card/tlv.ts';

export const virtualCardAtr = Buffer.from('3b8880018054657374504956f0', 'hex');
export const defaultPin = '123456';
export const defaultPuk = '12345678';
export const defaultManagementKey = Buffer.from('0102030405060708'.repeat(3), 'hex');

export interface VirtualCardOptions {
  readonly identifier?: Uint8Array | 'none';
  /** 0x03 3DES, 0x08 AES-128, 0x0a AES-192, 0x0c AES-256. */
  readonly managementAlgorithm?: number;
  readonly managementKey?: Uint8Array;
  /** Objects outside the standard's own are refused. */
  readonly onlyStandardObjects?: boolean;
  /** Answers GET METADATA, as some vendors' cards do. */
  readonly tellsMetadata?: boolean;
}

interface Reference {
  value: Buffer;
  tries: number;
}

const maximumTries = 3;
const ok = 0x9000;

export class VirtualCard {
  /** How often it has signed, or decrypted by RSA. */
  signatures = 0;
  readonly keys = new Map<number, KeyObject>();
  readonly objects = new Map<number, Uint8Array>();
  readonly pin: Reference = { value: padded(defaultPin), tries: maximumTries };
  readonly puk: Reference = { value: padded(defaultPuk), tries: maximumTries };
  /** What the card was asked to do, by instruction byte: tests look for what must not have been. */
  readonly instructions: number[] = [];
  readonly #options: VirtualCardOptions;
  #isSelected = false;
  #pinProved = false;
  /** 9C: the PIN was proved by the command before. */
  #pinIsFresh = false;
  #managementProved = false;
  #witness: Buffer | undefined;
  #chain: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);

  constructor(options: VirtualCardOptions = {}) {
    this.#options = options;
    const identifier = options.identifier ?? randomBytes(16);
    if (identifier === 'none') return;
    this.objects.set(
      holderObject,
      Buffer.concat([
        writeTlv(0x30, Buffer.from('d4e739da739ced39ce739d836858210842108421c84210c3eb', 'hex')),
        writeTlv(0x34, identifier),
        writeTlv(0x35, Buffer.from('20301231')),
        writeTlv(0x3e),
        writeTlv(0xfe),
      ]),
    );
  }

  get isUnlocked(): boolean {
    return this.#pinProved;
  }

  put(purpose: KeyPurpose, key: KeyObject, certificate?: Uint8Array): void {
    this.keys.set(keyReference[purpose], key);
    if (certificate) this.objects.set(certificateObject[purpose], certificateContent(certificate));
  }

  /** Power or reset: what was proved is forgotten. */
  reset(): void {
    this.#isSelected = false;
    this.#pinProved = false;
    this.#pinIsFresh = false;
    this.#managementProved = false;
    this.#witness = undefined;
    this.#chain = [];
    this.#rest = Buffer.alloc(0);
  }

  /** Never throws, whatever the bytes. */
  answer(command: Uint8Array): Uint8Array {
    try {
      return this.#answer(command);
    } catch {
      return status(0x6a80);
    }
  }

  #answer(command: Uint8Array): Uint8Array {
    if (command.length < 4) return status(0x6700);
    const [cla, ins, p1, p2] = command as unknown as [number, number, number, number];
    this.instructions.push(ins);
    if (ins === 0xc0) return this.#more(command[4] ?? 0);
    if (ins !== 0xa4 && !this.#isSelected) return status(0x6d00);
    const data = dataOf(command);
    if (data === undefined) return status(0x6700);
    if ((cla & 0x10) !== 0) {
      this.#chain.push(data);
      return status(ok);
    }
    const whole = Buffer.concat([...this.#chain, data]);
    this.#chain = [];
    const fresh = this.#pinIsFresh;
    this.#pinIsFresh = false;
    return this.#give(this.#run(ins, p1, p2, whole, fresh));
  }

  #run(ins: number, p1: number, p2: number, data: Buffer, fresh: boolean): Buffer | number {
    switch (ins) {
      case 0xa4:
        return this.#select(data);
      case 0xcb:
        return this.#getData(data);
      case 0x20:
        return this.#verify(p1, p2, data);
      case 0x24:
        return this.#change(p2, data);
      case 0x2c:
        return this.#unblock(data);
      case 0x87:
        return p2 === 0x9b ? this.#manage(p1, data) : this.#authenticate(p1, p2, data, fresh);
      case 0x47:
        return this.#generate(p2, data);
      case 0xdb:
        return this.#putData(data);
      case 0xf7:
        return this.#options.tellsMetadata ? this.#metadata(p2) : 0x6d00;
      default:
        return 0x6d00;
    }
  }

  #select(data: Buffer): Buffer | number {
    if (!data.equals(pivApplication) && !data.equals(pivApplication.subarray(0, data.length))) return 0x6a82;
    this.#isSelected = true;
    this.#pinProved = false;
    this.#managementProved = false;
    const template = [
      writeTlv(0x4f, Uint8Array.of(0, 0, 0x10, 0, 1, 0)),
      writeTlv(0x79, writeTlv(0x4f, pivApplication.subarray(0, 5))),
    ];
    return Buffer.from(writeTlv(0x61, ...template));
  }

  #getData(data: Buffer): Buffer | number {
    const tag = tagOf(findTlv(data, 0x5c));
    if (tag === 0x7e) {
      const content = [writeTlv(0x4f, pivApplication), writeTlv(0x5f2f, Uint8Array.of(0x40, 0))];
      return Buffer.from(writeTlv(0x7e, ...content));
    }
    const content = this.objects.get(tag);
    return content === undefined ? 0x6a82 : Buffer.from(writeTlv(0x53, content));
  }

  #verify(p1: number, p2: number, data: Buffer): number {
    if (p2 !== 0x80) return 0x6a88;
    if (p1 === 0xff) {
      this.#pinProved = false;
      return ok;
    }
    if (data.length === 0) {
      if (this.#pinProved) return ok;
      return this.pin.tries === 0 ? 0x6983 : 0x63c0 | this.pin.tries;
    }
    if (data.length !== 8) return 0x6a80;
    const result = check(this.pin, data);
    this.#pinProved = result === ok;
    this.#pinIsFresh = this.#pinProved;
    return result;
  }

  #change(p2: number, data: Buffer): number {
    const reference = p2 === 0x80 ? this.pin : p2 === 0x81 ? this.puk : undefined;
    if (reference === undefined || data.length !== 16) return 0x6a80;
    const result = check(reference, data.subarray(0, 8));
    if (result === ok) reference.value = Buffer.from(data.subarray(8));
    return result;
  }

  #unblock(data: Buffer): number {
    if (data.length !== 16) return 0x6a80;
    const result = check(this.puk, data.subarray(0, 8));
    if (result !== ok) return result;
    this.pin.value = Buffer.from(data.subarray(8));
    this.pin.tries = maximumTries;
    return ok;
  }

  #manage(algorithm: number, data: Buffer): Buffer | number {
    if (algorithm !== (this.#options.managementAlgorithm ?? 0x03)) return 0x6a86;
    const template = findTlv(data, 0x7c) ?? Buffer.alloc(0);
    const elements = readTlvs(template);
    const response = elements.find(({ tag }) => tag === 0x80)?.value;
    const challenge = elements.find(({ tag }) => tag === 0x81)?.value;
    if (response?.length === 0) {
      this.#witness = randomBytes(algorithm === 0x03 ? 8 : 16);
      return Buffer.from(writeTlv(0x7c, writeTlv(0x80, this.#encrypt(this.#witness))));
    }
    if (response === undefined || challenge === undefined || !this.#witness?.equals(response)) return 0x6982;
    this.#managementProved = true;
    return Buffer.from(writeTlv(0x7c, writeTlv(0x82, this.#encrypt(challenge))));
  }

  #encrypt(block: Uint8Array): Buffer {
    const names: Record<number, string> = {
      3: 'des-ede3',
      8: 'aes-128-ecb',
      10: 'aes-192-ecb',
      12: 'aes-256-ecb',
    };
    const name = names[this.#options.managementAlgorithm ?? 0x03]!;
    const cipher = createCipheriv(name, this.#options.managementKey ?? defaultManagementKey, null);
    return cipher.setAutoPadding(false).update(block);
  }

  #authenticate(algorithm: number, slot: number, data: Buffer, fresh: boolean): Buffer | number {
    const key = this.keys.get(slot);
    if (key === undefined) return 0x6a88;
    const kind = algorithmOf(createPublicKey(key));
    if (kind === undefined || algorithmIdentifier[kind] !== algorithm) return 0x6a86;
    if (slot !== 0x9e && !this.#pinProved) return 0x6982;
    if (slot === 0x9c && !fresh) return 0x6982;
    const template = findTlv(data, 0x7c);
    if (template === undefined) return 0x6a80;
    const challenge = findTlv(template, 0x81);
    const point = findTlv(template, 0x85);
    try {
      if (challenge !== undefined) this.signatures += 1;
      const result = challenge !== undefined ? sign(key, kind, challenge) : derive(key, point!);
      return Buffer.from(writeTlv(0x7c, writeTlv(0x82, result)));
    } catch {
      return 0x6a80;
    }
  }

  #generate(slot: number, data: Buffer): Buffer | number {
    if (!this.#managementProved) return 0x6982;
    const identifier = findTlv(findTlv(data, 0xac) ?? Buffer.alloc(0), 0x80)?.[0];
    const kind = Object.entries(algorithmIdentifier).find(([, value]) => value === identifier)?.[0];
    if (kind === undefined) return 0x6a80;
    const { privateKey } = makeKey(kind as CardKeyAlgorithm);
    this.keys.set(slot, privateKey);
    return Buffer.from(writeTlv(0x7f49, ...publicTemplate(privateKey)));
  }

  #putData(data: Buffer): number {
    if (!this.#managementProved) return 0x6982;
    const elements = readTlvs(data);
    const tag = tagOf(elements[0]?.value);
    const content = elements[1]?.value;
    if (content === undefined) return 0x6a80;
    if (this.#options.onlyStandardObjects === true && (tag < 0x5fc101 || tag > 0x5fc123)) return 0x6a82;
    if (content.length === 0) this.objects.delete(tag);
    else this.objects.set(tag, content.slice());
    return ok;
  }

  #metadata(slot: number): Buffer | number {
    const key = this.keys.get(slot);
    if (key === undefined) return 0x6a88;
    const kind = algorithmOf(createPublicKey(key))!;
    const policy = slot === 0x9e ? 1 : slot === 0x9c ? 3 : 2;
    return Buffer.concat([
      writeTlv(0x01, Uint8Array.of(algorithmIdentifier[kind])),
      writeTlv(0x02, Uint8Array.of(policy, 1)),
      writeTlv(0x03, Uint8Array.of(1)),
      writeTlv(0x04, ...publicTemplate(key)),
    ]);
  }

  #give(result: Buffer | number): Uint8Array {
    if (typeof result === 'number') return status(result);
    this.#rest = result;
    return this.#more(0);
  }

  #more(length: number): Uint8Array {
    const piece = this.#rest.subarray(0, length === 0 ? 256 : length);
    this.#rest = this.#rest.subarray(piece.length);
    const left = this.#rest.length;
    return Buffer.concat([piece, status(left === 0 ? ok : 0x6100 | (left > 255 ? 0 : left))]);
  }
}

/** A key of the kind that a card would make. */
export function makeKey(kind: CardKeyAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kind === 'ecc-p256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (kind === 'ecc-p384') return generateKeyPairSync('ec', { namedCurve: 'P-384' });
  return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)) });
}

function sign(key: KeyObject, kind: CardKeyAlgorithm, input: Uint8Array): Uint8Array {
  if (kind.startsWith('rsa')) {
    return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, input);
  }
  const curve = kind === 'ecc-p256' ? p256 : p384;
  const secret = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
  return curve.sign(input, secret, { prehash: false, format: 'der' });
}

function derive(key: KeyObject, point: Uint8Array): Uint8Array {
  const { crv, d } = key.export({ format: 'jwk' });
  const ecdh = createECDH(crv === 'P-256' ? 'prime256v1' : 'secp384r1');
  ecdh.setPrivateKey(Buffer.from(d ?? '', 'base64url'));
  return ecdh.computeSecret(point);
}

function publicTemplate(key: KeyObject): Uint8Array[] {
  const jwk = createPublicKey(createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' }))).export({
    format: 'jwk',
  });
  const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64url');
  if (jwk.kty === 'RSA') return [writeTlv(0x81, bytes(jwk.n)), writeTlv(0x82, bytes(jwk.e))];
  return [writeTlv(0x86, Uint8Array.of(4), bytes(jwk.x), bytes(jwk.y))];
}

function check(reference: Reference, given: Buffer): number {
  if (reference.tries === 0) return 0x6983;
  if (!reference.value.equals(given)) {
    reference.tries -= 1;
    return 0x63c0 | reference.tries;
  }
  reference.tries = maximumTries;
  return ok;
}

/** The data of a short or extended command; undefined where its lengths are wrong. */
function dataOf(command: Uint8Array): Buffer | undefined {
  if (command.length <= 5) return Buffer.alloc(0);
  const extended = command[4] === 0 && command.length > 7;
  const length = extended ? (command[5]! << 8) | command[6]! : command[4]!;
  const start = extended ? 7 : 5;
  return command.length < start + length ? undefined : Buffer.from(command.subarray(start, start + length));
}

function tagOf(bytes: Uint8Array | undefined): number {
  return [...(bytes ?? [])].reduce((tag, byte) => tag * 256 + byte, 0);
}

function padded(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(8, 0xff)]).subarray(0, 8);
}

function status(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}
