// What each profile's gateway last said that it protects, kept over `down`: with networks = "gateway" it is what the
// next connection shuts before it asks. Only the first agreement of a profile has nothing to go by.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type AddressRange, formatAddress, parseAddress } from '../engine/packet/address.ts';
import { replaceFile } from '../keys/credentials/replace-file.ts';
import type { Profile } from './profile/contract.ts';

const schema = z.array(
  z.object({
    profile: z.string(),
    /** Whom the profile named then. */
    gateway: z.string(),
    /** Addresses from first to last. */
    carried: z.array(z.tuple([z.string(), z.string()])),
  }),
);

export class CarriedNetworks {
  readonly #path: string;
  #known: z.infer<typeof schema>;

  /** Remembers in `directory`; a file that cannot be read counts as empty. */
  constructor(directory: string) {
    this.#path = join(directory, 'carried.json');
    this.#known = read(this.#path);
  }

  /** Empty: nothing is known, or the profile names another gateway now, or names the networks itself. */
  find(profile: Profile): readonly AddressRange[] {
    const known = this.#known.find((each) => each.profile === profile.name);
    if (profile.network.protect !== 'gateway' || known?.gateway !== gatewayOf(profile)) return [];
    return rangesOf(known.carried);
  }

  remember(profile: Profile, ranges: readonly AddressRange[]): void {
    if (profile.network.protect !== 'gateway') return;
    const others = this.#known.filter((each) => each.profile !== profile.name);
    this.#store([
      ...others,
      { profile: profile.name, gateway: gatewayOf(profile), carried: ranges.map(textsOf) },
    ]);
  }

  /** The profile was removed. */
  forget(profile: string): void {
    this.#store(this.#known.filter((each) => each.profile !== profile));
  }

  #store(known: z.infer<typeof schema>): void {
    if (JSON.stringify(known) === JSON.stringify(this.#known)) return;
    replaceFile(this.#path, `${JSON.stringify(known)}\n`, 0o600);
    this.#known = known;
  }
}

/** A range is dropped where either address cannot be read. */
export function rangesOf(texts: readonly (readonly [string, string])[]): readonly AddressRange[] {
  return texts.flatMap(([firstText, lastText]) => {
    const first = parseAddress(firstText);
    const last = parseAddress(lastText);
    return first === undefined || last === undefined ? [] : [{ first, last }];
  });
}

export function textsOf({ first, last }: AddressRange): [string, string] {
  return [formatAddress(first), formatAddress(last)];
}

function gatewayOf({ gateway }: Profile): string {
  return JSON.stringify([gateway.address, gateway.port, gateway.identity]);
}

function read(path: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return [];
  }
}
