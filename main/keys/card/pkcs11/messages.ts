// What crosses between the service and the process that a PKCS#11 module runs in: one request, one answer. Numbers are
// 32 bits, little-endian.
//
// Request: length of what follows, parts. Answer: length of what follows, one byte (0 done, 1 failed), parts.
// Parts: their number in one byte, then length and bytes of each. The first part of a request is ModuleRequest as JSON,
// which holds nothing secret; PINs and data follow. The answer comes from the module's process: nothing of it is trusted.
import { CardError, type CardProblem, cardProblems } from '../contract.ts';

export const largestRequest = 64 * 1024;
export const largestAnswer = 256 * 1024;
const mostParts = 64;

/** How the PIN comes. 'bytes': it is the part after the request. */
export interface ModulePin {
  readonly kind: 'none' | 'bytes' | 'pin-pad';
  readonly confirmLastTry: boolean;
}

interface OnSlot {
  readonly slot: number;
}
interface WithPin extends OnSlot {
  readonly pin: ModulePin;
  readonly keepUnlocked: boolean;
}

/** Parts are named in the order in which they follow; a PIN, where there is one, comes first. */
export type ModuleRequest =
  /** Part of the answer: SlotReport[] as JSON. */
  | { readonly type: 'slots'; readonly ignorePiv: boolean }
  /** Parts of the answer: KeyReport[] as JSON, then a certificate for each. */
  | ({ readonly type: 'describe' } & OnSlot)
  | ({ readonly type: 'lock' } & OnSlot)
  | ({ readonly type: 'verify-pin' } & WithPin)
  /** `mechanism`: what the data has been made ready for. Part: data. Gives the signature as the module has it. */
  | ({
      readonly type: 'sign';
      readonly key: string;
      readonly mechanism: 'ecdsa' | 'rsa-pkcs1' | 'rsa-pss';
      /** For rsa-pss. */
      readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512';
    } & WithPin)
  /** Part: the other's point. */
  | ({ readonly type: 'agree'; readonly key: string; readonly bytes: number } & WithPin)
  /** Parts: cipher text, label. */
  | ({ readonly type: 'decrypt'; readonly key: string } & WithPin)
  | ({ readonly type: 'read-object'; readonly label: string } & OnSlot)
  /** Part: content; empty removes it. */
  | ({ readonly type: 'write-object'; readonly label: string } & WithPin)
  /** Parts: present PIN, next PIN (absent with a pin pad). */
  | ({ readonly type: 'change-pin'; readonly securityOfficer: boolean } & WithPin)
  /** Parts: PIN of the security officer, the user's next. */
  | ({ readonly type: 'unblock' } & WithPin)
  /** Gives PublicKeyReport as parts. What has that label is removed first. */
  | ({
      readonly type: 'generate';
      readonly label: string;
      readonly kind: 'rsa' | 'ec';
      readonly bits: number;
      readonly forKeyManagement: boolean;
    } & WithPin)
  /** Parts of the answer: key's id, then modulus and exponent, or parameters and point; none where there is no such key. */
  | ({ readonly type: 'public-key'; readonly label: string } & OnSlot)
  /** Part: certificate. What has that key's certificate is removed first. */
  | ({ readonly type: 'write-certificate'; readonly key: string; readonly label: string } & WithPin);

export interface SlotReport {
  readonly slot: number;
  readonly reader: string;
  /** Counts insertions. */
  readonly insertion: number;
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
  /** CKF_… of the token. */
  readonly flags: number;
}

export interface KeyReport {
  /** CKA_ID in hexadecimal. */
  readonly key: string;
  readonly label: string;
  /** undefined: not to be seen without the PIN. */
  readonly sign?: boolean;
  readonly derive?: boolean;
  readonly decrypt?: boolean;
  readonly alwaysAuthenticate?: boolean;
  /** The private key is to be seen without the PIN. */
  readonly visible: boolean;
}

/** Bytes of a frame with these parts, its length included. */
export function frameLength(parts: readonly Uint8Array[], isAnswer: boolean): number {
  return 5 + Number(isAnswer) + parts.reduce((sum, { length }) => sum + 4 + length, 0);
}

/** Writes a frame to the beginning of `into`. `failed` for answers only. */
export function writeFrame(into: Uint8Array, parts: readonly Uint8Array[], failed?: boolean): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  const isAnswer = failed !== undefined;
  view.setUint32(0, frameLength(parts, isAnswer) - 4, true);
  let offset = 4;
  if (isAnswer) into[offset++] = Number(failed);
  into[offset++] = parts.length;
  for (const part of parts) {
    view.setUint32(offset, part.length, true);
    into.set(part, offset + 4);
    offset += 4 + part.length;
  }
}

/** The parts of what follows the length (and, in an answer, the first byte), as views. Throws CardError bad-answer. */
export function readParts(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const count = body[0] ?? 0;
  if (count > mostParts) throw garbage();
  const parts: Uint8Array[] = [];
  let offset = 1;
  for (let index = 0; index < count; index++) {
    if (offset + 4 > body.length) throw garbage();
    const length = view.getUint32(offset, true);
    offset += 4;
    if (length > body.length - offset) throw garbage();
    parts.push(body.subarray(offset, offset + length));
    offset += length;
  }
  if (offset !== body.length) throw garbage();
  return parts;
}

/** Of the module's process. Throws CardError bad-answer for anything else. */
export function readSlotReports(part: Uint8Array | undefined): SlotReport[] {
  return readList(part).map((entry) => ({
    slot: numberOf(entry, 'slot'),
    reader: textOf(entry, 'reader'),
    insertion: numberOf(entry, 'insertion'),
    label: textOf(entry, 'label'),
    manufacturer: textOf(entry, 'manufacturer'),
    model: textOf(entry, 'model'),
    serial: textOf(entry, 'serial'),
    flags: numberOf(entry, 'flags'),
  }));
}

/** The same. */
export function readKeyReports(part: Uint8Array | undefined): KeyReport[] {
  return readList(part).map((entry) => {
    const key = textOf(entry, 'key');
    if (!/^([0-9a-f]{2})*$/.test(key)) throw garbage();
    return {
      key,
      label: textOf(entry, 'label'),
      ...flagOf(entry, 'sign'),
      ...flagOf(entry, 'derive'),
      ...flagOf(entry, 'decrypt'),
      ...flagOf(entry, 'alwaysAuthenticate'),
      visible: entry.visible === true,
    };
  });
}

export function formatProblem({ problem, message, triesLeft }: CardError): Uint8Array {
  return Buffer.from(JSON.stringify({ problem, message, triesLeft }));
}

/** The error that the module's process tells; never throws. */
export function readProblem(part: Uint8Array | undefined): CardError {
  try {
    const told = parse(part);
    if (!isTable(told)) return garbage();
    const problem = cardProblems.find((known) => known === told.problem) as CardProblem | undefined;
    const { triesLeft } = told;
    const isCount = typeof triesLeft === 'number' && Number.isInteger(triesLeft) && triesLeft >= 0;
    if (problem === undefined) return garbage();
    return new CardError(
      problem,
      textOf(told, 'message'),
      isCount && triesLeft < 256 ? triesLeft : undefined,
    );
  } catch {
    return garbage();
  }
}

export function garbage(): CardError {
  return new CardError('bad-answer', 'the PKCS#11 module answers what makes no sense');
}

type Table = Readonly<Record<string, unknown>>;

function parse(part: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(part ?? new Uint8Array(0)).toString('utf8'));
  } catch {
    throw garbage();
  }
}

function readList(part: Uint8Array | undefined): readonly Table[] {
  const list = parse(part);
  if (!Array.isArray(list) || list.length > mostParts || !list.every(isTable)) throw garbage();
  return list;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberOf(table: Table, name: string): number {
  const value = table[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw garbage();
  return value;
}

/** What a person may read: one line without control characters, at most 200 of them. */
function textOf(table: Table, name: string): string {
  const value = table[name];
  if (typeof value !== 'string') throw garbage();
  return value.replace(/\p{C}/gu, ' ').slice(0, 200);
}

function flagOf<Name extends string>(table: Table, name: Name): Partial<Record<Name, boolean>> {
  const value = table[name];
  return typeof value === 'boolean' ? ({ [name]: value } as Partial<Record<Name, boolean>>) : {};
}
