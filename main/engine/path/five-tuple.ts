// A packet's five-tuple as a value, for events. Allocates: not for the hot path.
import type { IpAddress } from '../packet/address.ts';
import type { PacketMemory } from '../packet/batch.ts';
import type { PacketView } from '../packet/view.ts';
import type { FiveTuple } from './data-plane.ts';

export function fiveTupleOf(memory: PacketMemory, view: PacketView): FiveTuple {
  return {
    source: addressAt(memory, view.sourceOffset, view.family),
    destination: addressAt(memory, view.destinationOffset, view.family),
    protocol: view.protocol,
    sourcePort: view.sourcePort,
    destinationPort: view.destinationPort,
  };
}

function addressAt(memory: PacketMemory, offset: number, family: 4 | 6): IpAddress {
  return { family, bytes: memory.bytes.slice(offset, offset + (family === 4 ? 4 : 16)) };
}
