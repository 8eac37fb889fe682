// Which tokens are in: looks twice a second at those of every PKCS#11 module, and reads each that comes in.
import { createHash } from 'node:crypto';
import { tokenFlag } from '../../../../native/pkcs11/constants.ts';
import {
  type CardDescription,
  CardError,
  type CardEvent,
  type CardReaderState,
  type CardSecretMemory,
} from '../contract.ts';
import { readKeyReports, readSlotReports, type SlotReport } from './messages.ts';
import { ModuleProcess } from './module-process.ts';
import { keysByPurpose, type TokenKey } from './purposes.ts';
import { distrustFile } from './trusted-file/index.ts';

export interface TokenSlotsOptions {
  /** Paths, from a configuration that only root writes. Those that cannot be trusted are left out with a warning. */
  readonly modules: readonly string[];
  /** Whom the modules' processes become. */
  readonly user: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Leave PIV cards to whoever speaks to them directly. */
  readonly ignorePiv: boolean;
  readonly memory: CardSecretMemory;
  /** Calls once after so many milliseconds; what comes back takes it back. */
  schedule(afterMilliseconds: number, call: () => void): () => void;
  warn(text: string): void;
}

/** How long a module may take, in milliseconds. */
export const deadline = {
  look: 5000,
  read: 20_000,
  work: 30_000,
  pinPad: 120_000,
  generate: 300_000,
} as const;

const lookMilliseconds = 500;
/** A module that is back within this time has lost no token. */
const graceMilliseconds = 2000;
/** A module and what is in it. */
interface Loaded {
  readonly path: string;
  readonly process: ModuleProcess;
  readonly tokens: Map<number, Token>;
  state: CardReaderState;
  cancelLook: (() => void) | undefined;
  cancelGrace: (() => void) | undefined;
  /** It was away: how often something was put in counts anew. */
  wasGone: boolean;
}

interface Token {
  readonly identity: string;
  insertion: number;
  flags: number;
  keys: readonly TokenKey[];
  card: CardDescription | undefined;
}

/** A token that is in, and where. */
export interface Found {
  readonly module: Loaded;
  readonly slot: number;
  readonly token: Token;
  readonly card: CardDescription;
}

export class TokenSlots {
  readonly #options: TokenSlotsOptions;
  readonly #modules: readonly Loaded[];
  readonly #listeners = new Set<(event: CardEvent) => void>();
  #readers: readonly string[] = [];
  #state: CardReaderState;
  #closed = false;

  constructor(options: TokenSlotsOptions) {
    this.#options = options;
    this.#modules = options.modules.flatMap((path) => {
      const problem = distrustFile(path);
      if (problem === undefined) return [this.#module(path)];
      options.warn(`the PKCS#11 module ${path} is not loaded: it ${problem}`);
      return [];
    });
    this.#state = this.#modules.length === 0 ? 'no-library' : 'no-service';
  }

  start(): void {
    for (const module of this.#modules) void this.#look(module);
  }

  get state(): CardReaderState {
    return this.#state;
  }
  get readers(): readonly string[] {
    return this.#readers;
  }
  get cards(): readonly CardDescription[] {
    return this.#modules.flatMap(({ tokens }) => [...tokens.values()].flatMap(({ card }) => card ?? []));
  }
  /** Processes of the modules that run. */
  get processes(): readonly number[] {
    return this.#modules.flatMap(({ process }) => process.pid ?? []);
  }

  onEvent(listener: (event: CardEvent) => void): { close(): void } {
    this.#listeners.add(listener);
    return { close: () => this.#listeners.delete(listener) };
  }

  /** Throws CardError no-card. */
  find(id: string): Found {
    for (const module of this.#modules) {
      for (const [slot, token] of module.tokens) {
        if (token.card?.id === id) return { module, slot, token, card: token.card };
      }
    }
    throw new CardError('no-card', 'the token is not in');
  }

  /** What is on the token has changed. Throws CardError no-card. */
  async readAgain(id: string): Promise<void> {
    const { module, slot, token, card } = this.find(id);
    await this.#read(module, slot, token, card);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    for (const module of this.#modules) {
      module.cancelLook?.();
      module.cancelGrace?.();
    }
    await Promise.all(this.#modules.map(({ process }) => process.close()));
  }

  #module(path: string): Loaded {
    const { user, environment, memory } = this.#options;
    const schedule = this.#options.schedule.bind(this.#options);
    const process = new ModuleProcess({ path, user, environment, memory, schedule });
    const module: Loaded = {
      path,
      process,
      tokens: new Map(),
      state: 'no-service',
      cancelLook: undefined,
      cancelGrace: undefined,
      wasGone: false,
    };
    process.onDeath(() => this.#moduleGone(module));
    return module;
  }

  async #look(module: Loaded): Promise<void> {
    const request = { type: 'slots', ignorePiv: this.#options.ignorePiv } as const;
    try {
      this.#seen(
        module,
        await module.process.request(request, [], deadline.look, ([part]) => readSlotReports(part)),
      );
    } catch (error) {
      const isMissing = error instanceof CardError && error.problem === 'no-library';
      if (isMissing && module.state !== 'no-library') {
        this.#options.warn(`the PKCS#11 module ${module.path} cannot be loaded`);
      }
      module.state = isMissing ? 'no-library' : 'no-service';
      this.#tellReaders();
    }
    if (this.#closed) return;
    module.cancelLook = this.#options.schedule(lookMilliseconds, () => void this.#look(module));
  }

  #moduleGone(module: Loaded): void {
    if (this.#closed) return;
    this.#options.warn(`the process of the PKCS#11 module ${module.path} has ended`);
    module.wasGone = true;
    module.state = 'no-service';
    module.cancelGrace?.();
    module.cancelGrace = this.#options.schedule(graceMilliseconds, () => {
      for (const slot of [...module.tokens.keys()]) this.#drop(module, slot, 'service-gone');
    });
    this.#tellReaders();
  }

  #seen(module: Loaded, reports: readonly SlotReport[]): void {
    module.cancelGrace?.();
    module.cancelGrace = undefined;
    module.state = 'ready';
    const { wasGone } = module;
    module.wasGone = false;
    for (const slot of [...module.tokens.keys()]) {
      if (!reports.some((report) => report.slot === slot)) this.#drop(module, slot, 'pulled');
    }
    for (const report of reports) {
      const known = module.tokens.get(report.slot);
      const isSame =
        known?.identity === identityOf(report) && (wasGone || known.insertion === report.insertion);
      if (known !== undefined && isSame) {
        known.insertion = report.insertion;
        this.#flagsSeen(known, report.flags);
        continue;
      }
      if (known !== undefined) this.#drop(module, report.slot, 'pulled');
      void this.#take(module, report);
    }
    this.#tellReaders();
  }

  #flagsSeen(token: Token, flags: number): void {
    const before = token.card;
    token.flags = flags;
    if (before === undefined) return;
    const { triesLeft, pinPad } = told(flags);
    if (before.triesLeft === triesLeft && before.pinPad === pinPad) return;
    token.card = { ...before, triesLeft, pinPad };
    this.#emit({ type: 'changed', card: token.card });
  }

  async #take(module: Loaded, report: SlotReport): Promise<void> {
    const { slot, flags, insertion } = report;
    const token: Token = { identity: identityOf(report), insertion, flags, keys: [], card: undefined };
    module.tokens.set(slot, token);
    await this.#read(module, slot, token, report);
  }

  async #read(
    module: Loaded,
    slot: number,
    token: Token,
    { label, reader }: { readonly label: string; readonly reader: string },
  ): Promise<void> {
    let problem: CardError | undefined;
    try {
      const loginRequired = (token.flags & tokenFlag.loginRequired) !== 0;
      token.keys = await module.process.request(
        { type: 'describe', slot },
        [],
        deadline.read,
        ([list, ...certificates]) => keysByPurpose(readKeyReports(list), certificates, loginRequired),
      );
    } catch (error) {
      if (module.tokens.get(slot) !== token) return;
      problem = error instanceof CardError ? error : new CardError('bad-answer', String(error));
      // The next look finds it anew.
      if (problem.problem === 'no-service' || problem.problem === 'card-removed') {
        if (token.card === undefined) module.tokens.delete(slot);
        return;
      }
    }
    if (module.tokens.get(slot) !== token) return;
    const isNew = token.card === undefined;
    token.card = {
      id: token.identity,
      provider: 'pkcs11',
      label: label === '' ? 'token' : label,
      reader,
      ...told(token.flags),
      keys: token.keys,
      ...(problem !== undefined && { problem }),
    };
    this.#emit({ type: isNew ? 'inserted' : 'changed', card: token.card });
    this.#tellReaders();
  }

  #drop(module: Loaded, slot: number, reason: Extract<CardEvent, { type: 'removed' }>['reason']): void {
    const card = module.tokens.get(slot)?.card;
    module.tokens.delete(slot);
    if (card !== undefined) this.#emit({ type: 'removed', card, reason });
  }

  #tellReaders(): void {
    const states = this.#modules.map(({ state }) => state);
    const readers = this.cards.map(({ reader }) => reader);
    const isReady = states.includes('ready');
    const state = isReady ? (readers.length === 0 ? 'no-reader' : 'ready') : (states[0] ?? 'no-library');
    if (state === this.#state && readers.join('\n') === this.#readers.join('\n')) return;
    this.#state = state;
    this.#readers = readers;
    this.#emit({ type: 'readers', state, readers });
  }

  #emit(event: CardEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

function told(flags: number): { pinPad: boolean; triesLeft: number | undefined } {
  const isBlocked = (flags & tokenFlag.userPinLocked) !== 0;
  const isLastTry = (flags & tokenFlag.userPinFinalTry) !== 0;
  return {
    pinPad: (flags & tokenFlag.protectedAuthenticationPath) !== 0,
    triesLeft: isBlocked ? 0 : isLastTry ? 1 : undefined,
  };
}

function identityOf({ serial, label, manufacturer }: SlotReport): string {
  const text = JSON.stringify([serial, label, manufacturer]);
  return `pkcs11:${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}
