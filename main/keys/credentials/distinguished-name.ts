// Distinguished names: DER (RFC 5280 section 4.1.2.4) to and from text, and when two of them are the same name.
import * as asn1js from 'asn1js';

/** "C=CH, O=Example, CN=vpn" could not be read; the message says why. */
export class NameTextError extends Error {
  override readonly name = 'NameTextError';
}

/**
 * DER of the Name that the text says, in the order of the text ("C=CH, O=Example, CN=vpn", the order that strongSwan
 * and OpenSSL show). Separated by "," or "/" (then at the start, too), "+" joins attributes of one RDN. A value may be
 * quoted, or have characters escaped as in RFC 4514 section 2.4. Attribute types: short names or dotted object
 * identifiers. Throws NameTextError.
 */
export function encodeName(text: string): Uint8Array {
  const names = splitText(text).map(
    (attributes) => new asn1js.Set({ value: attributes.map(encodeAttribute) }),
  );
  return new Uint8Array(new asn1js.Sequence({ value: names }).toBER());
}

/** The text of a DER Name, which encodeName reads back to an equal name. "#" and hex where a value is no text. */
export function formatName(der: Uint8Array): string {
  const relativeNames = decodeName(der);
  if (!relativeNames) return `#${Buffer.from(der).toString('hex')}`;
  return relativeNames.map((attributes) => attributes.map(formatAttribute).join(' + ')).join(', ');
}

/**
 * Same name by RFC 5280 section 7.1: letters in either case, runs of spaces as one, whatever string type carries them.
 * Byte for byte where one of them cannot be read.
 */
export function equalNames(a: Uint8Array, b: Uint8Array): boolean {
  const keysA = nameKeys(a);
  const keysB = nameKeys(b);
  if (!keysA || !keysB) return Buffer.from(a).equals(b);
  return keysA.length === keysB.length && keysA.every((key, index) => key === keysB[index]);
}

/** Does the name begin with all relative names of the base (RFC 5280 section 4.2.1.10, directoryName)? */
export function nameIsBelow(name: Uint8Array, base: Uint8Array): boolean {
  const keys = nameKeys(name);
  const baseKeys = nameKeys(base);
  if (!keys || !baseKeys) return false;
  return baseKeys.every((key, index) => key === keys[index]);
}

/** Texts of an attribute in the name, e.g. its e-mail addresses (1.2.840.113549.1.9.1). */
export function attributesOf(der: Uint8Array, type: string): string[] {
  return (decodeName(der) ?? [])
    .flat()
    .filter((attribute) => attribute.type === type && attribute.text !== undefined)
    .map((attribute) => attribute.text!);
}

interface Attribute {
  readonly type: string;
  /** undefined where the value is of no string type. */
  readonly text: string | undefined;
  readonly der: Uint8Array;
}

const typeOfName: ReadonlyMap<string, string> = new Map([
  ['CN', '2.5.4.3'],
  ['C', '2.5.4.6'],
  ['O', '2.5.4.10'],
  ['OU', '2.5.4.11'],
  ['L', '2.5.4.7'],
  ['ST', '2.5.4.8'],
  ['S', '2.5.4.8'],
  ['STREET', '2.5.4.9'],
  ['SERIALNUMBER', '2.5.4.5'],
  ['SN', '2.5.4.4'],
  ['SURNAME', '2.5.4.4'],
  ['GN', '2.5.4.42'],
  ['G', '2.5.4.42'],
  ['GIVENNAME', '2.5.4.42'],
  ['I', '2.5.4.43'],
  ['T', '2.5.4.12'],
  ['TITLE', '2.5.4.12'],
  ['D', '2.5.4.13'],
  ['N', '2.5.4.41'],
  ['POSTALCODE', '2.5.4.17'],
  ['DNQUALIFIER', '2.5.4.46'],
  ['PSEUDONYM', '2.5.4.65'],
  ['UID', '0.9.2342.19200300.100.1.1'],
  ['DC', '0.9.2342.19200300.100.1.25'],
  ['E', '1.2.840.113549.1.9.1'],
  ['EMAIL', '1.2.840.113549.1.9.1'],
  ['EMAILADDRESS', '1.2.840.113549.1.9.1'],
]);
const nameOfType: ReadonlyMap<string, string> = new Map(
  [...typeOfName].reverse().map(([name, type]) => [type, name]),
);
const ia5Types: ReadonlySet<string> = new Set(['0.9.2342.19200300.100.1.25', '1.2.840.113549.1.9.1']);

const maximumTextLength = 4096;

function encodeAttribute({ type, value, isDer }: AttributeText): asn1js.Sequence {
  if (isDer) {
    const { result, offset } = asn1js.fromBER(Uint8Array.from(Buffer.from(value.slice(1), 'hex')));
    if (offset <= 0) throw new NameTextError(`"${value}" is no hexadecimal DER value`);
    return new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: type }), result] });
  }
  const text =
    ia5Types.has(type) && /^[\0-\x7f]*$/.test(value)
      ? new asn1js.IA5String({ value })
      : directoryString(value);
  return new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: type }), text] });
}

function directoryString(value: string): asn1js.BaseBlock {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)
    ? new asn1js.PrintableString({ value })
    : new asn1js.Utf8String({ value });
}

function formatAttribute({ type, text, der }: Attribute): string {
  const name = nameOfType.get(type) ?? type;
  if (text === undefined) return `${name}=#${Buffer.from(der).toString('hex')}`;
  const escaped = text
    .replace(/[\\",+/=;<>]/g, (character) => `\\${character}`)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => hexEscapes(character))
    .replace(/^[ #]|(?<=.) $/g, (character) => `\\${character}`);
  return `${name}=${escaped}`;
}

/** Control and format characters never reach a terminal or a log as such. */
function hexEscapes(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
}

/** One text a relative name; equal texts, equal names. */
function nameKeys(der: Uint8Array): string[] | undefined {
  return decodeName(der)?.map((attributes) => JSON.stringify(attributes.map(attributeKey).sort()));
}

function attributeKey({ type, text, der }: Attribute): string {
  if (text === undefined) return `${type}#${Buffer.from(der).toString('hex')}`;
  return `${type}=${text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')}`;
}

function decodeName(der: Uint8Array): Attribute[][] | undefined {
  let root: asn1js.BaseBlock;
  try {
    const parsed = asn1js.fromBER(Uint8Array.from(der));
    if (parsed.offset !== der.length) return undefined;
    root = parsed.result;
  } catch {
    return undefined;
  }
  if (!(root instanceof asn1js.Sequence)) return undefined;
  const relativeNames: Attribute[][] = [];
  for (const set of root.valueBlock.value) {
    if (!(set instanceof asn1js.Set)) return undefined;
    const attributes = set.valueBlock.value.map(decodeAttribute);
    if (attributes.length === 0 || attributes.includes(undefined)) return undefined;
    relativeNames.push(attributes as Attribute[]);
  }
  return relativeNames;
}

function decodeAttribute(block: asn1js.BaseBlock): Attribute | undefined {
  if (!(block instanceof asn1js.Sequence)) return undefined;
  const [type, value, ...rest] = block.valueBlock.value;
  if (!(type instanceof asn1js.ObjectIdentifier) || value === undefined || rest.length > 0) return undefined;
  return {
    type: type.valueBlock.toString(),
    text: value instanceof asn1js.BaseStringBlock ? value.getValue() : undefined,
    der: new Uint8Array(value.toBER()),
  };
}

interface AttributeText {
  readonly type: string;
  readonly value: string;
  /** The value is written as "#" and the hexadecimal digits of its DER. */
  readonly isDer: boolean;
}

function splitText(text: string): AttributeText[][] {
  if (text.length > maximumTextLength) throw new NameTextError('the name is longer than 4096 characters');
  const separator = text.startsWith('/') ? '/' : ',';
  const scanner: Scanner = { text, position: separator === '/' ? 1 : 0, separator };
  const relativeNames: AttributeText[][] = [[]];
  for (;;) {
    relativeNames.at(-1)!.push(scanAttribute(scanner));
    const next = scanner.text[scanner.position];
    scanner.position += 1;
    if (next === undefined) return relativeNames;
    if (next !== '+') relativeNames.push([]);
  }
}

interface Scanner {
  readonly text: string;
  position: number;
  readonly separator: ',' | '/';
}

function scanAttribute(scanner: Scanner): AttributeText {
  const equals = scanner.text.indexOf('=', scanner.position);
  const rest = scanner.text.slice(scanner.position);
  if (equals < 0)
    throw new NameTextError(`"${rest.trim()}" has no "="; a name looks like "C=CH, O=Example, CN=vpn"`);
  const name = scanner.text.slice(scanner.position, equals).trim();
  const type =
    typeOfName.get(name.toUpperCase()) ?? (/^[0-2](\.\d{1,12}){1,20}$/.test(name) ? name : undefined);
  if (type === undefined) {
    throw new NameTextError(
      `"${name}" is no attribute of a name (known: ${[...typeOfName.keys()].join(', ')})`,
    );
  }
  scanner.position = equals + 1;
  return { type, ...scanValue(scanner, name) };
}

/** Up to the separator; leaves the position there. Escaped bytes are UTF-8. */
function scanValue(scanner: Scanner, name: string): Omit<AttributeText, 'type'> {
  const { text } = scanner;
  while (text[scanner.position] === ' ') scanner.position += 1;
  const quoted = text[scanner.position] === '"';
  const isDer = text[scanner.position] === '#';
  if (quoted) scanner.position += 1;
  const bytes: number[] = [];
  /** Spaces at the end belong to the value only where they are escaped or quoted. */
  let significant = 0;
  for (;;) {
    const character = text[scanner.position];
    if (character === undefined) {
      if (quoted) throw new NameTextError(`the quotation mark of ${name} is not closed`);
      break;
    }
    if (quoted ? character === '"' : character === scanner.separator || character === '+') break;
    if (character === '\\') {
      bytes.push(...scanEscape(scanner));
      significant = bytes.length;
      continue;
    }
    const codePoint = String.fromCodePoint(text.codePointAt(scanner.position)!);
    scanner.position += codePoint.length;
    bytes.push(...Buffer.from(codePoint));
    if (codePoint !== ' ' || quoted) significant = bytes.length;
  }
  if (quoted) {
    scanner.position += 1;
    while (text[scanner.position] === ' ') scanner.position += 1;
    const next = text[scanner.position];
    if (next !== undefined && next !== scanner.separator && next !== '+') {
      throw new NameTextError(`${name} goes on after its quotation mark`);
    }
  }
  if (significant === 0) throw new NameTextError(`${name} is empty`);
  return { value: Buffer.from(bytes.slice(0, significant)).toString('utf8'), isDer };
}

function scanEscape(scanner: Scanner): number[] {
  const hex = /^\\([0-9a-fA-F]{2})/.exec(scanner.text.slice(scanner.position, scanner.position + 3));
  if (hex) {
    scanner.position += 3;
    return [Number.parseInt(hex[1]!, 16)];
  }
  const codePoint = scanner.text.codePointAt(scanner.position + 1);
  if (codePoint === undefined) throw new NameTextError('the name ends in a "\\"');
  const character = String.fromCodePoint(codePoint);
  scanner.position += 1 + character.length;
  return [...Buffer.from(character)];
}
