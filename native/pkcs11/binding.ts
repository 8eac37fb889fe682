// PKCS#11 (Cryptoki 2.40): the calls that we use, through the module's own table of functions. Blocking, for one thread.
// Everything that is passed and everything that comes back lies in locked memory until `scratch` is reset.
import koffi from 'koffi';
import { addressOf, viewOfAddress, writePointer } from '../libc-memory.ts';
import { returnValue, sessionFlag } from './constants.ts';
import type { CryptokiPlatform } from './platform.ts';
import { type Piece, Scratch } from './scratch.ts';

/** A call failed. */
export class CryptokiError extends Error {
  override readonly name = 'CryptokiError';
  readonly call: string;
  readonly code: number;

  constructor(call: string, code: number) {
    const known = Object.entries(returnValue).find(([, value]) => value === code)?.[0];
    super(`${call} failed: ${known ?? `0x${code.toString(16)}`}`);
    this.call = call;
    this.code = code;
  }
}

export interface SlotInformation {
  readonly description: string;
  readonly flags: number;
}

export interface TokenInformation {
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  readonly flags: number;
}

export type AttributeValue = Uint8Array | boolean | number;
/** CK_ATTRIBUTE: type and value; a number is a CK_ULONG, a boolean one byte. */
export type Attribute = readonly [type: number, value: AttributeValue];

/** CK_MECHANISM. A parameter is a structure of numbers (CK_ULONG) and addresses with lengths, or nothing. */
export interface Mechanism {
  readonly type: number;
  readonly parameter?: readonly MechanismField[];
}
/** `address` gives the address of the bytes, null where there are none; `length` their length. */
export type MechanismField = number | { readonly address: Uint8Array };

const scratchBytes = 512 * 1024;
const largestAttribute = 64 * 1024;
const mostObjects = 256;
const mostSlots = 64;

/** Index in CK_FUNCTION_LIST, and the parameters: U is CK_ULONG, P an address, B one byte. */
const functions = {
  C_Initialize: [0, 'P'],
  C_GetSlotList: [4, 'BPP'],
  C_GetSlotInfo: [5, 'UP'],
  C_GetTokenInfo: [6, 'UP'],
  C_GetMechanismInfo: [8, 'UUP'],
  C_InitPIN: [10, 'UPU'],
  C_SetPIN: [11, 'UPUPU'],
  C_OpenSession: [12, 'UUPPP'],
  C_CloseSession: [13, 'U'],
  C_GetSessionInfo: [15, 'UP'],
  C_Login: [18, 'UUPU'],
  C_Logout: [19, 'U'],
  C_CreateObject: [20, 'UPUP'],
  C_DestroyObject: [22, 'UU'],
  C_GetAttributeValue: [24, 'UUPU'],
  C_FindObjectsInit: [26, 'UPU'],
  C_FindObjects: [27, 'UPUP'],
  C_FindObjectsFinal: [28, 'U'],
  C_DecryptInit: [33, 'UPU'],
  C_Decrypt: [34, 'UPUPP'],
  C_SignInit: [42, 'UPU'],
  C_Sign: [43, 'UPUPP'],
  C_GenerateKeyPair: [59, 'UPPUPUPP'],
  C_DeriveKey: [62, 'UPUPUP'],
} as const satisfies Record<string, readonly [number, string]>;
type FunctionName = keyof typeof functions;

/** Loads and initialises a module. Throws CryptokiError. */
export function loadModule(path: string, platform: CryptokiPlatform): Module {
  const call = functionTable(path, platform);
  const code = call('C_Initialize', 0);
  if (code !== returnValue.ok && code !== returnValue.cryptokiAlreadyInitialized) {
    throw new CryptokiError('C_Initialize', code);
  }
  return new Module(platform, call);
}

type Call = (name: FunctionName, ...values: number[]) => number;

function functionTable(path: string, { ulong, firstFunctionOffset }: CryptokiPlatform): Call {
  const list = new Uint8Array(8);
  let code: number;
  try {
    const getList = koffi.load(path).func(`${ulong} C_GetFunctionList(uintptr_t list)`);
    code = Number(getList(addressOf(list)));
  } catch {
    throw new CryptokiError('load', returnValue.noLibrary);
  }
  if (code !== returnValue.ok) throw new CryptokiError('C_GetFunctionList', code);
  const table = Number(new DataView(list.buffer).getBigUint64(0, true));
  if (table === 0) throw new CryptokiError('C_GetFunctionList', returnValue.noLibrary);
  const types: Readonly<Record<string, string>> = { U: ulong, P: 'uintptr_t', B: 'uint8_t' };
  const bytes = viewOfAddress(table, firstFunctionOffset + 68 * 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bound = new Map<FunctionName, (...values: number[]) => unknown>();
  for (const name of Object.keys(functions) as FunctionName[]) {
    const [index, parameters] = functions[name];
    const address = view.getBigUint64(firstFunctionOffset + index * 8, true);
    if (address === 0n) continue;
    const listed = [...parameters].map((letter, at) => `${types[letter]} p${at}`).join(', ');
    const prototype = koffi.proto(`${ulong} ${name}_${nextPrototype++}(${listed})`);
    bound.set(name, (...values) => koffi.call(address, prototype, ...values));
  }
  return (name, ...values) => {
    const target = bound.get(name);
    return target === undefined ? returnValue.functionNotSupported : Number(target(...values));
  };
}

/** koffi knows prototypes by name. */
let nextPrototype = 1;

/** A module that is ready. Every method throws CryptokiError; results live until `scratch` is reset. */
export class Module {
  readonly scratch = new Scratch(scratchBytes);
  readonly #platform: CryptokiPlatform;
  readonly #table: Call;

  constructor(platform: CryptokiPlatform, table: Call) {
    this.#platform = platform;
    this.#table = table;
  }

  /** Slots, empty ones too. */
  slots(): readonly number[] {
    const count = this.#number();
    this.#call('C_GetSlotList', 0, 0, count.address);
    const room = Math.min(mostSlots, this.#readNumber(count, 0) + 8);
    const list = this.scratch.take(room * this.#platform.ulongBytes);
    this.#writeNumber(count, 0, room);
    this.#call('C_GetSlotList', 0, list.address, count.address);
    const got = Math.min(room, this.#readNumber(count, 0));
    return Array.from({ length: got }, (_, index) =>
      this.#readNumber(list, index * this.#platform.ulongBytes),
    );
  }

  slotInformation(slot: number): SlotInformation {
    const information = this.scratch.take(256);
    this.#call('C_GetSlotInfo', slot, information.address);
    return { description: text(information, 0, 64), flags: this.#readNumber(information, 96) };
  }

  tokenInformation(slot: number): TokenInformation {
    const information = this.scratch.take(512);
    this.#call('C_GetTokenInfo', slot, information.address);
    return {
      label: text(information, 0, 32),
      manufacturer: text(information, 32, 32),
      model: text(information, 64, 16),
      serial: text(information, 80, 16),
      flags: this.#readNumber(information, 96),
    };
  }

  hasMechanism(slot: number, type: number): boolean {
    const information = this.scratch.take(64);
    return this.#table('C_GetMechanismInfo', slot, type, information.address) === returnValue.ok;
  }

  openSession(slot: number, readWrite: boolean): number {
    const handle = this.#number();
    const flags = sessionFlag.serial | (readWrite ? sessionFlag.readWrite : 0);
    this.#call('C_OpenSession', slot, flags, 0, 0, handle.address);
    return this.#readNumber(handle, 0);
  }

  closeSession(session: number): void {
    this.#call('C_CloseSession', session);
  }

  isSessionAlive(session: number): boolean {
    const information = this.scratch.take(64);
    return this.#table('C_GetSessionInfo', session, information.address) === returnValue.ok;
  }

  /** `pin` undefined: it is typed at the reader. */
  login(session: number, user: number, pin: Uint8Array | undefined): void {
    const place = pin && this.scratch.put(pin);
    this.#call('C_Login', session, user, place?.address ?? 0, pin?.length ?? 0);
  }

  logout(session: number): void {
    this.#call('C_Logout', session);
  }

  /** Sets the user's PIN by the security officer, who is logged in. */
  initializePin(session: number, pin: Uint8Array): void {
    this.#call('C_InitPIN', session, this.scratch.put(pin).address, pin.length);
  }

  /** Changes the PIN of whoever is logged in, else the user's. undefined: both are typed at the reader. */
  setPin(session: number, present: Uint8Array | undefined, next: Uint8Array | undefined): void {
    const from = present && this.scratch.put(present);
    const to = next && this.scratch.put(next);
    this.#call(
      'C_SetPIN',
      session,
      from?.address ?? 0,
      present?.length ?? 0,
      to?.address ?? 0,
      next?.length ?? 0,
    );
  }

  /** Handles, at most 256. */
  find(session: number, template: readonly Attribute[]): readonly number[] {
    this.#call('C_FindObjectsInit', session, this.#template(template), template.length);
    const size = this.#platform.ulongBytes;
    const found: number[] = [];
    try {
      const handles = this.scratch.take(32 * size);
      const count = this.#number();
      while (found.length < mostObjects) {
        this.#call('C_FindObjects', session, handles.address, 32, count.address);
        const got = Math.min(32, this.#readNumber(count, 0));
        if (got === 0) break;
        for (let index = 0; index < got; index++) found.push(this.#readNumber(handles, index * size));
      }
    } finally {
      this.#table('C_FindObjectsFinal', session);
    }
    return found;
  }

  /** undefined: the object has none, or does not tell it. */
  attribute(session: number, object: number, type: number): Uint8Array | undefined {
    const { ulongBytes } = this.#platform;
    const entry = this.scratch.take(2 * ulongBytes + 8);
    this.#writeNumber(entry, 0, type);
    if (this.#table('C_GetAttributeValue', session, object, entry.address, 1) !== returnValue.ok)
      return undefined;
    const length = this.#readNumber(entry, ulongBytes + 8);
    if (length > largestAttribute) return undefined;
    const value = this.scratch.take(length);
    writePointer(entry.view, ulongBytes, value.address);
    if (this.#table('C_GetAttributeValue', session, object, entry.address, 1) !== returnValue.ok)
      return undefined;
    return value.bytes.subarray(0, Math.min(length, this.#readNumber(entry, ulongBytes + 8)));
  }

  /** undefined as above. */
  flag(session: number, object: number, type: number): boolean | undefined {
    const value = this.attribute(session, object, type);
    return value === undefined || value.length === 0 ? undefined : value[0] !== 0;
  }

  number(session: number, object: number, type: number): number | undefined {
    const value = this.attribute(session, object, type);
    if (value?.length !== this.#platform.ulongBytes) return undefined;
    return new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  }

  createObject(session: number, template: readonly Attribute[]): number {
    const handle = this.#number();
    this.#call('C_CreateObject', session, this.#template(template), template.length, handle.address);
    return this.#readNumber(handle, 0);
  }

  destroyObject(session: number, object: number): void {
    this.#call('C_DestroyObject', session, object);
  }

  signInit(session: number, mechanism: Mechanism, key: number): void {
    this.#call('C_SignInit', session, this.#mechanism(mechanism), key);
  }

  sign(session: number, data: Uint8Array): Uint8Array {
    return this.#transform('C_Sign', session, data);
  }

  decryptInit(session: number, mechanism: Mechanism, key: number): void {
    this.#call('C_DecryptInit', session, this.#mechanism(mechanism), key);
  }

  decrypt(session: number, data: Uint8Array): Uint8Array {
    return this.#transform('C_Decrypt', session, data);
  }

  deriveKey(session: number, mechanism: Mechanism, key: number, template: readonly Attribute[]): number {
    const handle = this.#number();
    this.#call(
      'C_DeriveKey',
      session,
      this.#mechanism(mechanism),
      key,
      this.#template(template),
      template.length,
      handle.address,
    );
    return this.#readNumber(handle, 0);
  }

  generateKeyPair(
    session: number,
    mechanism: Mechanism,
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): { publicKey: number; privateKey: number } {
    const publicKey = this.#number();
    const privateKey = this.#number();
    this.#call(
      'C_GenerateKeyPair',
      session,
      this.#mechanism(mechanism),
      this.#template(publicTemplate),
      publicTemplate.length,
      this.#template(privateTemplate),
      privateTemplate.length,
      publicKey.address,
      privateKey.address,
    );
    return { publicKey: this.#readNumber(publicKey, 0), privateKey: this.#readNumber(privateKey, 0) };
  }

  #transform(name: 'C_Sign' | 'C_Decrypt', session: number, data: Uint8Array): Uint8Array {
    const room = 1024;
    const result = this.scratch.take(room);
    const length = this.#number();
    this.#writeNumber(length, 0, room);
    this.#call(name, session, this.scratch.put(data).address, data.length, result.address, length.address);
    return result.bytes.subarray(0, Math.min(room, this.#readNumber(length, 0)));
  }

  #call(name: FunctionName, ...values: number[]): void {
    const code = this.#table(name, ...values);
    if (code !== returnValue.ok) throw new CryptokiError(name, code);
  }

  /** CK_MECHANISM: type, address, length. */
  #mechanism({ type, parameter = [] }: Mechanism): number {
    const { ulongBytes } = this.#platform;
    const entry = this.scratch.take(2 * ulongBytes + 8);
    this.#writeNumber(entry, 0, type);
    if (parameter.length === 0) return entry.address;
    const structure = this.scratch.take(parameter.length * 8);
    let offset = 0;
    for (const field of parameter) {
      if (typeof field === 'number') {
        this.#writeNumber(structure, offset, field);
        offset += ulongBytes;
      } else {
        const isEmpty = field.address.length === 0;
        writePointer(structure.view, offset, isEmpty ? 0 : this.scratch.put(field.address).address);
        offset += 8;
      }
    }
    writePointer(entry.view, ulongBytes, structure.address);
    this.#writeNumber(entry, ulongBytes + 8, offset);
    return entry.address;
  }

  /** CK_ATTRIBUTE[]: type, address, length each. */
  #template(attributes: readonly Attribute[]): number {
    const { ulongBytes } = this.#platform;
    const size = 2 * ulongBytes + 8;
    const template = this.scratch.take(attributes.length * size);
    for (const [index, [type, value]] of attributes.entries()) {
      const place = this.#value(value);
      this.#writeNumber(template, index * size, type);
      writePointer(template.view, index * size + ulongBytes, place.address);
      this.#writeNumber(template, index * size + ulongBytes + 8, place.bytes.length);
    }
    return template.address;
  }

  #value(value: AttributeValue): Piece {
    if (value instanceof Uint8Array) return this.scratch.put(value);
    if (typeof value === 'boolean') return this.scratch.put(Uint8Array.of(Number(value)));
    const piece = this.#number();
    this.#writeNumber(piece, 0, value);
    return piece;
  }

  #number(): Piece {
    return this.scratch.take(this.#platform.ulongBytes);
  }

  /** Exact up to 2^53; CK_UNAVAILABLE_INFORMATION is larger than anything. */
  #readNumber({ view }: Piece, offset: number): number {
    return this.#platform.ulongBytes === 8
      ? Number(view.getBigUint64(offset, true))
      : view.getUint32(offset, true);
  }

  #writeNumber({ view }: Piece, offset: number, value: number): void {
    if (this.#platform.ulongBytes === 8) writePointer(view, offset, value);
    else view.setUint32(offset, value, true);
  }
}

/** Fixed-length text, padded with blanks (or, against the standard, zeros). */
function text({ bytes }: Piece, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length))
    .toString('utf8')
    .replace(/[\0 ]+$/, '');
}
