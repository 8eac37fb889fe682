// The tokens of all PKCS#11 modules on the control thread: looks twice a second which are in, reads each that comes in, and
// hands work to the process of its module.
import { createHash } from 'node:crypto';
import { tokenFlag } from '../../../../native/pkcs11/constants.ts';
import type { SignatureScheme } from '../../../engine/ike/contract.ts';
import {
  type CardAdministration,
  type CardDescription,
  CardError,
  type CardEvent,
  type CardKeyAlgorithm,
  type CardObjectName,
  type CardOperationOptions,
  type CardPin,
  type CardReaderState,
  type CardSecretMemory,
  type Cards,
  type KeyPurpose,
} from '../contract.ts';
import { keySize, pointKey } from '../piv-data.ts';
import {
  type ModulePin,
  type ModuleRequest,
  readKeyReports,
  readSlotReports,
  type SlotReport,
} from './messages.ts';
import { ModuleProcess } from './module-process.ts';
import { type NewKey, readNewKey } from './public-key.ts';
import { keysByPurpose, labelOf, type TokenKey } from './purposes.ts';
import { dataToSign, ecdsaDer, mechanismOf } from './signature.ts';
import { distrustFile } from './trusted-file/index.ts';

export interface Pkcs11CardsOptions {
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

const lookMilliseconds = 500;
/** A module that is back within this time has lost no token. */
const graceMilliseconds = 2000;
const deadline = { look: 5000, read: 20_000, work: 30_000, pinPad: 120_000, generate: 300_000 } as const;

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

interface Found {
  readonly module: Loaded;
  readonly slot: number;
  readonly token: Token;
  readonly card: CardDescription;
}

export class Pkcs11Cards implements Cards {
  readonly provider = 'pkcs11';
  readonly #options: Pkcs11CardsOptions;
  readonly #modules: readonly Loaded[];
  readonly #listeners = new Set<(event: CardEvent) => void>();
  /** Keys whose certificates are not there yet, by card and purpose. */
  readonly #made = new Map<string, NewKey>();
  #readers: readonly string[] = [];
  #state: CardReaderState;
  #closed = false;

  constructor(options: Pkcs11CardsOptions) {
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

  async verifyPin(card: string, pin: CardPin, options: { keepUnlocked?: boolean } = {}): Promise<void> {
    await this.#work(card, { type: 'verify-pin' }, { pin, ...options }, [], () => undefined);
  }

  /** The flags of the token tell, and are looked at all the time. */
  async countTries(): Promise<void> {}

  async lock(card: string): Promise<void> {
    const { module, slot } = this.#find(card);
    await module.process.request({ type: 'lock', slot }, [], deadline.work, () => undefined);
  }

  async sign(
    card: string,
    purpose: KeyPurpose,
    scheme: SignatureScheme,
    data: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { key, algorithm } = this.#key(card, purpose);
    const isRsa = algorithm.startsWith('rsa-');
    if (isRsa === (scheme.kind === 'ecdsa'))
      throw new CardError('key-unsuitable', 'the key is of another kind');
    const input = dataToSign(scheme, data, keySize[algorithm]);
    const wanted = { type: 'sign', key, mechanism: mechanismOf(scheme), hash: scheme.hash } as const;
    const signature = await this.#work(card, wanted, options, [input], takeFirst);
    if (isRsa) {
      if (signature.length !== keySize[algorithm]) throw new CardError('bad-answer', 'that is no signature');
      return signature;
    }
    return ecdsaDer(signature, keySize[algorithm]);
  }

  async agree(
    card: string,
    purpose: KeyPurpose,
    peerPoint: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { key, algorithm } = this.#key(card, purpose);
    if (algorithm !== 'ecc-p256' && algorithm !== 'ecc-p384') {
      throw new CardError('key-unsuitable', 'the key is none of an elliptic curve');
    }
    try {
      pointKey(peerPoint, algorithm);
    } catch {
      throw new CardError('key-unsuitable', "the point does not lie on the key's curve");
    }
    const bytes = keySize[algorithm];
    return this.#work(card, { type: 'agree', key, bytes }, options, [peerPoint], ([secret]) => {
      if (secret?.length !== bytes)
        throw new CardError('bad-answer', 'the module gave no secret of that size');
      return this.#keep(secret);
    });
  }

  async decrypt(
    card: string,
    purpose: KeyPurpose,
    ciphertext: Uint8Array,
    label: Uint8Array,
    options: CardOperationOptions = {},
  ): Promise<Uint8Array> {
    const { key, algorithm } = this.#key(card, purpose);
    if (!algorithm.startsWith('rsa-') || ciphertext.length !== keySize[algorithm]) {
      throw new CardError('key-unsuitable', 'the cipher text does not fit the key');
    }
    return this.#work(card, { type: 'decrypt', key }, options, [ciphertext, label], ([plain]) => {
      if (plain === undefined) throw new CardError('bad-answer', 'the module gave nothing');
      return this.#keep(plain);
    });
  }

  async readObject(card: string, name: CardObjectName): Promise<Uint8Array | undefined> {
    const { module, slot } = this.#find(card);
    const request = { type: 'read-object', label: objectLabels[name], slot } as const;
    return module.process.request(request, [], deadline.read, ([content]) => content?.slice());
  }

  async writeObject(
    card: string,
    name: CardObjectName,
    content: Uint8Array,
    administration: CardAdministration,
  ): Promise<void> {
    const options = { pin: pinOf(administration) };
    await this.#work(
      card,
      { type: 'write-object', label: objectLabels[name] },
      options,
      [content],
      () => undefined,
    );
  }

  async changePin(
    card: string,
    present: CardPin,
    next: Uint8Array | undefined,
    { puk = false }: { puk?: boolean } = {},
  ): Promise<void> {
    if (present.kind === 'bytes' && next === undefined)
      throw new CardError('pin-invalid', 'the next PIN is missing');
    const parts = next === undefined || present.kind === 'pin-pad' ? [] : [next];
    const request = { type: 'change-pin', securityOfficer: puk } as const;
    await this.#work(card, request, { pin: present }, parts, () => undefined);
  }

  async unblock(card: string, puk: CardPin, next: Uint8Array): Promise<void> {
    if (puk.kind === 'pin-pad') {
      throw new CardError(
        'not-supported',
        "the security officer's PIN is typed at the keyboard of this computer",
      );
    }
    await this.#work(card, { type: 'unblock' }, { pin: puk }, [next], () => undefined);
  }

  async generateKey(
    card: string,
    purpose: KeyPurpose,
    algorithm: CardKeyAlgorithm,
    administration: CardAdministration,
  ): Promise<Uint8Array> {
    const request = {
      type: 'generate',
      label: labelOf(purpose),
      kind: algorithm.startsWith('rsa-') ? 'rsa' : 'ec',
      bits: keySize[algorithm] * 8,
      forKeyManagement: purpose === 'key-management',
    } as const;
    const pin = pinOf(administration);
    const made = await this.#work(card, request, { pin }, [], readNewKey, deadline.generate);
    if (made?.algorithm !== algorithm)
      throw new CardError('bad-answer', 'the module made another kind of key');
    this.#made.set(`${card} ${purpose}`, made);
    await this.#readAgain(card);
    return made.publicKey;
  }

  async publicKey(card: string, purpose: KeyPurpose): Promise<Uint8Array | undefined> {
    const { module, slot, token } = this.#find(card);
    const request = { type: 'public-key', label: labelOf(purpose), slot } as const;
    // What SealNIC made goes before what has a certificate already: its own may be on its way.
    const made = await module.process.request(request, [], deadline.read, readNewKey);
    if (made === undefined) return token.keys.find((key) => key.purpose === purpose)?.publicKey;
    if (!token.keys.some(({ key }) => key === made.key)) this.#made.set(`${card} ${purpose}`, made);
    return made.publicKey;
  }

  async writeCertificate(
    card: string,
    purpose: KeyPurpose,
    certificate: Uint8Array,
    administration: CardAdministration,
  ): Promise<void> {
    const { key } = this.#key(card, purpose);
    const request = { type: 'write-certificate', key, label: labelOf(purpose) } as const;
    await this.#work(card, request, { pin: pinOf(administration) }, [certificate], () => undefined);
    this.#made.delete(`${card} ${purpose}`);
    await this.#readAgain(card);
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

  // Which tokens are in.

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

  async #readAgain(id: string): Promise<void> {
    const { module, slot, token, card } = this.#find(id);
    await this.#read(module, slot, token, card);
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

  // Work.

  #work<Value>(
    id: string,
    wanted: Unslotted,
    { pin, keepUnlocked = false }: CardOperationOptions,
    parts: readonly Uint8Array[],
    read: (parts: Uint8Array[]) => Value,
    milliseconds: number = deadline.work,
  ): Promise<Value> {
    try {
      const { module, slot, card } = this.#find(id);
      if (pin?.kind === 'pin-pad' && !card.pinPad)
        throw new CardError('not-supported', 'the reader has no pin pad');
      const asked: ModulePin = { kind: pin?.kind ?? 'none', confirmLastTry: pin?.confirmLastTry === true };
      const request = { ...wanted, slot, pin: asked, keepUnlocked } as ModuleRequest;
      const all = pin?.kind === 'bytes' ? [pin.bytes, ...parts] : parts;
      const most = pin?.kind === 'pin-pad' ? Math.max(milliseconds, deadline.pinPad) : milliseconds;
      return module.process.request(request, all, most, read);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #find(id: string): Found {
    for (const module of this.#modules) {
      for (const [slot, token] of module.tokens) {
        if (token.card?.id === id) return { module, slot, token, card: token.card };
      }
    }
    throw new CardError('no-card', 'the token is not in');
  }

  #key(id: string, purpose: KeyPurpose): { key: string; algorithm: CardKeyAlgorithm } {
    const made = this.#made.get(`${id} ${purpose}`);
    const known = this.#find(id).token.keys.find((key) => key.purpose === purpose);
    const found = made ?? known;
    if (found === undefined) throw new CardError('no-certificate', 'the token has no certificate for that');
    return found;
  }

  /** A copy in locked memory. */
  #keep(bytes: Uint8Array): Uint8Array {
    const secret = this.#options.memory.allocate(bytes.length);
    secret.set(bytes);
    return secret;
  }
}

type Distribute<Request> = Request extends ModuleRequest
  ? Omit<Request, 'slot' | 'pin' | 'keepUnlocked'>
  : never;
type Unslotted = Distribute<Extract<ModuleRequest, { pin: ModulePin }>>;

const objectLabels: Readonly<Record<CardObjectName, string>> = {
  'channel-information': 'SealNIC channel information',
};

function pinOf(administration: CardAdministration): CardPin {
  if (administration.kind === 'pin') return administration.pin;
  throw new CardError('not-supported', 'a token is written to with its PIN');
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

function takeFirst([first]: Uint8Array[]): Uint8Array {
  if (first === undefined) throw new CardError('bad-answer', 'the module gave nothing');
  return first.slice();
}
