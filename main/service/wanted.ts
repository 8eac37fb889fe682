// Which connections are wanted up, kept over a crash of the service: what they protect stays shut until they are up
// again, or until the user says down.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../keys/credentials/replace-file.ts';

const schema = z.array(z.object({ profile: z.string(), owner: z.number().int() }));
export type WantedConnection = z.infer<typeof schema>[number];

export class WantedConnections {
  readonly #path: string;
  #wanted: readonly WantedConnection[];

  /** Remembers in `directory`; a file that cannot be read counts as empty. */
  constructor(directory: string) {
    this.#path = join(directory, 'wanted.json');
    this.#wanted = read(this.#path);
  }

  get all(): readonly WantedConnection[] {
    return this.#wanted;
  }

  add(profile: string, owner: number): void {
    this.#store([...this.#wanted.filter((wanted) => wanted.profile !== profile), { profile, owner }]);
  }

  remove(profile: string): void {
    this.#store(this.#wanted.filter((wanted) => wanted.profile !== profile));
  }

  #store(wanted: readonly WantedConnection[]): void {
    if (JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return;
    this.#wanted = wanted;
    replaceFile(this.#path, `${JSON.stringify(wanted)}\n`, 0o600);
  }
}

function read(path: string): readonly WantedConnection[] {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return [];
  }
}
