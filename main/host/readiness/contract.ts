// What a thread waits for together: the adapter, sockets, and other threads that have something to say.

/** A file descriptor, or on Windows the handle of an event. Other threads of the process know it by the same number. */
export type Waitable = number;

/** What a source is waited for; a bit set. */
export const interest = { nothing: 0, readable: 1, writable: 4 } as const;

/** Sources that one thread waits for together, in the order in which they were given. Costs no memory per wait. */
export interface ReadinessSet {
  /** What source `index` is waited for from now on; at first `readable`. */
  setInterest(index: number, wanted: number): void;
  /** Returns when a source is ready, or after so long at the latest; 0: at once. Throws the system's reason. */
  wait(milliseconds: number): void;
  /** Whether the latest wait found source `index` ready, for whatever it was waited for, or in error. */
  isReady(index: number): boolean;
}

/** At most 64 sources. */
export type CreateReadinessSet = (sources: readonly Waitable[]) => ReadinessSet;

/** By it one thread wakes another that waits for it in a set. */
export interface Wakers {
  create(): Waitable;
  /** Any thread of the process may. */
  raise(waker: Waitable): void;
  /** Lowers it; false where it was not raised. */
  lower(waker: Waitable): boolean;
  close(waker: Waitable): void;
}
