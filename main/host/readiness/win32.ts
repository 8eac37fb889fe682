// Waiting on Windows: for events. A socket has one, which it raises when something can be received; nothing tells that a
// full ring or a full socket has room again, so that this is looked at every millisecond.
import { closeHandle, createEvent, raiseEvent, WaitList } from '../../../native/kernel32.ts';
import { type CreateReadinessSet, interest, type Wakers } from './contract.ts';

const millisecondsUntilRoom = 1;

export const createReadinessSet: CreateReadinessSet = (sources) => {
  const wanted = sources.map((): number => interest.readable);
  const ready = new Uint8Array(sources.length);
  const list = new WaitList(sources.length);
  /** Source of each handle in the list. */
  const listed = new Uint8Array(sources.length);

  /** What is raised from position `from` on: one call tells of the first one only. */
  function note(from: number, milliseconds: number): void {
    const found = list.wait(from, milliseconds);
    if (found < 0) return;
    ready[listed[found]!] = 1;
    if (found + 1 < list.length) note(found + 1, 0);
  }

  return {
    setInterest(index, bits) {
      wanted[index] = bits;
    },
    wait(milliseconds) {
      ready.fill(0);
      list.clear();
      let longest = milliseconds;
      for (let index = 0; index < sources.length; index += 1) {
        const bits = wanted[index]!;
        if ((bits & interest.writable) !== 0) longest = Math.min(longest, millisecondsUntilRoom);
        if ((bits & interest.readable) === 0) continue;
        listed[list.length] = index;
        list.add(sources[index]!);
      }
      note(0, longest);
    },
    isReady: (index) => ready[index] !== 0,
  };
};

export const wakers: Wakers = {
  create: createEvent,
  raise: raiseEvent,
  // The wait that has seen it has lowered it.
  lower: () => true,
  close: closeHandle,
};
