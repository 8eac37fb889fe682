// A terminal in memory, a clock that stands still and a launcher that starts nothing: the world of one command.

import { runCommand, type World } from '../../main/cli/program.ts';
import type { Launcher, Terminal } from '../../main/cli/terminal.ts';
import { fixtureNow, type RunningFake } from '../control/fake-service.ts';

export interface FakeWorldOptions {
  readonly control?: string;
  readonly input?: string;
  /** Answers to questions without echo; undefined: Ctrl-C. */
  readonly answers?: readonly (string | undefined)[];
  readonly outputIsTerminal?: boolean;
  readonly colour?: boolean;
  readonly launcher?: Partial<Launcher>;
  readonly size?: { columns: number; rows: number };
}

export class FakeTerminal implements Terminal {
  output = '';
  errors = '';
  readonly outputIsTerminal: boolean;
  readonly inputIsTerminal: boolean;
  readonly colour: boolean;
  readonly questions: string[] = [];
  readonly keyListeners = new Set<(key: string) => void>();
  readonly interruptListeners = new Set<() => void>();
  /** Called after every write: a test waits for a text so. */
  wrote: () => void = () => undefined;
  readonly #options: FakeWorldOptions;
  readonly #answers: (string | undefined)[];

  constructor(options: FakeWorldOptions) {
    this.#options = options;
    this.#answers = [...(options.answers ?? [])];
    this.outputIsTerminal = options.outputIsTerminal ?? false;
    this.inputIsTerminal = options.answers !== undefined;
    this.colour = options.colour ?? false;
  }

  write(text: string | Uint8Array): void {
    this.output += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
    this.wrote();
  }

  writeError(text: string): void {
    this.errors += text;
  }

  size(): { columns: number; rows: number } {
    return this.#options.size ?? { columns: 100, rows: 30 };
  }

  async readAll(): Promise<Buffer> {
    return Buffer.from(this.#options.input ?? '');
  }

  async askSecret(question: string): Promise<Buffer | undefined> {
    this.questions.push(question);
    const answer = this.#answers.shift();
    return answer === undefined ? undefined : Buffer.from(answer);
  }

  onKey(pressed: (key: string) => void): () => void {
    this.keyListeners.add(pressed);
    return () => this.keyListeners.delete(pressed);
  }

  onInterrupt(interrupted: () => void): () => void {
    this.interruptListeners.add(interrupted);
    return () => this.interruptListeners.delete(interrupted);
  }

  onResize(): () => void {
    return () => undefined;
  }

  /** Resolves when everything written so far contains the text. */
  async saying(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      await new Promise<void>((resolve) => {
        this.wrote = resolve;
      });
    }
  }
}

export interface FakeWorld {
  readonly terminal: FakeTerminal;
  readonly launched: string[][];
  /** Callbacks that the command scheduled, in order; a test runs them when it wants. */
  readonly scheduled: (() => void)[];
  now: number;
  run(...commandArguments: string[]): Promise<number>;
}

export function fakeWorld(options: FakeWorldOptions = {}, fake?: RunningFake): FakeWorld {
  const terminal = new FakeTerminal(options);
  const launched: string[][] = [];
  const scheduled: (() => void)[] = [];
  const control = options.control ?? fake?.path ?? '/nonexistent/control.sock';
  const launcher: Launcher = {
    runService: async (serviceArguments) => {
      launched.push(['service', ...serviceArguments]);
      return 0;
    },
    runTask: async (serviceArguments) => {
      launched.push(['task', ...serviceArguments]);
      return { exitCode: 1, output: '' };
    },
    runProgram: async (program, programArguments) => {
      launched.push([program, ...programArguments]);
      return 0;
    },
    ...options.launcher,
  };
  const world: FakeWorld = {
    terminal,
    launched,
    scheduled,
    now: fixtureNow,
    run: (...commandArguments) => runCommand(commandArguments, cliWorld),
  };
  const cliWorld: World = {
    terminal,
    launcher,
    environment: { SEALNIC_CONTROL: control },
    now: () => world.now,
    schedule: (callback) => {
      scheduled.push(callback);
      return () => {
        const index = scheduled.indexOf(callback);
        if (index >= 0) scheduled.splice(index, 1);
      };
    },
    trust: { uids: [process.getuid?.() ?? 0] },
  };
  return world;
}
