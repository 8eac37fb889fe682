// DES of one block (FIPS 46-3), for the responses of MS-CHAPv2 alone: broken as a cipher, and no longer offered by
// OpenSSL without its legacy provider. Bit by bit, since speed does not matter here.

/** Encrypts 8 bytes under 7 bytes of key; the parity bits are put in between (RFC 2759 section 8.6). */
export function desEncrypt(block: Uint8Array, key: Uint8Array): Uint8Array {
  const keyBits = bitsOf(key);
  // Permuted choice 1 counts the bits of the 8-byte key with parity: position p is bit p - 1 - floor((p - 1) / 8) here.
  let halves = choice1.map((position) => keyBits[position - 1 - Math.floor((position - 1) / 8)]!);
  const entered = permute(bitsOf(block), initial);
  let left = entered.slice(0, 32);
  let right = entered.slice(32);
  for (const shift of shifts) {
    halves = [...rotated(halves.slice(0, 28), shift), ...rotated(halves.slice(28), shift)];
    const roundKey = permute(halves, choice2);
    const mixed = permute(substitute(permute(right, expansion), roundKey), permutation);
    const next = left.map((bit, index) => bit ^ mixed[index]!);
    left.fill(0);
    left = right;
    right = next;
    roundKey.fill(0);
  }
  const output = bytesOfBits(permute([...right, ...left], final));
  for (const secret of [keyBits, halves, entered, left, right]) secret.fill(0);
  return output;
}

function bitsOf(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((shift) => (byte >>> shift) & 1));
}

function bytesOfBits(bits: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(bits.length / 8);
  bits.forEach((bit, index) => {
    bytes[index >>> 3]! |= bit << (7 - (index & 7));
  });
  return bytes;
}

/** Tables count from 1, as in the standard. */
function permute(bits: readonly number[], table: readonly number[]): number[] {
  return table.map((position) => bits[position - 1]!);
}

function rotated(bits: readonly number[], by: number): number[] {
  return [...bits.slice(by), ...bits.slice(0, by)];
}

function substitute(expanded: readonly number[], roundKey: readonly number[]): number[] {
  return boxes.flatMap((box, index) => {
    const [b0, b1, b2, b3, b4, b5] = expanded
      .slice(index * 6, index * 6 + 6)
      .map((bit, place) => bit ^ roundKey[index * 6 + place]!) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const row = b0 * 2 + b5;
    const column = b1 * 8 + b2 * 4 + b3 * 2 + b4;
    const value = Number.parseInt(box[row]![column]!, 16);
    return [(value >>> 3) & 1, (value >>> 2) & 1, (value >>> 1) & 1, value & 1];
  });
}

const initial = [
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40,
  32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5,
  63, 55, 47, 39, 31, 23, 15, 7,
];
const final = [
  40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13,
  53, 21, 61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26,
  33, 1, 41, 9, 49, 17, 57, 25,
];
const expansion = [
  32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21,
  20, 21, 22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];
const permutation = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22,
  11, 4, 25,
];
const choice1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const choice2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47,
  55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const shifts = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** S1 to S8, four rows each, one hexadecimal digit a value. */
const boxes = [
  ['e4d12fb83a6c5907', '0f74e2d1a6cb9538', '41e8d62bfc973a50', 'fc8249175b3ea06d'],
  ['f18e6b34972dc05a', '3d47f28ec01a69b5', '0e7ba4d158c6932f', 'd8a13f42b67c05e9'],
  ['a09e63f51dc7b428', 'd709346a285ecbf1', 'd6498f30b12c5ae7', '1ad069874fe3b52c'],
  ['7de3069a1285bc4f', 'd8b56f03472c1ae9', 'a690cb7df13e5284', '3f06a1d8945bc72e'],
  ['2c417ab6853fd0e9', 'eb2c47d150fa3986', '421bad78f9c5630e', 'b8c71e2d6f09a453'],
  ['c1af92680d34e75b', 'af427c9561de0b38', '9ef528c3704a1db6', '432c95fabe17608d'],
  ['4b2ef08d3c975a61', 'd0b7491ae35c2f86', '14bdc37eaf680592', '6bd814a7950fe23c'],
  ['d2846fb1a93e50c7', '1fd8a374c56b0e92', '7b419ce206adf358', '21e74a8dfc90356b'],
];
