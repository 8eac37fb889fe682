// strongSwan's format for settings (strongswan.conf(5), swanctl.conf(5)): sections, values, comments, references to other
// sections. Values stay bytes, since some are secrets. Included files are refused: only this one was given.
import { englishOf } from '../../control/english.ts';
import type { Message } from '../../control/messages.ts';

/** The text is not in that format, or asks for too much; `line` from 1. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problem: Message;
  readonly line: number;

  constructor(problem: Message, line: number) {
    super(`line ${line}: ${englishOf(problem)}`);
    this.problem = problem;
    this.line = line;
  }
}

/** A section with all that it inherits: its own comes first, then its references from left to right. */
export interface SettingsView {
  /** From 1: where the section itself begins. */
  readonly line: number;
  /** undefined: absent, or cleared by an empty assignment. */
  value(key: string): Uint8Array | undefined;
  /** The same as text. */
  text(key: string): string | undefined;
  keys(): readonly string[];
  section(name: string): SettingsView | undefined;
  sectionNames(): readonly string[];
}

interface Section {
  readonly line: number;
  readonly values: Map<string, Uint8Array>;
  readonly sections: Map<string, Section>;
  references: readonly (readonly string[])[];
}

const maximumBytes = 256 * 1024;
const maximumDepth = 16;
/** Sections visited for references, over the whole file: a few chained ones could otherwise stand for millions. */
const maximumVisits = 20_000;

/** The root section. Linear in the size of the text. Throws SettingsError; the views do so for their references. */
export function readSettings(bytes: Uint8Array): SettingsView {
  if (bytes.length > maximumBytes) {
    throw new SettingsError({ code: 'file-too-large', kibibytes: maximumBytes / 1024 }, 1);
  }
  return new References(new Parser(bytes).root()).view();
}

/** Overwrites every value that was read, wherever it stands. */
export function wipeSettings(view: SettingsView): void {
  if (view instanceof View) view.wipe();
}

const character = {
  newline: 0x0a,
  return: 0x0d,
  tab: 0x09,
  space: 0x20,
  quote: 0x22,
  hash: 0x23,
  comma: 0x2c,
  dot: 0x2e,
  colon: 0x3a,
  equals: 0x3d,
  backslash: 0x5c,
  open: 0x7b,
  close: 0x7d,
} as const;

/** None of these stands in a name. */
const nameEnds: ReadonlySet<number> = new Set(Object.values(character).filter((each) => each !== 0x5c));
const escapes: ReadonlyMap<number, number> = new Map([
  [0x6e, character.newline],
  [0x72, character.return],
  [0x74, character.tab],
]);

class Parser {
  readonly #bytes: Uint8Array;
  #at = 0;
  #line = 1;

  constructor(bytes: Uint8Array) {
    // Not a Buffer: its slices would be views of the caller's bytes, and wiped with the values.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  root(): Section {
    const section = newSection(1);
    this.#body(section, 0);
    return section;
  }

  /** Up to the closing brace, or the end of the text at the top. */
  #body(section: Section, depth: number): void {
    for (;;) {
      this.#skipBlanks();
      const next = this.#peek();
      if (next === undefined) {
        if (depth > 0) throw this.#error({ code: 'settings-brace-missing' }, section.line);
        return;
      }
      if (next === character.close) {
        if (depth === 0) throw this.#error({ code: 'settings-unexpected', found: '}' });
        this.#at += 1;
        return;
      }
      const name = this.#name();
      if (name === 'include' && this.#isInclude()) throw this.#error({ code: 'settings-include' });
      this.#statement(section, name, depth);
    }
  }

  #statement(section: Section, name: string, depth: number): void {
    const line = this.#line;
    this.#skipBlanks();
    const next = this.#peek();
    if (next === character.equals) {
      this.#at += 1;
      section.values.get(name)?.fill(0);
      section.values.set(name, this.#value());
      return;
    }
    const references = next === character.colon ? this.#references() : [];
    this.#skipBlanks();
    if (this.#peek() !== character.open) throw this.#unexpected();
    this.#at += 1;
    if (depth >= maximumDepth) throw this.#error({ code: 'nested-too-deeply' });
    // A section that stands there twice goes on.
    const inner = section.sections.get(name) ?? newSection(line);
    section.sections.set(name, inner);
    if (references.length > 0) inner.references = [...inner.references, ...references];
    this.#body(inner, depth + 1);
  }

  #references(): readonly (readonly string[])[] {
    const references: string[][] = [];
    do {
      this.#at += 1;
      this.#skipBlanks();
      const path = [this.#name()];
      while (this.#peek() === character.dot) {
        this.#at += 1;
        path.push(this.#name());
      }
      references.push(path);
      this.#skipBlanks();
    } while (this.#peek() === character.comma);
    return references;
  }

  #name(): string {
    const begin = this.#at;
    while (this.#at < this.#bytes.length && !nameEnds.has(this.#bytes[this.#at]!)) this.#at += 1;
    if (this.#at === begin) throw this.#unexpected();
    return new TextDecoder().decode(this.#bytes.subarray(begin, this.#at));
  }

  /** "include" is a statement where neither "=", ":" nor "{" follows. */
  #isInclude(): boolean {
    let at = this.#at;
    while (this.#bytes[at] === character.space || this.#bytes[at] === character.tab) at += 1;
    const next = this.#bytes[at];
    return next !== character.equals && next !== character.colon && next !== character.open;
  }

  /** To the end of the line, a comment or a brace. Its parts, quoted or not, are joined by one blank. */
  #value(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (;;) {
      while (isBlank(this.#peek())) this.#at += 1;
      const next = this.#peek();
      if (
        next === undefined ||
        next === character.newline ||
        next === character.hash ||
        next === character.close
      ) {
        break;
      }
      parts.push(next === character.quote ? this.#quoted() : this.#plain());
    }
    return joined(parts);
  }

  #plain(): Uint8Array {
    const begin = this.#at;
    for (;;) {
      const next = this.#peek();
      const ends =
        next === undefined ||
        isBlank(next) ||
        next === character.newline ||
        next === character.hash ||
        next === character.close ||
        next === character.quote;
      if (ends) return this.#bytes.slice(begin, this.#at);
      this.#at += 1;
    }
  }

  /** Over several lines, if need be; a backslash at a line's end takes the line break away. */
  #quoted(): Uint8Array {
    const line = this.#line;
    const buffer = new Uint8Array(this.#quotedLength(line));
    let length = 0;
    this.#at += 1;
    for (;;) {
      const next = this.#peek()!;
      this.#at += 1;
      if (next === character.quote) return trimmed(buffer, length);
      if (next === character.newline) this.#line += 1;
      if (next !== character.backslash) {
        buffer[length++] = next;
        continue;
      }
      const escaped = this.#peek()!;
      this.#at += 1;
      if (escaped === character.newline) this.#line += 1;
      else buffer[length++] = escapes.get(escaped) ?? escaped;
    }
  }

  /** Bytes up to the closing quotation mark, an upper bound of what they stand for. */
  #quotedLength(line: number): number {
    for (let at = this.#at + 1; at < this.#bytes.length; at += 1) {
      if (this.#bytes[at] === character.quote) return at - this.#at;
      if (this.#bytes[at] === character.backslash) at += 1;
    }
    throw this.#error({ code: 'toml-unterminated' }, line);
  }

  #skipBlanks(): void {
    for (;;) {
      const next = this.#peek();
      if (next === character.hash) {
        while (this.#at < this.#bytes.length && this.#peek() !== character.newline) this.#at += 1;
      } else if (next === character.newline) {
        this.#line += 1;
        this.#at += 1;
      } else if (isBlank(next)) this.#at += 1;
      else return;
    }
  }

  #peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  #unexpected(): SettingsError {
    const next = this.#peek();
    if (next === undefined) return this.#error({ code: 'settings-unfinished' });
    return this.#error({ code: 'settings-unexpected', found: String.fromCharCode(next) });
  }

  #error(problem: Message, line = this.#line): SettingsError {
    return new SettingsError(problem, line);
  }
}

function newSection(line: number): Section {
  return { line, values: new Map(), sections: new Map(), references: [] };
}

function isBlank(byte: number | undefined): boolean {
  return byte === character.space || byte === character.tab || byte === character.return;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length + 1, -1 + Number(!parts.length)),
  );
  let at = 0;
  for (const [index, part] of parts.entries()) {
    if (index > 0) whole[at++] = character.space;
    whole.set(part, at);
    at += part.length;
    part.fill(0);
  }
  return whole;
}

function trimmed(buffer: Uint8Array, length: number): Uint8Array {
  const exact = buffer.slice(0, length);
  buffer.fill(0);
  return exact;
}

/** Follows references by their names from the root. */
class References {
  readonly #root: Section;
  #visits = 0;

  constructor(root: Section) {
    this.#root = root;
  }

  view(): View {
    return new View([this.#root], this);
  }

  /** The section itself, then all that it refers to, in the order in which values are looked for. */
  layers(section: Section, depth = 0): readonly Section[] {
    this.#visits += 1;
    if (depth > maximumDepth || this.#visits > maximumVisits) {
      throw new SettingsError({ code: 'settings-references-endless' }, section.line);
    }
    return [
      section,
      ...section.references.flatMap((path) => {
        let found: readonly Section[] = [this.#root];
        for (const name of path) {
          found = found.flatMap((layer) => {
            const inner = layer.sections.get(name);
            return inner === undefined ? [] : this.layers(inner, depth + 1);
          });
        }
        if (found.length > 0) return found;
        const reference = path.join('.');
        throw new SettingsError({ code: 'settings-reference-unknown', reference }, section.line);
      }),
    ];
  }
}

class View implements SettingsView {
  readonly #layers: readonly Section[];
  readonly #references: References;

  constructor(layers: readonly Section[], references: References) {
    this.#layers = layers;
    this.#references = references;
  }

  get line(): number {
    return this.#layers[0]!.line;
  }

  value(key: string): Uint8Array | undefined {
    const value = this.#layers.find(({ values }) => values.has(key))?.values.get(key);
    return value === undefined || value.length === 0 ? undefined : value;
  }

  text(key: string): string | undefined {
    const value = this.value(key);
    return value && new TextDecoder().decode(value);
  }

  keys(): readonly string[] {
    return [...new Set(this.#layers.flatMap(({ values }) => [...values.keys()]))];
  }

  section(name: string): SettingsView | undefined {
    const layers = this.#layers.flatMap(({ sections }) => {
      const inner = sections.get(name);
      return inner === undefined ? [] : this.#references.layers(inner);
    });
    return layers.length === 0 ? undefined : new View(layers, this.#references);
  }

  sectionNames(): readonly string[] {
    return [...new Set(this.#layers.flatMap(({ sections }) => [...sections.keys()]))];
  }

  wipe(): void {
    const wipeAll = ({ values, sections }: Section): void => {
      for (const value of values.values()) value.fill(0);
      for (const inner of sections.values()) wipeAll(inner);
    };
    for (const layer of this.#layers) wipeAll(layer);
  }
}
