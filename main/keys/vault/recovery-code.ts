// The recovery code: 160 random bits as eight groups of five characters, the last of each a check over its group, so
// that a mistyped group is named before anything is tried.
import { randomFillSync } from 'node:crypto';
import type { LockedMemory } from './memory.ts';
import { VaultError } from './vault-error.ts';

/** Crockford's base 32: no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const groups = 8;
export const recoverySecretBytes = 20;

/** Fresh random bits in locked memory, which the caller frees. */
export function makeRecoverySecret(memory: LockedMemory): Uint8Array {
  const secret = memory.allocate(recoverySecretBytes);
  randomFillSync(secret);
  return secret;
}

/** As it is shown, once: "0000Y-…", in ASCII, in locked memory. */
export function formatRecoveryCode(memory: LockedMemory, secret: Uint8Array): Uint8Array {
  const code = memory.allocate(groups * 6 - 1);
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

/** Reads what was typed, whatever its case and separators. Throws VaultError wrong-secret, naming the group. */
export function readRecoveryCode(memory: LockedMemory, typed: Uint8Array): Uint8Array {
  const digits = memory.allocate(groups * 5);
  const secret = memory.allocate(recoverySecretBytes);
  try {
    let count = 0;
    for (const byte of typed) {
      const digit = digitOf(byte);
      if (digit === undefined) continue;
      if (count === digits.length) throw wrong('it is too long');
      digits[count++] = digit;
    }
    if (count < digits.length) throw wrong(`it has ${groups} groups of five characters`);
    for (let group = 0; group < groups; group++) {
      const [a, b, c, d, e] = digits.subarray(group * 5, group * 5 + 5) as unknown as number[];
      const bits = (a! << 15) | (b! << 10) | (c! << 5) | d!;
      if (e !== check(bits, group)) throw wrong(`group ${group + 1} is mistyped`);
      putBits(secret, group, bits);
    }
    return secret;
  } catch (error) {
    memory.free(secret);
    throw error;
  } finally {
    memory.free(digits);
  }
}

function wrong(why: string): VaultError {
  return new VaultError('wrong-secret', `That is no recovery code: ${why}.`);
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
  if (digit < 0) throw wrong('it has a character that no code has');
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
