// Which vaults the service knows, where they lie, and the youngest that it has seen of each: kept over restarts, so that
// an older copy of a vault, or one signed by somebody else, is noticed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../keys/credentials/replace-file.ts';
import { idText, type StoredCompartment } from '../../keys/vault/record.ts';
import { sha256 } from '../../keys/vault/slots.ts';
import type { VaultContent } from '../../keys/vault/vault.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';

const placeSchema = z.discriminatedUnion('type', [
  /** Chosen by the service or enrolled by an administrator; absolute. */
  z.object({ type: z.literal('path'), path: z.string() }),
  /** Below the mount point of whichever medium carries it. */
  z.object({ type: z.literal('medium'), file: z.string() }),
]);
export type VaultPlace = z.infer<typeof placeSchema>;

const compartmentSchema = z.object({
  name: z.string(),
  /** Hexadecimal. */
  signer: z.string(),
  generation: z.number().int(),
  /** SHA-256 of it in that generation, hexadecimal: two copies that were written apart are told from one another. */
  digest: z.string().optional(),
  /** "psk/office": what was in it when it was last open. Absent: it never was. */
  entries: z.array(z.string()).optional(),
});

const vaultSchema = z.object({
  /** Hexadecimal. */
  id: z.string(),
  name: z.string(),
  place: placeSchema,
  /** User id of whoever made or enrolled it; 0: everybody's who may control. */
  owner: z.number().int(),
  /** By compartment id in hexadecimal. */
  compartments: z.record(z.string(), compartmentSchema),
});
export type EnrolledVault = z.infer<typeof vaultSchema>;

const schema = z.object({
  vaults: z.array(vaultSchema),
  /** Id of the vault that secrets of an import go to. */
  defaultVault: z.string().optional(),
});

export class EnrolledVaults {
  readonly #path: string;
  #state: z.infer<typeof schema>;

  /** Remembers in `directory`, which exists. Throws where its file is there but cannot be read: it must not be forgotten. */
  constructor(directory: string) {
    this.#path = join(directory, 'enrolled.json');
    this.#state = read(this.#path);
  }

  get all(): readonly EnrolledVault[] {
    return this.#state.vaults;
  }

  get defaultVault(): string | undefined {
    return this.#state.defaultVault;
  }

  find(id: string): EnrolledVault | undefined {
    return this.#state.vaults.find((vault) => vault.id === id);
  }

  put(vault: EnrolledVault): void {
    const known = this.find(vault.id) !== undefined;
    const vaults = known
      ? this.#state.vaults.map((other) => (other.id === vault.id ? vault : other))
      : [...this.#state.vaults, vault];
    this.#store({ ...this.#state, vaults });
  }

  remove(id: string): void {
    const { defaultVault, ...rest } = this.#state;
    const vaults = rest.vaults.filter((vault) => vault.id !== id);
    this.#store({ vaults, ...(defaultVault !== undefined && defaultVault !== id && { defaultVault }) });
  }

  setDefault(id: string | undefined): void {
    this.#store({ vaults: this.#state.vaults, ...(id !== undefined && { defaultVault: id }) });
  }

  #store(state: z.infer<typeof schema>): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    replaceFile(this.#path, `${JSON.stringify(state)}\n`, 0o600);
    this.#state = state;
  }
}

/** Throws VaultError rolled-back or signer-changed where the file is not what was seen of it, or follows from that. */
export function checkAgainst(known: EnrolledVault, content: VaultContent): void {
  for (const [id, seen] of Object.entries(known.compartments)) {
    const stored = content.compartments.find((compartment) => idText(compartment.id) === id);
    if (stored === undefined) {
      throw new VaultError(
        'rolled-back',
        `The compartment "${seen.name}" is missing: the vault is an older copy, or it was removed elsewhere.`,
      );
    }
    if (stored.generation < seen.generation) {
      throw new VaultError(
        'rolled-back',
        `The vault is an older copy: generation ${stored.generation} of "${seen.name}", after ${seen.generation}.`,
      );
    }
    if (idText(stored.signer) !== seen.signer) {
      throw new VaultError(
        'signer-changed',
        `The compartment "${seen.name}" was given new keys elsewhere, or replaced by somebody.`,
      );
    }
    const isSame = seen.digest === undefined || digestOf(stored) === seen.digest;
    if (stored.generation > seen.generation || isSame) continue;
    throw new VaultError(
      'rolled-back',
      `Two copies of the vault were changed apart: this one holds another "${seen.name}" of generation ${seen.generation}.`,
    );
  }
  // Public keys of protectors stand in the file: whoever has it can make a compartment that they open.
  const added = content.compartments.find(({ id }) => known.compartments[idText(id)] === undefined);
  if (added === undefined) return;
  throw new VaultError(
    'signer-changed',
    `The compartment "${added.name}" was added elsewhere, or by somebody.`,
  );
}

/** What is known once the content has been accepted. */
export function withContent(known: EnrolledVault, content: VaultContent): EnrolledVault {
  const compartments: EnrolledVault['compartments'] = {};
  for (const stored of content.compartments) {
    const { id, name, signer, generation } = stored;
    const { entries } = known.compartments[idText(id)] ?? {};
    compartments[idText(id)] = {
      name,
      signer: idText(signer),
      generation,
      digest: digestOf(stored),
      ...(entries !== undefined && { entries }),
    };
  }
  return { ...known, name: content.name, compartments };
}

/** The highest generation that the service has seen of the vault. */
export function highestGeneration({ compartments }: EnrolledVault): number {
  return Math.max(0, ...Object.values(compartments).map(({ generation }) => generation));
}

function digestOf({ encoded }: StoredCompartment): string {
  return idText(sha256(encoded));
}

function read(path: string): z.infer<typeof schema> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { vaults: [] };
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${path} is damaged; without it no older copy of a vault would be noticed`);
  }
}
