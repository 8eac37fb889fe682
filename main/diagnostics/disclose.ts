// What of the service's answers may stand in a bundle: words of the program as they are, names as stand-ins, free texts
// without the names in them.
import type { NameKind, Pseudonyms } from './pseudonyms.ts';
import { isAddress } from './pseudonyms.ts';

/** Values that the program itself chose. */
const plainKeys = new Set([
  ...['state', 'severity', 'code', 'action', 'outcome', 'direction', 'role', 'kind', 'level', 'enforcedBy'],
  ...[
    'algorithm',
    'espAlgorithm',
    'encapsulation',
    'espEncapsulation',
    'proposal',
    'ikeProposal',
    'protocol',
  ],
  ...['authentication', 'protectedTraffic', 'version', 'spi', 'initiatorSpi', 'responderSpi', 'control'],
  ...['administer', 'sourcePorts', 'destinationPorts', 'layer', 'problemCode'],
]);
/** Values that are names, of profiles in files and in answers. */
const nameKeys: Readonly<Record<string, NameKind>> = {
  profile: 'profile',
  gateway: 'host',
  hostName: 'host',
  localIdentity: 'identity',
  remoteIdentity: 'identity',
  identity: 'identity',
  user: 'user',
  ssid: 'network',
  label: 'text',
  rowLabel: 'text',
  note: 'text',
  group: 'text',
};
/** A row's label that a person wrote, a message of main/control/messages.ts. */
const labelCode = 'label-text';
/** May hold whatever somebody else wrote. */
const leftOut = new Set(['prompts']);

/** Names of links that say no more than what the link is; others may carry a hardware address or a company. */
const plainLink = /^(?:lo|(?:bond|br|eth|ppp|sealnic|tap|tun|usb|wlan|wwan)\d+|(?:en|wl|ww)[ops]\w{0,8})$/;

/** Learns every name in a value, so that it is found in texts as well. */
export function learnNames(pseudonyms: Pseudonyms, value: unknown, key = ''): void {
  if (typeof value === 'string') {
    const kind = nameKeys[key];
    if (kind !== undefined && kind !== 'text') pseudonyms.learn(kind, value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [each, inner] of entriesOf(value, key)) learnNames(pseudonyms, inner, each);
}

/** The value as it may be shown to anybody. */
export function disclose(pseudonyms: Pseudonyms, value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (plainKeys.has(key)) return value;
    const kind = nameKeys[key];
    return kind === undefined ? pseudonyms.text(value) : pseudonyms.name(kind, value);
  }
  if (Array.isArray(value)) return value.map((each) => disclose(pseudonyms, each, key));
  if (typeof value !== 'object' || value === null) return value;
  const written = 'code' in value && value.code === labelCode;
  return Object.fromEntries(
    entriesOf(value, key)
      .filter(([each]) => !leftOut.has(each))
      .map(([each, inner]) => [
        each,
        disclose(pseudonyms, inner, written && each === 'text' ? 'note' : each),
      ]),
  );
}

/** Links by name, and what the default ones are. */
export function learnLinks(pseudonyms: Pseudonyms, links: readonly { readonly name: string }[]): void {
  for (const { name } of links) if (!plainLink.test(name)) pseudonyms.learn('link', name);
}

/** Texts of a profile that are words of the program, by key. Whatever else stands in it is a name. */
const profileWords = new Set([
  ...['role', 'start', 'capture', 'when_down', 'default_action', 'method', 'proposals', 'encapsulation'],
  ...['action', 'protocol', 'source_ports', 'destination_ports'],
]);
const profileKinds: Readonly<Record<string, NameKind>> = {
  address: 'host',
  identity: 'identity',
  secret: 'secret',
  certificate: 'secret',
  private_key: 'secret',
  authorities: 'secret',
};
const networkWords = new Set(['everything', 'gateway', 'terminal', 'any', 'system']);

/** A profile's tables, as they were read from its file: comments are gone, every text that is not a word of ours too. */
export function discloseProfile(pseudonyms: Pseudonyms, value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (profileWords.has(key) || networkWords.has(value)) return value;
    return isAddress(value) ? pseudonyms.text(value) : pseudonyms.name(profileKinds[key] ?? 'text', value);
  }
  if (Array.isArray(value)) return value.map((each) => discloseProfile(pseudonyms, each, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([each, inner]) => [each, discloseProfile(pseudonyms, inner, each)]),
  );
}

/** Learns what a profile names. */
export function learnProfile(pseudonyms: Pseudonyms, value: unknown, key = ''): void {
  if (typeof value === 'string') {
    const kind = profileKinds[key];
    if (kind !== undefined && !networkWords.has(value)) pseudonyms.learn(kind, value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [each, inner] of entriesOf(value, key)) learnProfile(pseudonyms, inner, each);
}

/** An array's entries have the array's key. */
function entriesOf(value: object, key: string): readonly (readonly [string, unknown])[] {
  return Array.isArray(value) ? value.map((each) => [key, each] as const) : Object.entries(value);
}
