// IKE SAs in vaults while the service restarts. Each serves once: it is taken out of the file before it is used.
import { createHash } from 'node:crypto';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Profile, VaultPlace } from '../profile/contract.ts';
import { formatProfile } from '../profile/write.ts';
import { type Holder, mayAsk, mayUse } from './needs.ts';
import type { VaultSession } from './vault-session.ts';

export interface KeptAssociation {
  /** As the IKE engine gave it, in locked memory; whoever takes it frees it. */
  readonly stored: Uint8Array;
  readonly elapsedMilliseconds: number;
  /** The card that its authentication hangs on. */
  readonly card: string | undefined;
}

export interface KeptSurroundings {
  readonly memory: SecretMemory;
  sessions(): readonly VaultSession[];
  isCardIn(card: string): boolean;
}

type Place =
  | { readonly problem: undefined; readonly session: VaultSession; readonly compartment: string }
  | { readonly problem: 'locked'; readonly holder: Holder }
  | { readonly problem: 'unknown-vault' };

const kind = 'associations';
const fingerprintBytes = 32;

export class KeptAssociations {
  readonly #surroundings: KeptSurroundings;

  constructor(surroundings: KeptSurroundings) {
    this.#surroundings = surroundings;
  }

  /** The compartment of that name in a vault that the owner may ask for. */
  place({ vault, compartment: wanted }: VaultPlace, owner: number): Place {
    for (const session of this.#surroundings.sessions()) {
      if (session.name !== vault || !mayAsk(session, owner)) continue;
      for (const [compartment, { name }] of Object.entries(session.enrolled.compartments)) {
        if (name !== wanted) continue;
        const opened = session.isOpen(compartment);
        const isOpen = opened !== undefined && mayUse(opened, owner);
        return isOpen
          ? { problem: undefined, session, compartment }
          : { problem: 'locked', holder: { session, compartment, name } };
      }
    }
    return { problem: 'unknown-vault' };
  }

  /** Can it be put there now? */
  canPut({ ike }: Profile, owner: number): boolean {
    return ike.keepIn !== undefined && this.place(ike.keepIn, owner).problem === undefined;
  }

  /**
   * Frees `stored`. The entry, named by the profile: SHA-256 of the profile's text 32, the card's id (length 1), what the
   * IKE engine gave. Throws VaultError.
   */
  async put(profile: Profile, owner: number, stored: Uint8Array, card: string | undefined): Promise<void> {
    const { memory } = this.#surroundings;
    const id = Buffer.from(card ?? '', 'utf8');
    const value = memory.allocate(fingerprintBytes + 1 + id.length + stored.length);
    value.set(fingerprintOf(profile));
    value[fingerprintBytes] = id.length;
    value.set(id, fingerprintBytes + 1);
    value.set(stored, fingerprintBytes + 1 + id.length);
    memory.free(stored);
    try {
      const place = profile.ike.keepIn && this.place(profile.ike.keepIn, owner);
      if (place?.problem !== undefined || place === undefined) return;
      const entry = { kind, name: profile.name, owner, storedAtMilliseconds: Date.now(), value } as const;
      await place.session.edit(place.compartment, (compartment) => compartment.put(entry));
    } finally {
      memory.free(value);
    }
  }

  /**
   * Takes the profile's IKE SA out of its vault and gives it; undefined where there is none, where the profile has changed,
   * or where its card is not in. Throws VaultError where the vault cannot be written: it is not used then.
   */
  async take(profile: Profile, owner: number): Promise<KeptAssociation | undefined> {
    const { memory } = this.#surroundings;
    const place = profile.ike.keepIn && this.place(profile.ike.keepIn, owner);
    if (place === undefined || place.problem !== undefined) return undefined;
    const entry = place.session.isOpen(place.compartment)?.compartment.find(kind, profile.name);
    if (entry === undefined) return undefined;
    const value = memory.allocate(entry.value.length);
    value.set(entry.value);
    try {
      await place.session.edit(place.compartment, (compartment) => {
        compartment.remove(kind, profile.name);
      });
      return this.#read(profile, value, entry.storedAtMilliseconds);
    } finally {
      memory.free(value);
    }
  }

  #read(profile: Profile, value: Uint8Array, storedAtMilliseconds: number): KeptAssociation | undefined {
    const { memory, isCardIn } = this.#surroundings;
    const begin = fingerprintBytes + 1 + (value[fingerprintBytes] ?? 0);
    if (value.length <= begin) return undefined;
    if (Buffer.compare(value.subarray(0, fingerprintBytes), fingerprintOf(profile)) !== 0) return undefined;
    const id = Buffer.from(value.subarray(fingerprintBytes + 1, begin)).toString('utf8');
    if (id !== '' && !isCardIn(id)) return undefined;
    const stored = memory.allocate(value.length - begin);
    stored.set(value.subarray(begin));
    const elapsedMilliseconds = Math.max(0, Date.now() - storedAtMilliseconds);
    return { stored, elapsedMilliseconds, card: id === '' ? undefined : id };
  }
}

function fingerprintOf(profile: Profile): Uint8Array {
  return createHash('sha256').update(formatProfile(profile)).digest();
}
