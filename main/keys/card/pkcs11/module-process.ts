// The process of one PKCS#11 module as the service sees it: started when it is needed, one request at a time, each with a
// deadline. What dies, hangs or answers nonsense is killed and started again, after a pause that grows.
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { close } from '../../../../native/libc-io.ts';
import { createSocketPair } from '../../../../native/libc-socket.ts';
import { CardError, type CardSecretMemory } from '../contract.ts';
import {
  frameLength,
  garbage,
  largestAnswer,
  largestRequest,
  type ModuleRequest,
  readParts,
  readProblem,
  writeFrame,
} from './messages.ts';

export interface ModuleProcessOptions {
  /** Checked by whoever gives it (trusted-file). */
  readonly path: string;
  /** Whom the process becomes where the service is root. */
  readonly user: string;
  /** All that it finds in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly memory: CardSecretMemory;
  /** Calls once after so many milliseconds; what comes back takes it back. */
  schedule(afterMilliseconds: number, call: () => void): () => void;
}

interface Pending {
  readonly request: ModuleRequest;
  readonly parts: readonly Uint8Array[];
  readonly deadlineMilliseconds: number;
  readonly take: (parts: Uint8Array[]) => void;
  readonly reject: (error: CardError) => void;
}

const firstPauseMilliseconds = 500;
const longestPauseMilliseconds = 60_000;
/** Whoever has lived so long begins with the shortest pause again. */
const soundAfterMilliseconds = 60_000;
const mostPending = 64;

export class ModuleProcess {
  readonly #options: ModuleProcessOptions;
  readonly #waiting: Pending[] = [];
  readonly #died = new Set<() => void>();
  #running: Running | undefined;
  #pauseMilliseconds = firstPauseMilliseconds;
  #cancelPause: (() => void) | undefined;
  #closed = false;

  constructor(options: ModuleProcessOptions) {
    this.#options = options;
  }

  /** undefined while none runs. */
  get pid(): number | undefined {
    return this.#running?.pid;
  }

  onDeath(died: () => void): void {
    this.#died.add(died);
  }

  /**
   * `read` is given the parts of the answer, which are wiped when it returns. `parts` are copied at once where they are
   * sent, and stay the caller's until the promise settles. Throws CardError.
   */
  request<Value>(
    request: ModuleRequest,
    parts: readonly Uint8Array[],
    deadlineMilliseconds: number,
    read: (parts: Uint8Array[]) => Value,
  ): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    if (this.#closed) reject(new CardError('no-service', 'the service is stopping'));
    else if (this.#cancelPause !== undefined || this.#waiting.length >= mostPending) reject(died());
    else {
      const take = (answer: Uint8Array[]) => resolve(read(answer));
      this.#waiting.push({ request, parts, deadlineMilliseconds, take, reject });
      this.#next();
    }
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPause?.();
    for (const { reject } of this.#waiting.splice(0))
      reject(new CardError('no-service', 'the service is stopping'));
    await this.#running?.end();
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#running?.isBusy) return;
    try {
      this.#running ??= new Running(this.#options, (running) => this.#ended(running));
    } catch (error) {
      this.#waiting.shift();
      first.reject(new CardError('no-service', error instanceof Error ? error.message : String(error)));
      this.#next();
      return;
    }
    this.#waiting.shift();
    const running = this.#running;
    running.ask(first, () => {
      if (running.ageMilliseconds > soundAfterMilliseconds) this.#pauseMilliseconds = firstPauseMilliseconds;
      this.#next();
    });
  }

  #ended(running: Running): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(died());
    if (this.#closed) return;
    this.#cancelPause = this.#options.schedule(
      this.#pauseMilliseconds,
      () => (this.#cancelPause = undefined),
    );
    this.#pauseMilliseconds = Math.min(longestPauseMilliseconds, this.#pauseMilliseconds * 2);
    for (const tell of [...this.#died]) tell();
  }
}

/** One run of the process, until it ends. */
class Running {
  readonly #options: ModuleProcessOptions;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  /** Where answers are put together, in locked memory. */
  readonly #frame: Uint8Array;
  readonly #piece: Uint8Array;
  readonly #ended: Promise<void>;
  readonly #startedAt = performance.now();
  #length = 0;
  #current: { pending: Pending; done: () => void; cancelDeadline: () => void } | undefined;
  #isOver = false;

  constructor(options: ModuleProcessOptions, ended: (running: Running) => void) {
    this.#options = options;
    const [ours, theirs] = createSocketPair();
    try {
      this.#child = spawn(process.execPath, [...nodeOptions(), entryFile(), options.user, options.path], {
        stdio: ['ignore', 'ignore', 'ignore', theirs],
        env: options.environment,
        cwd: '/',
      });
    } catch (error) {
      close(ours);
      throw error;
    } finally {
      close(theirs);
    }
    this.#frame = options.memory.allocate(largestAnswer);
    this.#piece = options.memory.allocate(pieceBytes);
    this.#socket = new Socket({
      fd: ours,
      onread: {
        buffer: this.#piece,
        callback: (count: number, buffer: Uint8Array) => {
          this.#received(buffer.subarray(0, count));
          buffer.fill(0, 0, count);
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    this.#socket.unref();
    this.#child.unref();
    this.#socket.on('error', () => this.#kill());
    this.#socket.on('end', () => this.#kill());
    this.#ended = new Promise((resolve) => {
      const over = () => {
        if (this.#isOver) return;
        this.#isOver = true;
        this.#socket.destroy();
        this.#fail(died());
        ended(this);
        resolve();
      };
      this.#socket.once('close', () => {
        options.memory.free(this.#frame);
        options.memory.free(this.#piece);
      });
      this.#child.once('exit', over);
      this.#child.once('error', over);
    });
    this.#socket.resume();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get ageMilliseconds(): number {
    return performance.now() - this.#startedAt;
  }

  get isBusy(): boolean {
    return this.#current !== undefined;
  }

  /** `done` is called after the answer was taken. */
  ask(pending: Pending, done: () => void): void {
    const { request, parts, deadlineMilliseconds } = pending;
    const all = [Buffer.from(JSON.stringify(request)), ...parts];
    const size = frameLength(all, false);
    if (size > largestRequest) {
      pending.reject(new CardError('card-full', 'too long for a token'));
      queueMicrotask(done);
      return;
    }
    const cancelDeadline = this.#options.schedule(deadlineMilliseconds, () => {
      this.#fail(new CardError('bad-answer', 'the PKCS#11 module does not answer'));
      this.#kill();
    });
    this.#current = { pending, done, cancelDeadline };
    const frame = this.#options.memory.allocate(size);
    writeFrame(frame, all);
    this.#socket.write(frame, () => this.#options.memory.free(frame));
  }

  async end(): Promise<void> {
    this.#child.ref();
    this.#kill();
    await this.#ended;
  }

  #received(piece: Uint8Array): void {
    if (this.#current === undefined || this.#length + piece.length > this.#frame.length) {
      this.#fail(garbage());
      this.#kill();
      return;
    }
    this.#frame.set(piece, this.#length);
    this.#length += piece.length;
    if (this.#length < 5) return;
    const wanted = 4 + new DataView(this.#frame.buffer, this.#frame.byteOffset).getUint32(0, true);
    if (wanted > this.#frame.length || wanted < 6 || this.#length > wanted) {
      this.#fail(garbage());
      this.#kill();
    } else if (this.#length === wanted) this.#answered(this.#frame.subarray(4, wanted));
  }

  #answered(body: Uint8Array): void {
    const { pending, done, cancelDeadline } = this.#current!;
    this.#current = undefined;
    cancelDeadline();
    try {
      const parts = readParts(body.subarray(1));
      if (body[0] === 0) pending.take(parts);
      else pending.reject(readProblem(parts[0]));
    } catch (error) {
      pending.reject(error instanceof CardError ? error : garbage());
      if (error instanceof CardError && error.problem === 'bad-answer') this.#kill();
    } finally {
      this.#frame.fill(0, 0, this.#length);
      this.#length = 0;
    }
    done();
  }

  #fail(error: CardError): void {
    const current = this.#current;
    this.#current = undefined;
    this.#frame.fill(0, 0, this.#length);
    this.#length = 0;
    current?.cancelDeadline();
    current?.pending.reject(error);
  }

  #kill(): void {
    this.#child.kill('SIGKILL');
  }
}

const pieceBytes = 16 * 1024;

function died(): CardError {
  return new CardError('no-service', 'the process of the PKCS#11 module has ended');
}

/** From source, Node says that it strips types: nobody reads that. */
function nodeOptions(): readonly string[] {
  return ['--disable-warning=ExperimentalWarning'];
}

/** Beside this file: the source when run from source, the bundle's entry when bundled. */
function entryFile(): string {
  const fromSource = import.meta.url.endsWith('.ts');
  return new URL(fromSource ? './module-entry.ts' : './card-module.js', import.meta.url).pathname;
}
