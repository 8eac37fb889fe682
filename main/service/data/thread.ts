// The data thread's entry: a worker that owns the adapter and the sockets and does nothing but move packets.
import { parentPort, workerData } from 'node:worker_threads';
import { DataLoop } from './data-loop.ts';
import type { DataThreadStart, FromData } from './messages.ts';

const post = (message: FromData): void => parentPort?.postMessage(message);

try {
  const loop = await DataLoop.open(workerData as DataThreadStart, post);
  loop.run();
  post({ type: 'stopped' });
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}
