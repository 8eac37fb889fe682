// Which addresses count as the local network. A hostile network hands out addresses too: what it names never widens the
// local network beyond private ranges, nor over a prefix that the user protects by name.
import { formatPrefix } from '../../engine/packet/address.ts';
import { covers, enclosingPrefix, requirePrefix } from './prefixes.ts';

/** RFC 1918, 3927, 4193, 4291. */
const privateRanges = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
].map(requirePrefix);

const always = ['169.254.0.0/16', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'];

/**
 * The prefixes that pass by the tunnel where the profile allows the local network. `linkAddresses` are the addresses
 * of the real links, with prefix length. A prefix that covers a protected prefix, or is one, is left out.
 */
export function localNetworks(
  linkAddresses: readonly string[],
  protectedPrefixes: readonly string[],
): string[] {
  const shut = protectedPrefixes.map(requirePrefix);
  const own = linkAddresses
    .map(enclosingPrefix)
    .filter((prefix) => prefix !== undefined)
    .filter((prefix) => privateRanges.some((range) => covers(range, prefix)));
  const candidates = [...always.map(requirePrefix), ...own].filter(
    (prefix) => !shut.some((protectedPrefix) => covers(prefix, protectedPrefix)),
  );
  return [...new Set(candidates.map(formatPrefix))];
}
