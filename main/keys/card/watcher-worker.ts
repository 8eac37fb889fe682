// A worker that does nothing but wait for readers and cards to come and go, with a context of its own.
import { parentPort, workerData } from 'node:worker_threads';
import {
  infinite,
  newReaderNotification,
  type Pcsc,
  PcscError,
  pcscCode,
  readerState,
} from '../../../native/pcsc/binding.ts';
import { openPcsc } from '../../../native/pcsc/index.ts';
import type { WatcherMessage } from './worker-messages.ts';

/** Not 0: stop. The control thread sets it, wakes whoever sleeps on it, and cancels the wait. */
const stopFlag = new Int32Array(workerData as SharedArrayBuffer);
const post = (message: WatcherMessage): void => parentPort?.postMessage(message);

const eagerMilliseconds = 250;
const eagerFor = 40;
const patientMilliseconds = 2000;
const withoutLibraryMilliseconds = 60_000;
/** Where the library does not tell of new readers. */
const lookMilliseconds = 1000;

await watchForEver();

async function watchForEver(): Promise<void> {
  let failures = 0;
  while (stopFlag[0] === 0) {
    const pcsc = await openPcsc().catch(() => undefined);
    if (pcsc === undefined) {
      post({ type: 'no-library' });
      sleep(withoutLibraryMilliseconds);
      continue;
    }
    try {
      const context = pcsc.establishContext();
      failures = 0;
      post({ type: 'context', context });
      watch(pcsc, context);
    } catch (error) {
      if (!(error instanceof PcscError)) throw error;
      if (failures === 0) post({ type: 'no-service' });
      failures += 1;
    }
    // A service that starts again is found at once; one that never was is not asked all the time.
    if (stopFlag[0] === 0) sleep(failures <= eagerFor ? eagerMilliseconds : patientMilliseconds);
  }
}

/** Until the service is gone or the wait is cancelled. */
function watch(pcsc: Pcsc, context: number): void {
  const timeout = pcsc.platform.notifiesOfReaders ? infinite : lookMilliseconds;
  let known = new Map<string, number>();
  try {
    while (stopFlag[0] === 0) {
      const names = pcsc.listReaders(context);
      known = new Map(names.map((name) => [name, known.get(name) ?? readerState.unaware]));
      const asked = [...known].map(([reader, state]) => ({ reader, state }));
      if (pcsc.platform.notifiesOfReaders) {
        // Windows compares how many readers the caller knows.
        asked.unshift({ reader: newReaderNotification, state: names.length << 16 });
      }
      let states: typeof asked;
      try {
        states = asked.length === 0 ? [] : pcsc.statusChange(context, timeout, asked);
        if (asked.length === 0) sleep(lookMilliseconds);
      } catch (error) {
        const code = error instanceof PcscError ? error.code : undefined;
        if (code === pcscCode.timeout || code === pcscCode.unknownReader) continue;
        if (code === pcscCode.cancelled) return;
        throw error;
      }
      const seen = states.filter(({ reader }) => reader !== newReaderNotification);
      for (const { reader, state } of seen) known.set(reader, state & ~readerState.changed);
      const gone = readerState.unknown | readerState.unavailable | readerState.ignore;
      post({
        type: 'readers',
        readers: seen
          .filter(({ state }) => (state & gone) === 0)
          .map(({ reader, state }) => ({
            name: reader,
            present: (state & readerState.present) !== 0,
            counter: state >>> 16,
          })),
      });
    }
  } finally {
    try {
      pcsc.releaseContext(context);
    } catch {
      // its service is gone
    }
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(stopFlag, 0, 0, milliseconds);
}
