// The wrapping keys of "system" protectors: files that only root can read, so that a vault opens at boot.
import { randomFillSync } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { guardDirectory, readGuarded, writeGuarded } from '../../keys/credentials/guarded-file.ts';
import { wrappingKeyBytes } from '../../keys/vault/protectors.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';

export class SystemKeys {
  readonly #directory: string;
  readonly #memory: SecretMemory;

  constructor(directory: string, memory: SecretMemory) {
    this.#directory = directory;
    this.#memory = memory;
    guardDirectory(directory);
  }

  /** A fresh key for the protector with that id (hexadecimal), in locked memory; the caller frees it. */
  make(protector: string): Uint8Array {
    const key = this.#memory.allocate(wrappingKeyBytes);
    randomFillSync(key);
    writeGuarded(join(this.#directory, protector), key);
    return key;
  }

  /** undefined: this computer has none for the protector. Throws CredentialError. */
  read(protector: string): Uint8Array | undefined {
    let key: Uint8Array | undefined;
    const allocate = (length: number) => {
      key = this.#memory.allocate(length);
      return key;
    };
    const read = readGuarded(join(this.#directory, protector), wrappingKeyBytes, allocate);
    if (read?.bytes.length === wrappingKeyBytes) return read.bytes;
    if (key !== undefined) this.#memory.free(key);
    return undefined;
  }

  forget(protector: string): void {
    try {
      unlinkSync(join(this.#directory, protector));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
