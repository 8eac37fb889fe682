// Secrets in a swanctl.conf: which one belongs to a connection, and its bytes. They never become strings here.
import type { SettingsView } from './settings.ts';

/**
 * The secret of the kind for one of the identities: the entry that names most of them; one that names nobody is for
 * everybody. The bytes are the caller's to wipe. undefined: there is none.
 */
export function findSecret(
  settings: SettingsView,
  kind: 'ike' | 'eap',
  identities: readonly string[],
): Uint8Array | undefined {
  const secrets = settings.section('secrets');
  const candidates = (secrets?.sectionNames() ?? [])
    .filter((name) => (kind === 'eap' ? /^(eap|xauth)/ : /^ike/).test(name))
    .flatMap((name) => {
      const entry = secrets?.section(name);
      const value = entry?.value('secret');
      return entry === undefined || value === undefined ? [] : [{ value, owners: ownersOf(entry) }];
    });
  const wanted = identities.map((each) => each.toLowerCase());
  const fitting = candidates
    .map(({ value, owners }) => ({
      value,
      owners,
      named: owners.filter((owner) => wanted.includes(owner)).length,
    }))
    .filter(({ owners, named }) => named > 0 || owners.every((owner) => owner === '%any'));
  const [best] = fitting.sort((one, other) => other.named - one.named);
  return best === undefined ? undefined : decode(best.value);
}

/** "id", "id-1", "idfoo" …; a type before it ("fqdn:") does not count. */
function ownersOf(entry: SettingsView): readonly string[] {
  return entry
    .keys()
    .filter((key) => key.startsWith('id'))
    .flatMap((key) => entry.text(key) ?? [])
    .map((text) => text.replace(/^(fqdn|email|rfc822|ipv4|ipv6):/, '').toLowerCase());
}

/** "0x…" is hexadecimal, "0s…" base64; anything else is itself. */
function decode(value: Uint8Array): Uint8Array {
  if (value[0] !== 0x30) return Uint8Array.from(value);
  if (value[1] === 0x78) return decodeDigits(value, 2, 4);
  return value[1] === 0x73 ? decodeDigits(value, 2, 6) : Uint8Array.from(value);
}

/** Digits of 4 (hexadecimal) or 6 (base64) bits. What is no digit, as "=", ":" and "_", is passed over. */
function decodeDigits(value: Uint8Array, from: number, bitsPerDigit: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((value.length * bitsPerDigit) / 8));
  let length = 0;
  let gathered = 0;
  let bits = 0;
  for (let at = from; at < value.length; at += 1) {
    const digit = bitsPerDigit === 4 ? hexadecimalDigit(value[at]!) : base64Digit(value[at]!);
    if (digit === undefined) continue;
    gathered = ((gathered << bitsPerDigit) | digit) & 0xffff;
    bits += bitsPerDigit;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (gathered >> bits) & 0xff;
  }
  const exact = bytes.slice(0, length);
  bytes.fill(0);
  return exact;
}

function hexadecimalDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const small = byte | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x61 + 10 : undefined;
}

function base64Digit(byte: number): number | undefined {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  if (byte === 0x2b) return 62;
  return byte === 0x2f ? 63 : undefined;
}
