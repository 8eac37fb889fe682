// Waiting on Linux: poll, and an eventfd as waker.
import {
  close,
  createEventDescriptor,
  drainEvent,
  PollSet,
  pollEvent,
  raiseEvent,
} from '../../../native/libc-io.ts';
import type { CreateReadinessSet, Wakers } from './contract.ts';

export const createReadinessSet: CreateReadinessSet = (sources) => {
  const set = new PollSet(sources.map((descriptor) => ({ descriptor, events: pollEvent.readable })));
  return {
    // The bits of an interest are those of poll.
    setInterest: (index, wanted) => set.setEvents(index, wanted),
    wait: (milliseconds) => {
      set.wait(milliseconds);
    },
    isReady: (index) => set.readyEvents(index) !== 0,
  };
};

export const wakers: Wakers = {
  create: createEventDescriptor,
  raise: raiseEvent,
  lower: drainEvent,
  close,
};
