// The demo's helper processes, each in one of the two namespaces; all end with the demo.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inNamespace } from './namespaces.ts';
import type { SnifferReport } from './sniffer.ts';
import type { TrafficProgress, TrafficResult, TrafficTask } from './traffic.ts';

export type NamespaceName = 'laptop' | 'gateway';

const children = new Set<ChildProcess>();

/** Ends them all and waits for it. */
export async function endHelpers(): Promise<void> {
  const over = [...children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of children) child.kill('SIGTERM');
  const late = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, 3000);
  await Promise.all(over);
  clearTimeout(late);
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Sniffer {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(namespace: NamespaceName, interfaceName: string): Promise<Sniffer> {
    const child = startHelper(namespace, 'sniffer.ts', [interfaceName]);
    await answer(child);
    return new Sniffer(child);
  }

  /** Everything since it began. */
  async report(): Promise<SnifferReport> {
    this.#child.send('count');
    return (await answer(this.#child)) as SnifferReport;
  }
}

export class Laptop {
  readonly #child = startHelper('laptop', 'traffic.ts', []);

  /** One task at a time. */
  async perform(task: TrafficTask, progress: (received: number) => void = () => {}): Promise<TrafficResult> {
    this.#child.send(task);
    for (;;) {
      const message = (await answer(this.#child)) as TrafficResult | TrafficProgress;
      if ('type' in message) return message;
      progress(message.received);
    }
  }

  /** The system's own ping. */
  async ping(address: string, count: number): Promise<{ received: number; averageMilliseconds: number }> {
    const words = [
      ...inNamespace('laptop'),
      'ping',
      '-n',
      '-q',
      '-i',
      '0.05',
      '-W',
      '2',
      '-c',
      String(count),
      address,
    ];
    const output = await new Promise<string>((resolve) => {
      const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      child.stdout.on('data', (part) => {
        text += part;
      });
      child.on('error', () => resolve(text));
      child.on('close', () => resolve(text));
    });
    return {
      received: Number(/(\d+) received/.exec(output)?.[1] ?? 0),
      averageMilliseconds: Number(/= [\d.]+\/([\d.]+)\//.exec(output)?.[1] ?? Number.NaN),
    };
  }
}

export async function startServers(address: string): Promise<void> {
  await answer(startHelper('gateway', 'servers.ts', [address]));
}

export interface ServiceProcess {
  readonly logFile: string;
  readonly ended: Promise<number | null>;
  readonly processId: number;
  /** Asks it to end, and waits. */
  stop(): Promise<void>;
  /** Ends it as a crash does, and waits. */
  kill(): Promise<void>;
  log(): string;
}

/** A SealNIC service, as `sealnic service run` starts it. */
export function startService(
  namespace: NamespaceName,
  logFile: string,
  serviceArguments: readonly string[],
): ServiceProcess {
  const main = join(import.meta.dirname, '..', '..', 'main', 'cli', 'sealnic.ts');
  const words = [...inNamespace(namespace), process.execPath, main, 'service', 'run', ...serviceArguments];
  const log = openSync(logFile, 'a');
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', log, log] });
  closeSync(log);
  children.add(child);
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  return {
    logFile,
    ended,
    processId: child.pid ?? -1,
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function startHelper(
  namespace: NamespaceName,
  script: string,
  scriptArguments: readonly string[],
): ChildProcess {
  const words = [
    ...inNamespace(namespace),
    process.execPath,
    join(import.meta.dirname, script),
    ...scriptArguments,
  ];
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) =>
      reject(new Error(`${child.spawnargs.join(' ')} ended with code ${code}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}
