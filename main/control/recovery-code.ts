// The recovery code of a vault: 160 random bits as eight groups of five characters, the last of each a check over its
// group, so that a mistyped group is named before anything is tried. The client makes it and shows it once: the service
// gets the bits and never gives them out.
import { randomFillSync } from 'node:crypto';

/** What was typed is no recovery code; the message says why, for a person. */
export class RecoveryCodeError extends Error {
  override readonly name = 'RecoveryCodeError';
  readonly problem: 'too-long' | 'too-short' | 'mistyped' | 'character';
  /** The mistyped group, from 1. */
  readonly group: number | undefined;

  constructor(problem: RecoveryCodeError['problem'], why: string, group?: number) {
    super(`That is no recovery code: ${why}.`);
    this.problem = problem;
    this.group = group;
  }
}

/** Crockford's base 32: no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const groups = 8;
export const recoverySecretBytes = 20;

/** Fresh random bits, which the caller wipes. */
export function makeRecoverySecret(): Buffer {
  return randomFillSync(ownBuffer(recoverySecretBytes));
}

/** As it is shown, once: "0000Y-…", in ASCII; the caller wipes it. */
export function formatRecoveryCode(secret: Uint8Array): Buffer<ArrayBuffer> {
  const code = ownBuffer(groups * 6 - 1);
  for (let group = 0; group < groups; group++) {
    const bits = bitsOf(secret, group);
    const at = group * 6;
    for (let place = 0; place < 4; place++) {
      code[at + place] = alphabet.charCodeAt((bits >> (15 - place * 5)) & 31);
    }
    code[at + 4] = alphabet.charCodeAt(check(bits, group));
    if (group < groups - 1) code[at + 5] = '-'.charCodeAt(0);
  }
  return code;
}

/** Reads what was typed, whatever its case and separators; the caller wipes the bits. Throws RecoveryCodeError. */
export function readRecoveryCode(typed: Uint8Array): Buffer {
  const digits = ownBuffer(groups * 5);
  const secret = ownBuffer(recoverySecretBytes);
  try {
    let count = 0;
    for (const byte of typed) {
      const digit = digitOf(byte);
      if (digit === undefined) continue;
      if (count === digits.length) throw new RecoveryCodeError('too-long', 'it is too long');
      digits[count++] = digit;
    }
    if (count < digits.length) {
      throw new RecoveryCodeError('too-short', `it has ${groups} groups of five characters`);
    }
    for (let group = 0; group < groups; group++) {
      const [a, b, c, d, e] = digits.subarray(group * 5, group * 5 + 5) as unknown as number[];
      const bits = (a! << 15) | (b! << 10) | (c! << 5) | d!;
      if (e !== check(bits, group)) {
        throw new RecoveryCodeError('mistyped', `group ${group + 1} is mistyped`, group + 1);
      }
      putBits(secret, group, bits);
    }
    return secret;
  } catch (error) {
    secret.fill(0);
    throw error;
  } finally {
    digits.fill(0);
  }
}

/** Memory of its own, outside of Node's pool. */
function ownBuffer(length: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(length));
}

/** Differs for neighbouring groups, so that swapped ones are seen; every single wrong character changes it. */
function check(bits: number, group: number): number {
  let sum = group + 1;
  for (let place = 0; place < 4; place++) sum += ((bits >> (place * 5)) & 31) * (2 * place + 1);
  return sum & 31;
}

/** Separators count for nothing, unknown characters are never silently dropped. */
function digitOf(byte: number): number | undefined {
  const character = String.fromCharCode(byte).toUpperCase();
  if (/[\s-]/.test(character)) return undefined;
  const meant = character === 'O' ? '0' : character === 'I' || character === 'L' ? '1' : character;
  const digit = alphabet.indexOf(meant);
  if (digit < 0) throw new RecoveryCodeError('character', 'it has a character that no code has');
  return digit;
}

/** 20 bits of each group. */
function bitsOf(secret: Uint8Array, group: number): number {
  const at = (group >> 1) * 5;
  const [a, b, c, d, e] = secret.subarray(at, at + 5) as unknown as number[];
  return group % 2 === 0 ? (a! << 12) | (b! << 4) | (c! >> 4) : ((c! & 15) << 16) | (d! << 8) | e!;
}

function putBits(secret: Uint8Array, group: number, bits: number): void {
  const at = (group >> 1) * 5;
  if (group % 2 === 0) {
    secret[at] = bits >> 12;
    secret[at + 1] = (bits >> 4) & 255;
    secret[at + 2]! |= (bits & 15) << 4;
  } else {
    secret[at + 2]! |= bits >> 16;
    secret[at + 3] = (bits >> 8) & 255;
    secret[at + 4] = bits & 255;
  }
}
