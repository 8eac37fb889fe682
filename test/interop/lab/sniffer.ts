// Captures what passes an interface, from outside the terminal. Fails if the kernel dropped a frame on the way to it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Frame, readCapture } from './capture.ts';
import { until } from './command.ts';
import type { Namespace, RunningProcess } from './lab.ts';

export interface SnifferOptions {
  /** Bytes kept of each frame; 128 are enough to classify it. */
  readonly snapBytes?: number;
  /** In the language of pcap-filter(7). */
  readonly filter?: string;
}

export class Sniffer {
  readonly file: string;
  readonly #process: RunningProcess;
  static #count = 0;

  private constructor(file: string, process: RunningProcess) {
    this.file = file;
    this.#process = process;
  }

  /** Resolves when capturing has begun. */
  static async start(
    namespace: Namespace,
    interfaceName: string,
    options: SnifferOptions = {},
  ): Promise<Sniffer> {
    Sniffer.#count += 1;
    const file = join(namespace.lab.directory, `capture-${Sniffer.#count}.pcap`);
    const filter = options.filter === undefined ? [] : ['-f', options.filter];
    const snap = String(options.snapBytes ?? 128);
    const process = namespace.start([
      ...['dumpcap', '-q', '-P', '-B', '64', '-i', interfaceName, '-s', snap, '-w', file],
      ...filter,
    ]);
    await process.says('File:');
    return new Sniffer(file, process);
  }

  /** Ends the capture and resolves to its frames. */
  async stop(): Promise<Frame[]> {
    // The kernel hands frames over in blocks, at the latest after a tenth of a second; what it still has is lost.
    await new Promise((resolve) => setTimeout(resolve, 400));
    await this.#process.stop('SIGINT', 10_000);
    const report = /dropped on interface [^:]*: (\d+)\/(\d+)/.exec(this.#process.stderr);
    if (report === null) throw new Error(`the sniffer gave no report: ${this.#process.stderr}`);
    const captureFile = await until('the capture file', 2000, () => readFileSync(this.file));
    if (report[2] !== '0') throw new Error(`the sniffer lost frames: ${report[0]}`);
    return readCapture(captureFile);
  }
}
