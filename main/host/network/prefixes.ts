// Prefixes as texts, sorted by family for the tools that take one family at a time.
import {
  type AddressPrefix,
  formatPrefix,
  parseAddress,
  parsePrefix,
  prefixToRange,
  rangeContainsRange,
} from '../../engine/packet/address.ts';

export interface PrefixesByFamily {
  readonly 4: readonly string[];
  readonly 6: readonly string[];
}

/** Without those that lie inside another one. Throws RangeError for a text that is no prefix. */
export function splitPrefixes(texts: readonly string[]): PrefixesByFamily {
  const prefixes = texts.map(requirePrefix);
  const outer = prefixes.filter(
    (prefix, index) =>
      !prefixes.some(
        (other, otherIndex) =>
          index !== otherIndex &&
          covers(other, prefix) &&
          (other.length < prefix.length || otherIndex < index),
      ),
  );
  const ofFamily = (family: 4 | 6) =>
    outer.filter(({ address }) => address.family === family).map(formatPrefix);
  return { 4: ofFamily(4), 6: ofFamily(6) };
}

export function covers(outer: AddressPrefix, inner: AddressPrefix): boolean {
  return (
    outer.address.family === inner.address.family &&
    outer.length <= inner.length &&
    rangeContainsRange(prefixToRange(outer), prefixToRange(inner))
  );
}

/** "10.0.0.0/8", or an address alone. */
export function requirePrefix(text: string): AddressPrefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new RangeError(`"${text}" is no address prefix (such as 10.0.0.0/8 or fd00::/8).`);
  return prefix;
}

/** The prefix in which an address with a prefix length lies: "192.168.1.5/24" gives 192.168.1.0/24. */
export function enclosingPrefix(text: string): AddressPrefix | undefined {
  const [addressText = '', lengthText = ''] = text.split('/');
  const address = parseAddress(addressText);
  const length = Number(lengthText);
  if (!address || lengthText === '' || !Number.isInteger(length)) return undefined;
  if (length < 0 || length > address.bytes.length * 8) return undefined;
  const bytes = address.bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - bits));
  });
  return { address: { family: address.family, bytes }, length };
}

export function familyOf(text: string): 4 | 6 {
  return text.includes(':') ? 6 : 4;
}
