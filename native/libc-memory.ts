// Memory that native code reads and writes by address: blocks that never move, and the C structures built in them.
import koffi from 'koffi';

/** A zeroed piece of memory with a fixed address. Keep it referenced for as long as native code knows the address. */
export interface NativeBlock {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;
}

/** `size` bytes, zeroed. */
export function allocateBlock(size: number): NativeBlock {
  const buffer = new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  return { bytes, view: new DataView(buffer), address: addressOf(bytes) };
}

/** Address of the first byte; stable for as long as the underlying buffer lives. */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

/** The bytes at an address that this process has mapped, on whichever thread; the caller vouches for both. */
export function viewOfAddress(address: number, length: number): Uint8Array {
  return new Uint8Array(koffi.view(BigInt(address), length));
}

/** struct iovec: address, length; 16 bytes. */
export const iovecSize = 16;

export function writeIovec(block: NativeBlock, offset: number, address: number, length: number): void {
  writePointer(block.view, offset, address);
  writePointer(block.view, offset + 8, length);
}

/**
 * struct msghdr, 56 bytes: name address 0, name length 8 (32 bits), iovec address 16, iovec count 24, control address
 * 32, control length 40, flags 48 (32 bits). A struct mmsghdr adds the message's length at 56 and is 64 bytes.
 */
export const msghdrSize = 56;
export const mmsghdrSize = 64;

export interface MessageHeader {
  readonly nameAddress: number;
  readonly nameLength: number;
  readonly iovecAddress: number;
  readonly iovecCount: number;
  readonly controlAddress: number;
  readonly controlLength: number;
}

export function writeMessageHeader(block: NativeBlock, offset: number, header: MessageHeader): void {
  const { view } = block;
  writePointer(view, offset, header.nameAddress);
  view.setUint32(offset + 8, header.nameLength, true);
  writePointer(view, offset + 16, header.iovecAddress);
  writePointer(view, offset + 24, header.iovecCount);
  writePointer(view, offset + 32, header.controlAddress);
  writePointer(view, offset + 40, header.controlLength);
  view.setUint32(offset + 48, 0, true);
}

/** Offsets inside struct msghdr for what changes from call to call. */
export const messageHeaderOffset = {
  name: 0,
  nameLength: 8,
  iovec: 16,
  iovecCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  messageLength: 56,
} as const;

/** struct cmsghdr: length 0 (64 bits, header included), level 8, type 12, data from 16 on; padded to 8 bytes. */
export const controlDataOffset = 16;

/** Bytes that a control message with so much data takes, padding included (CMSG_SPACE). */
export function controlSpace(dataLength: number): number {
  return controlDataOffset + ((dataLength + 7) & ~7);
}

/** Writes the header of a control message; its data begins at `offset + controlDataOffset`. */
export function writeControlHeader(
  view: DataView,
  offset: number,
  level: number,
  type: number,
  dataLength: number,
): void {
  writePointer(view, offset, controlDataOffset + dataLength);
  view.setInt32(offset + 8, level, true);
  view.setInt32(offset + 12, type, true);
}

/** A pointer or size_t; exact up to 2^53. */
export function writePointer(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}
