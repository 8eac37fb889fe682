// The profiles of the service: one TOML file each, listed, shown, imported and removed.
import { mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ControlError, type ProfileProblem } from '../../control/failure.ts';
import type { MethodParameters, MethodResult, MethodUploads } from '../../control/schema.ts';
import type { Caller } from '../../control/service-api.ts';
import type { ConnectionState } from '../../control/state.ts';
import type { ProfileSummary } from '../../control/values.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import { replaceFile } from '../../keys/credentials/replace-file.ts';
import type { CredentialStore } from '../../keys/credentials/store.ts';
import type { CardProfiles } from '../cards/card-profiles.ts';
import { InvalidFileError } from '../configuration/problem.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Profile } from '../profile/contract.ts';
import { withLockdown } from '../profile/lockdown-text.ts';
import { parseProfile } from '../profile/parse.ts';
import { foreignFormat, importForeignProfiles } from './import-profile.ts';
import { importTarget } from './import-target.ts';

const ending = '.toml';

export class ProfileBook {
  readonly #directory: string;
  readonly #further: ReadonlyMap<string, string>;
  readonly #credentials: CredentialStore;
  readonly #keyring: Keyring | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #cards: Pick<CardProfiles, 'profiles'> | undefined;

  /** `furtherFiles`: profiles that lie elsewhere, e.g. the one of `sealnic gateway FILE`. */
  constructor(
    directory: string,
    furtherFiles: readonly string[],
    credentials: CredentialStore,
    keyring?: Keyring,
    cards?: Pick<CardProfiles, 'profiles'>,
  ) {
    this.#directory = directory;
    this.#further = new Map(furtherFiles.map((path) => [nameOfFile(path), path]));
    this.#credentials = credentials;
    this.#keyring = keyring;
    this.#cards = cards;
  }

  /** One was stored, changed or removed by this service. */
  onChange(changed: () => void): { close(): void } {
    this.#listeners.add(changed);
    return { close: () => this.#listeners.delete(changed) };
  }

  has(name: string): boolean {
    return this.names().includes(name);
  }

  /** It lies in a file; a vault cannot take its place. */
  #isFile(name: string): boolean {
    return this.#fileNames().includes(name);
  }

  /** Those in files, in open vaults, and on cards that are in. */
  names(): readonly string[] {
    const elsewhere = [
      ...(this.#keyring?.profiles().keys() ?? []),
      ...(this.#cards?.profiles().keys() ?? []),
    ];
    return [...new Set([...this.#fileNames(), ...elsewhere])].sort();
  }

  #fileNames(): readonly string[] {
    let entries: string[] = [];
    try {
      entries = readdirSync(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const own = entries.filter((entry) => entry.endsWith(ending)).map(nameOfFile);
    return [...new Set([...own, ...this.#further.keys()])].sort();
  }

  /** Throws ControlError profile-not-found or profile-invalid. */
  load(name: string): Profile {
    return parse(this.text(name), name);
  }

  /** The file as it was written. Throws ControlError profile-not-found. */
  text(name: string): string {
    if (!this.has(name)) {
      throw new ControlError({ code: 'profile-not-found', profile: name, known: [...this.names()] });
    }
    if (this.#isFile(name)) return readFileSync(this.#path(name), 'utf8');
    const elsewhere = this.#keyring?.profiles().get(name) ?? this.#cards?.profiles().get(name);
    return elsewhere ?? readFileSync(this.#path(name), 'utf8');
  }

  valid(): readonly Profile[] {
    return this.names().flatMap((name) => {
      const profile = this.#tryLoad(name);
      return profile instanceof Error ? [] : [profile];
    });
  }

  list(stateOf: (name: string) => ConnectionState): ProfileSummary[] {
    return this.names().map((name) => {
      const profile = this.#tryLoad(name);
      const state = stateOf(name);
      if (profile instanceof Error) {
        return { name, role: 'client', authentication: 'psk', state, problem: firstProblem(profile) };
      }
      const { address } = profile.gateway;
      return {
        name,
        role: profile.role,
        authentication: profile.authentication.method,
        state,
        ...(address !== undefined && { gateway: address }),
        ...(profile.role === 'client' && { whenDown: profile.failClosed.whenDown }),
        ...(profile.failClosed.lockdown && { lockdown: true }),
      };
    });
  }

  validate(fileName: string, content: Uint8Array): ProfileProblem[] {
    try {
      parse(decode(content), nameOfFile(fileName));
      return [];
    } catch (error) {
      if (error instanceof ControlError && error.failure.code === 'profile-invalid')
        return error.failure.problems;
      throw error;
    }
  }

  /** Throws ControlError. The uploads are wiped. */
  async import(
    { fileName, name, replace, connections }: MethodParameters<'profiles.import'>,
    caller: Caller,
    { content, passphrase }: MethodUploads<'profiles.import'>,
  ): Promise<MethodResult<'profiles.import'>> {
    try {
      const format = foreignFormat(fileName, content);
      if (format === undefined) {
        const chosen = name ?? nameOfFile(fileName);
        const text = decode(content);
        parse(text, chosen);
        this.#store(chosen, text, replace);
        return { profiles: [chosen], secrets: [], remarks: [] };
      }
      const imported = await importForeignProfiles(format, content, { name, passphrase, connections });
      const credentials = imported.flatMap((profile) => profile.credentials);
      const vault = this.#keyring && importTarget(this.#keyring);
      try {
        for (const profile of imported) this.#mayStore(profile.name, replace);
        for (const { kind, name: credential, bytes } of credentials) {
          if (vault === undefined) this.#credentials.put(kind, credential, bytes, { owner: caller.uid });
          else await vault.put({ kind, name: credential, bytes, owner: caller.uid });
        }
      } catch (error) {
        if (!(error instanceof CredentialError)) throw error;
        throw new ControlError({ code: 'import-unsupported', problem: { problem: error.detail } });
      } finally {
        for (const { bytes } of credentials) bytes.fill(0);
      }
      for (const profile of imported) this.#store(profile.name, profile.text, replace);
      const where = vault === undefined || credentials.length === 0 ? [] : [vault.remark];
      return {
        profiles: imported.map((profile) => profile.name),
        secrets: [...new Set(credentials.map((credential) => credential.name))],
        remarks: [...where, ...imported.flatMap(({ remarks }) => remarks)],
      };
    } finally {
      content.fill(0);
      passphrase?.fill(0);
    }
  }

  /** Throws ControlError profile-not-found or profile-invalid. */
  setLockdown(name: string, on: boolean): void {
    if (this.has(name) && !this.#isFile(name)) throw inVault(name);
    const text = withLockdown(this.text(name), on);
    parse(text, name);
    replaceFile(this.#path(name), text, 0o644);
    this.#changed();
  }

  /** Throws ControlError profile-not-found. */
  remove(name: string): void {
    if (!this.has(name)) {
      throw new ControlError({ code: 'profile-not-found', profile: name, known: [...this.names()] });
    }
    if (!this.#isFile(name)) {
      throw new ControlError({
        code: 'import-unsupported',
        problem: { problem: { code: 'profile-in-vault', name } },
      });
    }
    unlinkSync(this.#path(name));
    this.#changed();
  }

  #changed(): void {
    for (const changed of this.#listeners) changed();
  }

  #mayStore(name: string, replace: boolean): void {
    if (!replace && this.has(name)) throw new ControlError({ code: 'profile-exists', profile: name });
  }

  #store(name: string, text: string, replace: boolean): void {
    this.#mayStore(name, replace);
    mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
    replaceFile(join(this.#directory, `${name}${ending}`), text, 0o644);
    this.#changed();
  }

  #path(name: string): string {
    return this.#further.get(name) ?? join(this.#directory, `${name}${ending}`);
  }

  #tryLoad(name: string): Profile | Error {
    try {
      return this.load(name);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}

function inVault(name: string): ControlError {
  return new ControlError({
    code: 'import-unsupported',
    problem: { problem: { code: 'profile-in-vault', name } },
  });
}

function nameOfFile(path: string): string {
  const file = basename(path);
  return file.endsWith(ending) ? file.slice(0, -ending.length) : file.replace(/\.[^.]*$/, '');
}

function parse(text: string, name: string): Profile {
  try {
    return parseProfile(text, name);
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    throw new ControlError({ code: 'profile-invalid', name, problems: [...error.problems] });
  }
}

function decode(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}

function firstProblem(error: Error): ProfileProblem {
  const known = error instanceof ControlError && error.failure.code === 'profile-invalid';
  const first = known ? error.failure.problems[0] : undefined;
  return first ?? { problem: { code: 'file-unreadable', reason: error.message } };
}
