// Text as Windows wants it: UTF-16, little-endian, with a zero behind it.
import { allocateBlock, type NativeBlock } from './libc-memory.ts';

export function wideText(text: string): NativeBlock {
  const block = allocateBlock((text.length + 1) * 2);
  block.bytes.set(Buffer.from(text, 'utf16le'));
  return block;
}

/** The text that begins at the offset, up to its zero or the end of the block. */
export function readWideText({ view, bytes }: NativeBlock, offset: number): string {
  let end = offset;
  while (end + 1 < bytes.length && view.getUint16(end, true) !== 0) end += 2;
  return decodeWideText(bytes.subarray(offset, end));
}

/** All of the bytes, with whatever zeros are among them. */
export function decodeWideText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf16le');
}
