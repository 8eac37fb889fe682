// Time for what is debounced: passed in, so that tests need not wait.

export interface Timer {
  /** Calls back once after so long; the returned function calls it off. */
  start(milliseconds: number, expired: () => void): () => void;
}

export const systemTimer: Timer = {
  start(milliseconds, expired) {
    const handle = setTimeout(expired, milliseconds);
    return () => clearTimeout(handle);
  },
};
