// What the app itself does with vaults for the person: it makes keys for the keychain and recovery codes, hands in what
// the keychain keeps, and forgets it. All secrets are wiped once they are sent. Knows no Electron.
import { randomBytes } from 'node:crypto';
import { ControlError } from '../control/failure.ts';
import {
  formatRecoveryCode,
  makeRecoverySecret,
  RecoveryCodeError,
  readRecoveryCode,
} from '../control/recovery-code.ts';
import type { VaultSummary } from '../control/vault-values.ts';
import { KeychainError } from '../keys/keychain/keychain.ts';
import type { CommandParameters, CommandResult } from './ipc.ts';
import type { ChosenProtector } from './ipc-keys.ts';
import type { ServiceMirror } from './service-mirror.ts';

/** main/keys/keychain; throws KeychainError. */
export interface Keychain {
  make(id: string): Promise<Buffer>;
  read(id: string): Promise<Buffer | undefined>;
  forget(id: string): Promise<boolean>;
}

export interface KeyDeskSurroundings {
  readonly mirror: Pick<ServiceMirror, 'call'>;
  readonly keychain: Keychain;
}

interface Uploads {
  passphrase?: Uint8Array;
  wrappingKey?: Uint8Array;
  recoverySecret?: Uint8Array;
}

interface KeychainTarget {
  readonly vault: string;
  readonly compartment: string;
  /** Its id, by which the keychain finds the key. */
  readonly protector: string;
}

interface NewProtector extends ChosenProtector {
  id?: string;
}

type Shown = { recoveryCode?: Uint8Array<ArrayBuffer> };

export class KeyDesk {
  readonly #mirror: Pick<ServiceMirror, 'call'>;
  readonly #keychain: Keychain;

  constructor({ mirror, keychain }: KeyDeskSurroundings) {
    this.#mirror = mirror;
    this.#keychain = keychain;
  }

  async make({
    path,
    removable,
    passphrase,
    compartment,
    ...rest
  }: CommandParameters<'vault.make'>): Promise<CommandResult<'vault.make'>> {
    return await this.#withProtectors(compartment.protectors, passphrase, async (protectors, uploads) => {
      const given = { ...rest, compartment: { ...compartment, protectors } };
      if (path === undefined) await this.#mirror.call('vault.create', given, uploads);
      else await this.#mirror.call('vault.create-at', { ...given, path, removable }, uploads);
    });
  }

  async addCompartment({
    vault,
    compartment,
    passphrase,
  }: CommandParameters<'keys.add-compartment'>): Promise<CommandResult<'keys.add-compartment'>> {
    return await this.#withProtectors(compartment.protectors, passphrase, async (protectors, uploads) => {
      const given = { vault, compartment: { ...compartment, protectors } };
      await this.#mirror.call('keys.add-compartment', given, uploads);
    });
  }

  async addProtector({
    protector,
    passphrase,
    ...rest
  }: CommandParameters<'keys.add-protector'>): Promise<CommandResult<'keys.add-protector'>> {
    const made = await this.#withProtectors([protector], passphrase, async ([chosen], uploads) => {
      await this.#mirror.call('keys.add-protector', { ...rest, protector: chosen! }, uploads);
    });
    if (rest.replaces !== undefined) await this.#forget(rest.replaces);
    return made;
  }

  async removeProtector(parameters: CommandParameters<'keys.remove-protector'>): Promise<void> {
    await this.#mirror.call('keys.remove-protector', parameters);
    await this.#forget(parameters.id);
  }

  /** By the recovery code, by the keychain, or by what the service asks for. Throws ControlError. */
  async open({
    recoveryCode,
    ...target
  }: CommandParameters<'vault.open'>): Promise<CommandResult<'vault.open'>> {
    if (recoveryCode !== undefined) return await this.#openByCode(target, recoveryCode);
    const { vaults } = await this.#mirror.call('vault.list', {});
    const vault = vaults.find(({ name }) => name === target.vault);
    const targets = vault === undefined ? [] : keychainTargets(vault, target.compartment);
    const byKeychain = await this.#openByKeychain(targets);
    // With the rule "all" the key of the keychain is but one of them: the service asks for the others.
    if (byKeychain.length > 0) return { opened: byKeychain, missing: [] };
    return await this.#mirror.call('vault.open', target, {});
  }

  /** Hands in what the keychain has; says what is open now. Quiet about a keychain that is locked or not there. */
  async #openByKeychain(targets: readonly KeychainTarget[]): Promise<string[]> {
    const opened: string[] = [];
    for (const target of targets) {
      try {
        const wrappingKey = await this.#keychain.read(target.protector);
        if (wrappingKey === undefined) continue;
        opened.push(...(await this.#mirror.call('vault.open', target, { wrappingKey })).opened);
      } catch (error) {
        if (!(error instanceof KeychainError || error instanceof ControlError)) throw error;
      }
    }
    return opened;
  }

  async #openByCode(
    target: { vault: string; compartment?: string | undefined },
    typed: Uint8Array,
  ): Promise<CommandResult<'vault.open'>> {
    try {
      return await this.#mirror.call('vault.open', target, { recoverySecret: readRecoveryCode(typed) });
    } catch (error) {
      if (!(error instanceof RecoveryCodeError)) throw error;
      const { problem, group } = error;
      return { opened: [], missing: [], codeProblem: { problem, ...(group !== undefined && { group }) } };
    }
  }

  /** Makes what the chosen protectors need and hands it to `use`; a key of the keychain that was in vain goes again. */
  async #withProtectors(
    chosen: readonly ChosenProtector[],
    passphrase: Uint8Array | undefined,
    use: (protectors: NewProtector[], uploads: Uploads) => Promise<void>,
  ): Promise<Shown> {
    const uploads: Uploads = passphrase === undefined ? {} : { passphrase };
    const made: string[] = [];
    let code: Buffer<ArrayBuffer> | undefined;
    try {
      const protectors: NewProtector[] = [];
      for (const protector of chosen) {
        if (protector.type === 'keychain') {
          const id = randomBytes(16).toString('hex');
          uploads.wrappingKey = await this.#makeKey(id);
          made.push(id);
          protectors.push({ ...protector, id });
          continue;
        }
        if (protector.type === 'recovery') {
          uploads.recoverySecret = makeRecoverySecret();
          code = formatRecoveryCode(uploads.recoverySecret);
        }
        protectors.push(protector);
      }
      await use(protectors, uploads);
      return code === undefined ? {} : { recoveryCode: code };
    } catch (error) {
      code?.fill(0);
      for (const id of made) await this.#forget(id);
      throw error;
    } finally {
      for (const upload of Object.values(uploads)) upload?.fill(0);
    }
  }

  async #makeKey(id: string): Promise<Buffer> {
    try {
      return await this.#keychain.make(id);
    } catch (error) {
      if (!(error instanceof KeychainError)) throw error;
      throw new ControlError({ code: 'keychain-unusable', detail: error.message.replace(/\.$/, '') });
    }
  }

  /** A key that stays opens nothing any more. */
  async #forget(id: string): Promise<void> {
    await this.#keychain.forget(id).catch(() => false);
  }
}

/** What of a vault is locked and may have a key in the keychain; never a compartment for cards. */
function keychainTargets(vault: VaultSummary, compartment: string | undefined): readonly KeychainTarget[] {
  return vault.compartments
    .filter(({ name, kind, open }) => kind === 'ordinary' && !open && (compartment ?? name) === name)
    .flatMap(({ name, protectors }) =>
      protectors
        .filter(({ type }) => type === 'keychain')
        .map(({ id }) => ({ vault: vault.name, compartment: name, protector: id })),
    );
}
