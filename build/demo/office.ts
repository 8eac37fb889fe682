// What both ends of the demo know about the office behind the gateway.

export const officeName = 'files.office.test';
export const welcome = 'Hello from behind the gateway.\n';
export const fileBytes = 100_000_000;

/** One mebibyte that does not compress to nothing; the file is many of it. */
export function fileChunk(): Buffer {
  const chunk = Buffer.alloc(1 << 20);
  let state = 0x2545f491;
  for (let offset = 0; offset < chunk.length; offset += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    chunk.writeUInt32LE(state, offset);
  }
  return chunk;
}
