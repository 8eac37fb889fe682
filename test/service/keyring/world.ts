// A keyring over real files in a folder of its own, with prompts that a test answers, and the methods of the endpoint.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlError, type ControlFailure } from '../../../main/control/failure.ts';
import type { Prompt } from '../../../main/control/prompt-values.ts';
import type { Caller } from '../../../main/control/service-api.ts';
import type { Cards } from '../../../main/keys/card/contract.ts';
import { openCredentialStore } from '../../../main/keys/credentials/store.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { Keyring } from '../../../main/service/keyring/keyring.ts';
import type { Medium } from '../../../main/service/keyring/media.ts';
import { keyHandlers } from '../../../main/service/methods/keys.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import { Prompts } from '../../../main/service/prompts/prompts.ts';

export const root: Caller = { uid: 0, pid: 1, administrator: true };
export const alice: Caller = { uid: 1001, pid: 2, administrator: false };
export const bob: Caller = { uid: 1002, pid: 3, administrator: false };

export const officeProfile = parseProfile(
  `[gateway]\naddress = "192.0.2.1"\n[local]\nidentity = "a@example.org"\n[authentication]\nmethod = "psk"\nsecret = "office"\n`,
  'office',
);

export const nothingGiven = { passphrase: undefined, wrappingKey: undefined, recoverySecret: undefined };
export const given = (secrets: Partial<Record<keyof typeof nothingGiven, string>>) => ({
  ...nothingGiven,
  ...Object.fromEntries(Object.entries(secrets).map(([name, text]) => [name, Buffer.from(text)])),
});

export class KeyringWorld implements Disposable {
  readonly directory: string;
  readonly memory = new SecretMemory();
  readonly prompts: Prompts;
  keyring: Keyring;
  handlers: ReturnType<typeof keyHandlers>;
  mounted: Medium[] | undefined;
  /** Answers by the kind of prompt; the prompts that were asked. */
  answer: (prompt: Prompt) => string | undefined = () => undefined;
  readonly asked: Prompt[] = [];
  readonly #cards: readonly Cards[] | undefined;

  constructor(options: { mounted?: Medium[]; cards?: readonly Cards[] } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'sealnic-keyring-'));
    this.mounted = options.mounted;
    this.#cards = options.cards;
    let given = 0;
    this.prompts = new Prompts({
      secrets: this.memory,
      now: () => 0,
      schedule: () => () => undefined,
      wallClock: (at) => at,
      randomId: () => `prompt-${++given}`,
      timeoutMilliseconds: 60_000,
    });
    this.prompts.onChange(() => this.#answerPrompts());
    this.keyring = this.#open();
    this.handlers = this.#handlers();
  }

  /** What the service would find after a restart. */
  async restart(): Promise<void> {
    this.keyring.close();
    this.keyring = this.#open();
    this.handlers = this.#handlers();
    await this.keyring.look();
  }

  async createVault(
    name: string,
    options: { caller?: Caller; path?: string; removable?: boolean; passphrase?: string } = {},
  ): Promise<void> {
    const { caller = root, path, removable = false, passphrase = 'correct horse' } = options;
    const compartment = {
      name: 'secrets',
      kind: 'ordinary' as const,
      rule: 'any' as const,
      protectors: [{ type: 'passphrase' as const, label: 'passphrase' }],
    };
    const parameters = { name, compartment, makeDefault: false };
    if (path === undefined) await this.handlers['vault.create'](parameters, caller, given({ passphrase }));
    else {
      await this.handlers['vault.create-at'](
        { ...parameters, path, removable },
        caller,
        given({ passphrase }),
      );
    }
  }

  async add(
    vault: string,
    name: string,
    value: string,
    caller = root,
    kind: 'psk' | 'profile' | 'filter' = 'psk',
  ) {
    return this.handlers['keys.add']({ name, kind, vault }, caller, { secret: Buffer.from(value) });
  }

  async open(vault: string, passphrase: string, caller = root) {
    return this.handlers['vault.open']({ vault }, caller, given({ passphrase }));
  }

  psk(name: string, owner = 0): string | undefined {
    const secret = this.keyring.preSharedKey(name, undefined, owner);
    if (secret === undefined) return undefined;
    const text = Buffer.from(secret).toString();
    this.memory.free(secret);
    return text;
  }

  [Symbol.dispose](): void {
    this.keyring.close();
    this.prompts.close();
    this.memory.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #open(): Keyring {
    const credentials = join(this.directory, 'credentials');
    mkdirSync(credentials, { recursive: true, mode: 0o700 });
    return new Keyring({
      memory: this.memory,
      store: openCredentialStore(credentials, this.memory),
      directory: join(this.directory, 'vaults'),
      prompts: this.prompts,
      log: () => undefined,
      ...(this.#cards && { cards: this.#cards }),
      ...(this.mounted && { media: () => this.mounted! }),
    });
  }

  #handlers() {
    const store = openCredentialStore(join(this.directory, 'credentials'), this.memory);
    return keyHandlers({ keyring: this.keyring, store, validProfiles: () => [officeProfile] });
  }

  #answerPrompts(): void {
    for (const prompt of this.prompts.all) {
      if (this.asked.some(({ id }) => id === prompt.id)) continue;
      this.asked.push(prompt);
      const text = this.answer(prompt);
      queueMicrotask(() => {
        if (!this.prompts.all.some(({ id }) => id === prompt.id)) return;
        if (text === undefined) this.prompts.cancel({ uid: prompt.owner, administrator: false }, prompt.id);
        else this.prompts.answer(prompt.owner, prompt.id, { confirmLastTry: true }, Buffer.from(text));
      });
    }
  }
}

export function failsWith<Code extends ControlFailure['code']>(
  code: Code,
  more: Partial<Extract<ControlFailure, { code: Code }>> = {},
) {
  return (error: unknown): true => {
    if (!(error instanceof ControlError) || error.failure.code !== code) throw error;
    for (const [key, value] of Object.entries(more)) {
      const found = (error.failure as unknown as Record<string, unknown>)[key];
      if (found !== value) throw new Error(`${key} is ${String(found)}, not ${String(value)}`);
    }
    return true;
  };
}
