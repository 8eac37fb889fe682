// MD4 (RFC 1320), for the NT password hash of MS-CHAPv2 alone: broken as a hash, and in no library that we have.

/** The 16-byte digest. */
export function md4(message: Uint8Array): Uint8Array {
  const paddedLength = ((message.length + 8) >>> 6) * 64 + 64;
  const padded = new Uint8Array(paddedLength);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(paddedLength - 8, (message.length << 3) >>> 0, true);
  view.setUint32(paddedLength - 4, Math.floor(message.length / 0x2000_0000), true);
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  const words = new Uint32Array(16);
  for (let offset = 0; offset < paddedLength; offset += 64) {
    for (let index = 0; index < 16; index++) words[index] = view.getUint32(offset + index * 4, true);
    compress(state, words);
  }
  const digest = new Uint8Array(16);
  const output = new DataView(digest.buffer);
  state.forEach((word, index) => {
    output.setUint32(index * 4, word, true);
  });
  for (const secret of [padded, words, state]) secret.fill(0);
  return digest;
}

interface Round {
  readonly constant: number;
  readonly order: readonly number[];
  readonly shifts: readonly number[];
  mix(x: number, y: number, z: number): number;
}

const rounds: readonly Round[] = [
  {
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
    mix: (x, y, z) => (x & y) | (~x & z),
  },
  {
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
  },
  {
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
    mix: (x, y, z) => x ^ y ^ z,
  },
];

function compress(state: Uint32Array, words: Uint32Array): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (const { constant, order, shifts, mix } of rounds) {
    for (let step = 0; step < 16; step++) {
      const sum = (a + mix(b, c, d) + words[order[step]!]! + constant) | 0;
      const shift = shifts[step & 3]!;
      const rotated = (sum << shift) | (sum >>> (32 - shift));
      [a, b, c, d] = [d, rotated, b, c];
    }
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
}
