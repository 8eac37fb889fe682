// Which connections are wanted up, kept over a crash of the service: what they protect stays shut until they are up
// again, or until the user says down.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../keys/credentials/replace-file.ts';
import { CarriedNetworks } from './carried-networks.ts';

const wantedConnection = z.object({
  profile: z.string(),
  /** User id. */
  owner: z.number().int(),
  /** The profile's file as it was at `up`: it may have been spoilt or removed since. */
  text: z.string().optional(),
  /** What the gateway said that it protects, as addresses from first to last. */
  carried: z.array(z.tuple([z.string(), z.string()])).optional(),
});
const schema = z.array(wantedConnection);
export type WantedConnection = z.infer<typeof wantedConnection>;

export class WantedConnections {
  /** Outlives what is wanted. */
  readonly networks: CarriedNetworks;
  readonly #path: string;
  #wanted: readonly WantedConnection[];

  /** Remembers in `directory`; a file that cannot be read counts as empty. */
  constructor(directory: string) {
    this.networks = new CarriedNetworks(directory);
    this.#path = join(directory, 'wanted.json');
    this.#wanted = read(this.#path);
  }

  get all(): readonly WantedConnection[] {
    return this.#wanted;
  }

  find(profile: string): WantedConnection | undefined {
    return this.#wanted.find((wanted) => wanted.profile === profile);
  }

  /** What is left out of `wanted` stays as it is remembered. */
  add(wanted: WantedConnection): void {
    const others = this.#wanted.filter(({ profile }) => profile !== wanted.profile);
    this.#store([...others, { ...this.find(wanted.profile), ...wanted }]);
  }

  remove(profile: string): void {
    this.#store(this.#wanted.filter((wanted) => wanted.profile !== profile));
  }

  #store(wanted: readonly WantedConnection[]): void {
    if (JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return;
    replaceFile(this.#path, `${JSON.stringify(wanted)}\n`, 0o600);
    this.#wanted = wanted;
  }
}

function read(path: string): readonly WantedConnection[] {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return [];
  }
}
