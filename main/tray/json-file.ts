// A small JSON file of the user's, read by a schema and replaced as a whole: the settings, and what the app remembers.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';

export class JsonFile<Shape extends z.ZodRawShape> {
  readonly #path: string;
  readonly #schema: z.ZodObject<Shape>;
  #value: z.output<z.ZodObject<Shape>>;

  /** Keys that are absent or not valid have their defaults; keys that are not in the schema are dropped. */
  constructor(path: string, schema: z.ZodObject<Shape>, defaults: z.output<z.ZodObject<Shape>>) {
    this.#path = path;
    this.#schema = schema;
    this.#value = { ...defaults, ...validKeys(schema, readObject(path)) };
  }

  get value(): z.output<z.ZodObject<Shape>> {
    return this.#value;
  }

  /** Changes what is given and writes the file. Throws where it cannot be written; the value stays as it was. */
  update(changes: Partial<z.output<z.ZodObject<Shape>>>): void {
    const value = this.#schema.parse({ ...this.#value, ...changes });
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.new`;
    try {
      writeFileSync(temporary, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flush: true });
      renameSync(temporary, this.#path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    this.#value = value;
  }
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Not there yet, or not JSON: the defaults hold.
    return {};
  }
}

function validKeys<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  read: Readonly<Record<string, unknown>>,
): Partial<z.output<z.ZodObject<Shape>>> {
  const valid: Record<string, unknown> = {};
  for (const [key, keySchema] of Object.entries(schema.shape)) {
    const result = (keySchema as z.ZodType).safeParse(read[key]);
    if (Object.hasOwn(read, key) && result.success) valid[key] = result.data;
  }
  return valid as Partial<z.output<z.ZodObject<Shape>>>;
}
