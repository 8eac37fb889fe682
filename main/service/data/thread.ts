// The data thread's entry: a worker that owns the adapter and the sockets and does nothing but move packets.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { DataLoop, loadOpeners } from './data-loop.ts';
import type { DataThreadOptions, DataThreadStart, FromData } from './messages.ts';

const post = (message: FromData): void => parentPort?.postMessage(message);

try {
  if (parentPort === null) throw new Error('The data thread is a worker, not a program.');
  const openers = await loadOpeners();
  const [options] = (await once(parentPort, 'message')) as [DataThreadOptions];
  const loop = DataLoop.open(workerData as DataThreadStart, options, openers, post);
  loop.run();
  post({ type: 'stopped' });
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}
