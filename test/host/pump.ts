// Memory and a loop for tests that move packets between descriptors.

import type { PacketMemory, SlotRegion } from '../../main/engine/packet/batch.ts';
import { PollSet, pollEvent } from '../../native/libc-io.ts';
import { addressOf } from '../../native/libc-memory.ts';

export const testRegion: SlotRegion = { start: 0, slotSize: 66_048, slotCount: 32 };

export function createTestMemory(size = testRegion.slotSize * testRegion.slotCount): PacketMemory {
  const buffer = new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  return { buffer, bytes, view: new DataView(buffer), address: addressOf(bytes) };
}

/** Calls `work` whenever one of the descriptors is readable, until `done` settles; lets other events run in between. */
export async function pumpUntil<Result>(
  done: Promise<Result>,
  sources: readonly { descriptor: number; work: () => void }[],
): Promise<Result> {
  const set = new PollSet(sources.map(({ descriptor }) => ({ descriptor, events: pollEvent.readable })));
  let over = false;
  const end = () => {
    over = true;
  };
  done.then(end, end);
  while (!over) {
    if (set.wait(1) > 0) {
      sources.forEach(({ work }, index) => {
        if (set.readyEvents(index) !== 0) work();
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await done;
}
