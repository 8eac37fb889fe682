// What the tests of packets share: a memory of their own, addresses from text, packets from fields.
import assert from 'node:assert/strict';
import { type IpAddress, parseAddress } from '../../../main/engine/packet/address.ts';
import type { PacketMemory } from '../../../main/engine/packet/batch.ts';
import { createChecksumKernel } from '../../../main/engine/packet/checksum.ts';
import { PacketView, parsePacket } from '../../../main/engine/packet/view.ts';

export function createTestMemory(size = 262_144): PacketMemory {
  const buffer = new ArrayBuffer(size);
  return { buffer, bytes: new Uint8Array(buffer), view: new DataView(buffer), address: 0 };
}

export const memory = createTestMemory();
export const kernel = createChecksumKernel(memory);

export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  assert(parsed, `${text} is an address`);
  return parsed;
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

/** Puts bytes into the memory and parses them as a packet. */
export function parseBytes(bytes: Uint8Array, offset = 64): PacketView | undefined {
  memory.bytes.set(bytes, offset);
  const view = new PacketView();
  return parsePacket(memory, offset, bytes.length, view) ? view : undefined;
}

export function parseAt(offset: number, length: number): PacketView {
  const view = new PacketView();
  assert(parsePacket(memory, offset, length, view), 'the packet parses');
  return view;
}
