// A stage with a card and a stick: strongSwan on the other side, a real pcscd, a loop-mounted stick, and a client that
// follows what the service says and answers its prompts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlClient, connectToService } from '../../../main/control/client.ts';
import type { Prompt } from '../../../main/control/prompt-values.ts';
import type { ConnectionStatus, Status } from '../../../main/control/values.ts';
import { CardLab, type InsertedCard } from '../../fakes/card/pcscd.ts';
import { defaultPin, type VirtualCard } from '../../fakes/card/virtual-card.ts';
import { Stage, type StageOptions } from './stage.ts';
import { Stick } from './stick.ts';

const limitMilliseconds = 60_000;

export class KeysStage {
  readonly stage: Stage;
  readonly stick: Stick;
  readonly #readers: CardLab;
  #client: ControlClient;
  #inserted: InsertedCard | undefined;
  #status: Status | undefined;
  readonly #done = new Set<string>();
  readonly #listeners = new Set<() => void>();

  private constructor(stage: Stage, readers: CardLab, client: ControlClient) {
    this.stage = stage;
    this.#readers = readers;
    this.#client = client;
    this.stick = new Stick(stage.client.directory, () => this.servicePid);
  }

  static async open(options: StageOptions = {}): Promise<KeysStage> {
    const readers = new CardLab();
    // The service inherits it.
    process.env.PCSCLITE_CSOCK_NAME = readers.socket;
    await readers.start();
    const stage = await Stage.open(options);
    const client = await connectToService({ path: stage.client.controlSocket });
    const opened = new KeysStage(stage, readers, client);
    await opened.#follow();
    return opened;
  }

  async #follow(): Promise<void> {
    await this.#client.subscribe((status) => {
      this.#status = status;
      for (const look of [...this.#listeners]) look();
    });
  }

  /** Ends the service, by SIGTERM or SIGKILL, and with it the stick's mount. */
  async stopService(how: 'stop' | 'kill' = 'stop'): Promise<void> {
    this.#client.close();
    this.#status = undefined;
    const code = await this.stage.client[how]();
    if (how === 'stop' && code !== 0) throw new Error(`the service ended with ${code}`);
  }

  /** After `stopService`. The card stays in; the stick is out. */
  async startService(): Promise<void> {
    await this.stage.client.startService();
    this.#client = await connectToService({ path: this.stage.client.controlSocket });
    await this.#follow();
  }

  async close(): Promise<void> {
    this.#client.close();
    this.#inserted?.remove();
    await this.stage.close();
    await this.#readers.close();
  }

  /** The service itself, without what started it. */
  get servicePid(): number {
    const { directory } = this.stage.client;
    const pid = readdirSync('/proc').find((name) => {
      try {
        const line = readFileSync(join('/proc', name, 'cmdline'), 'utf8');
        return line.includes('service/main.ts') && line.includes(directory);
      } catch {
        return false;
      }
    });
    if (pid === undefined) throw new Error('the service does not run');
    return Number(pid);
  }

  /** Resolves with the first status that fits. */
  when<Value>(what: string, find: (status: Status) => Value | undefined): Promise<Value> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        clearTimeout(limit);
        this.#listeners.delete(look);
        act();
      };
      const look = () => {
        const value = this.#status && find(this.#status);
        if (value !== undefined) end(() => resolve(value));
      };
      const limit = setTimeout(() => {
        const seen = JSON.stringify({ ...this.#status, drops: {} });
        end(() => reject(this.stage.explained(new Error(`in vain: ${what}: ${seen}`))));
      }, limitMilliseconds);
      this.#listeners.add(look);
      look();
    });
  }

  state(wanted: ConnectionStatus['state'], profile = 'office'): Promise<ConnectionStatus> {
    return this.when(`${profile} ${wanted}`, ({ connections }) =>
      connections.find((each) => each.profile === profile && each.state === wanted),
    );
  }

  /** One that was not dealt with here yet. */
  prompt(kind: Prompt['kind']): Promise<Prompt> {
    const fits = (each: Prompt) => each.kind === kind && !this.#done.has(each.id);
    return this.when(`a prompt: ${kind}`, ({ prompts }) => prompts.find(fits));
  }

  noPrompts(): Promise<true> {
    return this.when('no prompt', ({ prompts }) => prompts.length === 0 || undefined);
  }

  async answerPin(pin = defaultPin): Promise<Prompt> {
    const asked = await this.prompt('pin');
    this.#done.add(asked.id);
    await this.#client.call('prompts.answer', { id: asked.id }, { answer: Buffer.from(pin) });
    return asked;
  }

  /** As the app does with what it finds in the user's keychain. */
  async openByKey(vault: string, wrappingKey: Uint8Array): Promise<void> {
    await this.#client.call('vault.open', { vault }, { wrappingKey });
  }

  async cancel(kind: Prompt['kind']): Promise<Prompt> {
    const asked = await this.prompt(kind);
    this.#done.add(asked.id);
    await this.#client.call('prompts.cancel', { id: asked.id });
    return asked;
  }

  /** Runs `sealnic up` and answers what it asks: so many PINs. */
  async up(pins: number, pin = defaultPin): Promise<void> {
    const done = this.stage.client.run(['up', 'office']);
    const answers = async () => {
      for (let count = 0; count < pins; count += 1) await this.answerPin(pin);
    };
    await Promise.all([done, answers()]);
    await this.state('connected');
  }

  async insert(card: VirtualCard): Promise<void> {
    await this.insertOnly(card);
    await this.when('the card', ({ cards }) => cards?.cards.some(({ usable }) => usable) || undefined);
  }

  /** Without waiting until the service has seen it. */
  async insertOnly(card: VirtualCard): Promise<void> {
    this.#inserted = await this.#readers.insert(card);
  }

  /** Out and in again. */
  async reinsert(card: VirtualCard): Promise<void> {
    await this.removeCard();
    await this.insert(card);
  }

  /** Takes the card out, at once. */
  pullCard(): void {
    this.#inserted?.remove();
    this.#inserted = undefined;
  }

  /** Takes the card out and waits until that was seen. */
  async removeCard(): Promise<void> {
    this.pullCard();
    await this.when('no card', ({ cards }) => cards?.cards.length === 0 || undefined);
  }

  plugStick(): Promise<true> {
    this.stick.plug();
    return this.#stickIs(true);
  }

  pullStick(): Promise<true> {
    this.stick.pull();
    return this.#stickIs(false);
  }

  vaultIs(open: boolean): Promise<true> {
    return this.when(
      `the vault ${open ? 'open' : 'locked'}`,
      ({ vaults }) =>
        vaults.some(({ compartments }) => compartments.some((each) => each.open === open)) || undefined,
    );
  }

  /** Makes the vault on the stick: one compartment that only the card opens. The card is in. */
  async createVault(): Promise<void> {
    this.stick.plug();
    const where = ['--path', this.stick.vault, '--removable'];
    await this.stage.client.run(['vault', 'create', 'Stick', ...where, '--only-card', '--protector', 'card']);
  }

  #stickIs(present: boolean): Promise<true> {
    return this.when(
      `the stick ${present ? 'in' : 'out'}`,
      ({ vaults }) => vaults.some((vault) => vault.present === present) || undefined,
    );
  }
}
