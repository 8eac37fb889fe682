// Stable stand-ins for whatever names a person, a company or a place: the same name is the same stand-in as long as the
// key is the same, and nobody without the key can tell what it was.
import { createHmac } from 'node:crypto';
import { parseAddress } from '../engine/packet/address.ts';
import { AddressPseudonyms } from './address-pseudonyms.ts';

export type NameKind = 'host' | 'identity' | 'link' | 'network' | 'profile' | 'secret' | 'text' | 'user';

/** Names that everybody has. */
const common = new Set(['root', 'nobody', 'localhost', 'sealnic', 'terminal', 'any', 'filter', 'built-in']);
/** So long a name is found inside of other words too. */
const longEnoughAnywhere = 5;
/** What ends so is a file and no host. */
const fileEndings =
  /\.(?:conf|d|js|json|log|md|mjs|pem|pid|policy|service|so|sock|socket|sswan|target|toml|ts|txt)$/i;

const marks = /[\ue000\ue001]/gu;
const hardwareAddress = /(?<![\w:-])[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![\w:-])/giu;
const address4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?(?!\w|\.\d)/gu;
const address6 = /(?<![\w:.])(?:[0-9a-f]{0,4}:){2,}[0-9a-f:.]*(?:\/\d{1,3})?/giu;
const mailAddress = /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*/gu;
const dottedName =
  /(?<![\p{L}\p{N}_.-])[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*\.\p{L}{2,}\.?(?![\p{L}\p{N}_-])/gu;
/** Whatever follows the host may say who somebody is. */
const webAddress = /(?<=https?:\/\/)(?:[^\s/?#@"'<>]*@)?([^\s/?#:"'<>[]+)[^\s"'<>]*/giu;
const homeDirectory = /(?<=(?:\/home\/|\/Users\/|\\Users\\))[^/\\\s"':]+/gu;

export class Pseudonyms {
  readonly #key: Uint8Array;
  readonly #addresses: AddressPseudonyms;
  readonly #known = new Map<string, NameKind>();
  #patterns: NamePatterns | undefined;

  /** `key`: 32 random bytes, used for one bundle only. */
  constructor(key: Uint8Array) {
    this.#key = key;
    this.#addresses = new AddressPseudonyms(key);
  }

  /** From now on the name is replaced wherever it stands in a text. */
  learn(kind: NameKind, name: string): void {
    const word = name.trim().toLowerCase();
    if (word === '' || common.has(word) || this.#known.has(word) || this.#address(word) !== undefined) return;
    this.#known.set(word, kind);
    this.#patterns = undefined;
    if (kind === 'identity' || kind === 'host') for (const part of partsOf(word)) this.learn(kind, part);
  }

  /** For a value that is a name and nothing else. */
  name(kind: NameKind, name: string): string {
    const word = name.trim().toLowerCase();
    if (word === '' || common.has(word)) return name;
    return this.#address(name) ?? this.#standIn(kind, word);
  }

  /** Replaces addresses, names that were learnt, and what looks like a name of a host or person. */
  text(text: string): string {
    const done: string[] = [];
    const put = (standIn: string): string => `\ue000${done.push(standIn) - 1}\ue001`;
    const byPattern = (part: string, pattern: RegExp, standInOf: (found: string) => string | undefined) =>
      part.replace(pattern, (found) => {
        const standIn = standInOf(found);
        return standIn === undefined ? found : put(standIn);
      });
    const known = (found: string) =>
      this.#standIn(this.#known.get(found.toLowerCase()) ?? 'text', found.toLowerCase());
    this.#patterns ??= this.#makePatterns();
    const { alone, anywhere } = this.#patterns;
    let rest = text.replace(marks, '');
    rest = rest.replace(webAddress, (_, host: string) => put(this.name('host', host)));
    rest = byPattern(rest, alone, known);
    rest = byPattern(rest, hardwareAddress, (found) => this.#hardware(found));
    rest = rest.replace(address6, (found) => this.#address6(found, put));
    rest = byPattern(rest, address4, (found) => this.#addresses.text(found));
    rest = byPattern(rest, mailAddress, (found) => this.#standIn('identity', found.toLowerCase()));
    rest = byPattern(rest, homeDirectory, (found) => this.#standIn('user', found.toLowerCase()));
    rest = byPattern(rest, dottedName, (found) =>
      fileEndings.test(found.replace(/\.$/, ''))
        ? undefined
        : this.#standIn('host', found.toLowerCase().replace(/\.$/, '')),
    );
    rest = byPattern(rest, anywhere, known);
    return rest.replace(/\ue000(\d+)\ue001/gu, (_, index: string) => done[Number(index)] ?? '');
  }

  #standIn(kind: NameKind, word: string): string {
    return `${kind}-${this.#digest(word).toString('hex', 0, 4)}`;
  }

  #hardware(text: string): string {
    const bytes = this.#digest(text.toLowerCase().replaceAll('-', ':')).subarray(0, 5);
    // Locally administered, so that it is nobody's.
    return ['02', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
  }

  #address(text: string): string | undefined {
    return this.#addresses.text(text);
  }

  /** A colon or full stop behind it belongs to the sentence. */
  #address6(found: string, put: (standIn: string) => string): string {
    for (let end = found.length; end > 1; end--) {
      const standIn = this.#addresses.text(found.slice(0, end));
      if (standIn !== undefined) return put(standIn) + found.slice(end);
      if (!/[:.]/.test(found[end - 1]!)) break;
    }
    return found;
  }

  #digest(word: string): Buffer {
    return createHmac('sha256', this.#key).update(`name ${word}`).digest();
  }

  /** Longest first. Not within dotted names at first, which are replaced as a whole. */
  #makePatterns(): NamePatterns {
    const words = [...this.#known.keys()].sort((one, other) => other.length - one.length);
    const quoted = (each: string) => each.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    const never = /(?!)/u;
    if (words.length === 0) return { alone: never, anywhere: never };
    const alone = words.map(quoted).join('|');
    const long = words.filter((each) => each.length >= longEnoughAnywhere).map(quoted);
    const bounded = `(?<![\\p{L}\\p{N}\\ue000])(?:${alone})(?![\\p{L}\\p{N}\\ue001])`;
    const before = '(?<![\\p{L}\\p{N}_@-]|[\\p{L}\\p{N}_-]\\.)';
    const behind = '(?![\\p{L}\\p{N}_@-]|\\.[\\p{L}\\p{N}])';
    return {
      alone: new RegExp(`${before}(?:${alone})${behind}`, 'giu'),
      anywhere: new RegExp([...long, bounded].join('|'), 'giu'),
    };
  }
}

interface NamePatterns {
  /** As words, not as parts of a dotted name. */
  readonly alone: RegExp;
  readonly anywhere: RegExp;
}

/** Of "alice@example.org" also "alice" and "example.org"; of "C=CH, O=Example" also "Example". */
function partsOf(word: string): readonly string[] {
  if (word.includes('=')) {
    return word
      .split(/[,/+]/)
      .map((part) => part.slice(part.indexOf('=') + 1).trim())
      .filter((part) => part.length > 2);
  }
  return word.includes('@') ? word.split('@').filter((part) => part.length > 2) : [];
}

/** True where the text is an address and nothing else. */
export function isAddress(text: string): boolean {
  return parseAddress(text.split('/')[0] ?? '') !== undefined;
}
