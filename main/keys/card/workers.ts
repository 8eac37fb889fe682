// The two workers as the control thread sees them: one that watches, one that works.
import { Worker } from 'node:worker_threads';
import type { Pcsc } from '../../../native/pcsc/binding.ts';
import { openPcsc } from '../../../native/pcsc/index.ts';
import { CardError } from './contract.ts';
import type { CardReply, CardRequest, CardWork, CardWorkResult, WatcherMessage } from './worker-messages.ts';

/** What PivCards needs of them; tests put something else here. */
export interface CardWorkers {
  watch(listener: (message: WatcherMessage) => void): void;
  /** Throws CardError. */
  work(reader: string, work: CardWork): Promise<CardWorkResult>;
  close(): Promise<void>;
}

export function startCardWorkers(): CardWorkers {
  return new PcscWorkers();
}

interface Pending {
  resolve(result: CardWorkResult): void;
  reject(error: CardError): void;
}

class PcscWorkers implements CardWorkers {
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new Map<number, Pending>();
  #watcher: Worker | undefined;
  #working: Worker | undefined;
  #context: number | undefined;
  #nextId = 1;
  #closed = false;

  watch(listener: (message: WatcherMessage) => void): void {
    const worker = new Worker(entryFile('watcher'), {
      workerData: this.#stop.buffer,
      name: 'sealnic-card-watcher',
    });
    worker.unref();
    worker.on('message', (message: WatcherMessage) => {
      if (message.type === 'context') this.#context = message.context;
      if (!this.#closed) listener(message);
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.#closed || this.#watcher !== worker) return;
      listener({ type: 'no-service' });
      this.watch(listener);
    });
    this.#watcher = worker;
  }

  work(reader: string, work: CardWork): Promise<CardWorkResult> {
    if (this.#closed) return Promise.reject(new CardError('no-service', 'the service is stopping'));
    const id = this.#nextId++;
    this.#working ??= this.#startWorking();
    const { promise, resolve, reject } = Promise.withResolvers<CardWorkResult>();
    this.#pending.set(id, { resolve, reject });
    this.#working.postMessage({ id, reader, work } satisfies CardRequest);
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
    const pcsc: Pcsc | undefined = await openPcsc().catch(() => undefined);
    if (this.#context !== undefined) await pcsc?.cancel(this.#context);
    await Promise.all([this.#watcher?.terminate(), this.#working?.terminate()]);
  }

  #startWorking(): Worker {
    const worker = new Worker(entryFile('work'), { name: 'sealnic-card' });
    worker.unref();
    worker.on('message', (reply: CardReply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if ('problem' in reply) pending?.reject(new CardError(reply.problem, reply.message, reply.triesLeft));
      else pending?.resolve(reply.result);
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#working = undefined;
      for (const { reject } of this.#pending.values()) {
        reject(new CardError('no-service', 'what speaks to the card has died'));
      }
      this.#pending.clear();
    });
    return worker;
  }
}

/** Beside this file: the source when run from source, the bundle's entry when bundled. */
function entryFile(name: 'watcher' | 'work'): URL {
  const fromSource = import.meta.url.endsWith('.ts');
  return new URL(fromSource ? `./${name}-worker.ts` : `./card-${name}.js`, import.meta.url);
}
