// Bytes that came ahead of their request as binary frames. They may be secrets: whatever is not handed over is wiped.
import { ControlError } from '../../control/failure.ts';
import type { UploadDefinition } from '../../control/schema.ts';

export class Uploads {
  readonly #waiting = new Map<number, Buffer[]>();
  #bytes = 0;

  /** Bytes that wait or were claimed and not given back by `release`. */
  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): boolean {
    return this.#waiting.size > 0;
  }

  add(reference: number, bytes: Buffer): void {
    this.#bytes += bytes.length;
    const parts = this.#waiting.get(reference);
    if (parts === undefined) this.#waiting.set(reference, [bytes]);
    else parts.push(bytes);
  }

  /** The uploads of one request, by name. Throws ControlError; what was claimed so far is then wiped. */
  claim(
    method: string,
    definitions: Readonly<Record<string, UploadDefinition>>,
    references: unknown,
  ): Record<string, Buffer> {
    const claimed: Record<string, Buffer> = {};
    const refuse = (detail: string): never => {
      this.release(claimed);
      throw new ControlError({ code: 'invalid-request', method, detail });
    };
    const given = referenceNumbers(references);
    if (given === undefined) return refuse('uploads: names with stream numbers');
    for (const [name, reference] of Object.entries(given)) {
      const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
      if (definition === undefined) return refuse(`no upload is called ${name}`);
      const bytes = this.#take(reference);
      if (bytes === undefined) return refuse(`upload ${name} did not come`);
      claimed[name] = bytes;
      if (bytes.length > definition.maximumBytes) return refuse(`upload ${name} is too long`);
    }
    for (const [name, { optional }] of Object.entries(definitions)) {
      if (!optional && claimed[name] === undefined) return refuse(`upload ${name} is missing`);
    }
    return claimed;
  }

  /** The request that claimed them is answered: wiped, and no longer counted. */
  release(claimed: Readonly<Record<string, Buffer>>): void {
    for (const bytes of Object.values(claimed)) {
      bytes.fill(0);
      this.#bytes -= bytes.length;
    }
  }

  wipe(): void {
    for (const parts of this.#waiting.values()) for (const part of parts) part.fill(0);
    this.#waiting.clear();
  }

  #take(reference: number): Buffer | undefined {
    const parts = this.#waiting.get(reference);
    if (parts === undefined) return undefined;
    this.#waiting.delete(reference);
    if (parts.length === 1) return parts[0];
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const whole = Buffer.from(new ArrayBuffer(length));
    let offset = 0;
    for (const part of parts) {
      offset += part.copy(whole, offset);
      part.fill(0);
    }
    return whole;
  }
}

function referenceNumbers(references: unknown): Record<string, number> | undefined {
  if (references === undefined) return {};
  if (typeof references !== 'object' || references === null || Array.isArray(references)) return undefined;
  const numbers = Object.values(references);
  return numbers.every((value) => Number.isSafeInteger(value))
    ? (references as Record<string, number>)
    : undefined;
}
