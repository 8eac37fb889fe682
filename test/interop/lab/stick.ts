// A stick: an image with a file system on a loop device, mounted where a service sees it, and the vault on it changed
// from outside, as another computer would.
import { execFileSync } from 'node:child_process';
import { constants, createECDH, type KeyObject, privateDecrypt } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { CardOpener } from '../../../main/keys/vault/card-protector.ts';
import { OpenCompartment, type Shares } from '../../../main/keys/vault/compartment.ts';
import { openShare } from '../../../main/keys/vault/protectors.ts';
import { idText, type StoredCompartment } from '../../../main/keys/vault/record.ts';
import type { VaultStorage } from '../../../main/keys/vault/storage.ts';
import { identityOf, parseVault, type VaultContent, writeVault } from '../../../main/keys/vault/vault.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';

const kibibytes = 4096;

export class Stick {
  readonly mountPoint: string;
  readonly #image: string;
  readonly #servicePid: () => number;

  /** `servicePid`: the process in whose mount namespace it is put in. */
  constructor(directory: string, servicePid: () => number) {
    this.mountPoint = join(directory, 'stick');
    this.#image = join(directory, 'stick.image');
    this.#servicePid = servicePid;
    mkdirSync(this.mountPoint);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, kibibytes * 1024);
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', this.#image], { stdio: 'ignore' });
  }

  /** As the service names it. */
  get vault(): string {
    return join(this.mountPoint, 'sealnic.vault');
  }

  plug(): void {
    this.#inside('mount', '-o', 'loop', this.#image, this.mountPoint);
  }

  pull(): void {
    this.#inside('umount', '-l', this.mountPoint);
  }

  /** Opens the first compartment by the card's key, changes it, and writes the vault's next generation. */
  async change(key: KeyObject, change: (compartment: OpenCompartment) => void): Promise<void> {
    await this.#withShare(key, async ({ memory, storage, content, stored, shares }) => {
      const compartment = await OpenCompartment.open(memory, identityOf(content), stored, shares);
      change(compartment);
      await writeVault(storage, content, { write: [compartment] });
    });
  }

  /** The first compartment's own key: what the card's protector holds where any of them opens it. */
  async compartmentKey(key: KeyObject): Promise<Uint8Array> {
    return this.#withShare(key, async ({ shares }) => [...shares.values()][0]!.slice());
  }

  async #withShare<Result>(key: KeyObject, use: (opening: Opening) => Promise<Result>): Promise<Result> {
    const memory = new SecretMemory();
    const descriptor = openSync(join('/proc', String(this.#servicePid()), 'root', this.vault), 'r+');
    try {
      const storage = storageOf(descriptor);
      const content = parseVault(await storage.read());
      const stored = content.compartments[0]!;
      const protector = stored.protectors.find(({ type }) => type === 'card')!;
      const place = { vaultId: identityOf(content).vaultId, compartmentId: stored.id };
      const secret = { type: 'card', card: openerOf(memory, key) } as const;
      const share = await openShare(memory, place, protector, secret);
      const shares = new Map([[idText(protector.id), share]]);
      return await use({ memory, storage, content, stored, shares });
    } finally {
      closeSync(descriptor);
      memory.close();
    }
  }

  #inside(...words: string[]): void {
    execFileSync('nsenter', ['-t', String(this.#servicePid()), '-m', ...words]);
  }
}

interface Opening {
  readonly memory: SecretMemory;
  readonly storage: VaultStorage;
  readonly content: VaultContent;
  readonly stored: StoredCompartment;
  readonly shares: Shares;
}

function storageOf(descriptor: number): VaultStorage {
  return {
    async read() {
      return readFileSync(`/proc/self/fd/${descriptor}`);
    },
    async write(offset, bytes) {
      writeSync(descriptor, bytes, 0, bytes.length, offset);
    },
    async sync() {
      fsyncSync(descriptor);
    },
  };
}

/** What the card's chip does. */
function openerOf(memory: SecretMemory, key: KeyObject): CardOpener {
  const kept = (bytes: Uint8Array) => {
    const place = memory.allocate(bytes.length);
    place.set(bytes);
    return place;
  };
  return {
    async agree(point) {
      const { crv, d } = key.export({ format: 'jwk' });
      const agreement = createECDH(crv === 'P-256' ? 'prime256v1' : 'secp384r1');
      agreement.setPrivateKey(Buffer.from(d!, 'base64url'));
      return kept(agreement.computeSecret(point));
    },
    async decrypt(ciphertext, label) {
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      return kept(
        privateDecrypt({ key, padding, oaepHash: 'sha256', oaepLabel: Buffer.from(label) }, ciphertext),
      );
    },
  };
}
