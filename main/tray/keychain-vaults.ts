// Opens vaults by the keys in the user's keychain: when they come within reach, and when a connection waits for one.
// Never a compartment for cards, and never again by itself one that somebody has locked.
import type { VaultSummary } from '../control/vault-values.ts';

export interface KeychainVaultsOptions {
  /** The wrapping key of a protector; undefined: the keychain is locked, or has none. */
  readWrappingKey(id: string): Promise<Uint8Array | undefined>;
  /** Hands the key to the service, and wipes it. */
  open(vault: string, compartment: string, protector: string, key: Uint8Array): Promise<unknown>;
}

export class KeychainVaults {
  readonly #options: KeychainVaultsOptions;
  /** Tried since the vault came within reach, or since it is wanted. */
  readonly #tried = new Set<string>();

  constructor(options: KeychainVaultsOptions) {
    this.#options = options;
  }

  /** Call with every status; undefined: the service is away. Resolves when what it led to is done; never rejects. */
  async follow(vaults: readonly VaultSummary[] | undefined): Promise<void> {
    const keep = new Set<string>();
    const attempts: Promise<void>[] = [];
    for (const vault of vaults ?? []) {
      if (!vault.present) continue;
      for (const { name, kind, open, protectors } of vault.compartments) {
        if (kind === 'card') continue;
        for (const { id, type } of protectors) {
          if (type !== 'keychain') continue;
          const attempt = `${id}${vault.wanted ? ' wanted' : ''}`;
          keep.add(id).add(attempt);
          if (this.#tried.has(attempt)) continue;
          this.#tried.add(id).add(attempt);
          if (!open) attempts.push(this.#open(vault.name, name, id));
        }
      }
    }
    for (const attempt of this.#tried) if (!keep.has(attempt)) this.#tried.delete(attempt);
    await Promise.all(attempts);
  }

  /** What fails leaves the vault locked, and the service says so where it matters. */
  async #open(vault: string, compartment: string, protector: string): Promise<void> {
    try {
      const key = await this.#options.readWrappingKey(protector);
      if (key !== undefined) await this.#options.open(vault, compartment, protector, key);
    } catch {
      // Keychain or service away: the next status may find them back.
      this.#tried.delete(protector);
    }
  }
}
