// IKE identities (RFC 7296 section 3.5) to and from the texts of profiles and status, and when two of them match.
import { englishOf } from '../../control/english.ts';
import type { Message } from '../../control/messages.ts';
import type { Identity } from '../../engine/ike/contract.ts';
import { equalAddresses, formatAddress, parseAddress } from '../../engine/packet/address.ts';
import {
  encodeName,
  equalNames,
  formatName,
  NameTextError,
} from '../../keys/credentials/distinguished-name.ts';

/** The text says no identity; `problem` says why. */
export class IdentityTextError extends Error {
  override readonly name = 'IdentityTextError';
  readonly problem: Message;

  constructor(problem: Message) {
    super(englishOf(problem));
    this.problem = problem;
  }
}

const maximumLength = 4096;

/**
 * Reads an identity, in this order: "@#6b6579" is a key id in hexadecimal; "@@alice@example.org" an e-mail address and
 * "@vpn" a domain name, whatever they look like; then an IP address; "C=CH, O=Example, CN=vpn", a distinguished name;
 * "alice@example.org", an e-mail address; anything else, a domain name. Throws IdentityTextError.
 */
export function parseIdentity(text: string): Identity {
  const trimmed = text.trim();
  if (trimmed === '') throw new IdentityTextError({ code: 'identity-empty' });
  if (trimmed.length > maximumLength)
    throw new IdentityTextError({ code: 'identity-too-long', limit: maximumLength });
  if (trimmed.startsWith('@#')) return keyId(trimmed.slice(2));
  if (trimmed.startsWith('@@')) return email(trimmed.slice(2));
  if (trimmed.startsWith('@')) return domainName(trimmed.slice(1));
  const address = parseAddress(trimmed);
  if (address) return { type: 'address', value: address };
  if (trimmed.includes('=')) return distinguishedName(trimmed);
  return trimmed.includes('@') ? email(trimmed) : domainName(trimmed);
}

/** The text that parseIdentity reads back to a matching identity. */
export function formatIdentity(identity: Identity): string {
  switch (identity.type) {
    case 'fqdn':
      return parsesTo('fqdn', identity.value) ? identity.value : `@${identity.value}`;
    case 'email':
      return parsesTo('email', identity.value) ? identity.value : `@@${identity.value}`;
    case 'address':
      return formatAddress(identity.value);
    case 'distinguished-name':
      return formatName(identity.value);
    case 'key-id':
      return `@#${Buffer.from(identity.value).toString('hex')}`;
  }
}

/**
 * Is it who was expected? Domain names in either case; e-mail addresses with the domain in either case; distinguished
 * names by RFC 5280 section 7.1; addresses and key ids by their bytes. Different types never match.
 */
export function matchesIdentity(found: Identity, expected: Identity): boolean {
  if (found.type === 'fqdn' && expected.type === 'fqdn') return sameDomain(found.value, expected.value);
  if (found.type === 'email' && expected.type === 'email') return sameMailbox(found.value, expected.value);
  if (found.type === 'address' && expected.type === 'address')
    return equalAddresses(found.value, expected.value);
  if (found.type === 'key-id' && expected.type === 'key-id')
    return Buffer.from(found.value).equals(expected.value);
  if (found.type === 'distinguished-name' && expected.type === 'distinguished-name') {
    return equalNames(found.value, expected.value);
  }
  return false;
}

function keyId(hexadecimal: string): Identity {
  const digits = hexadecimal.replace(/[: ]/g, '');
  if (digits === '' || !/^([0-9a-fA-F]{2})+$/.test(digits)) {
    throw new IdentityTextError({ code: 'key-id-invalid', text: `@#${hexadecimal}` });
  }
  return { type: 'key-id', value: Uint8Array.from(Buffer.from(digits, 'hex')) };
}

function email(text: string): Identity {
  if (!/^[^\s@]+@[^\s@]+$/.test(text)) throw new IdentityTextError({ code: 'email-invalid', text });
  return { type: 'email', value: text };
}

function domainName(text: string): Identity {
  if (text.includes('*')) throw new IdentityTextError({ code: 'wildcard-refused', text });
  if (!/^[^\s@=,/\p{Cc}]+$/u.test(text)) throw new IdentityTextError({ code: 'host-name-invalid', text });
  return { type: 'fqdn', value: text };
}

function distinguishedName(text: string): Identity {
  try {
    return { type: 'distinguished-name', value: encodeName(text) };
  } catch (error) {
    if (error instanceof NameTextError)
      throw new IdentityTextError({ code: 'distinguished-name-invalid', text });
    throw error;
  }
}

function parsesTo(type: Identity['type'], text: string): boolean {
  try {
    return parseIdentity(text).type === type;
  } catch {
    return false;
  }
}

function sameDomain(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function sameMailbox(a: string, b: string): boolean {
  const [atA, atB] = [a.lastIndexOf('@'), b.lastIndexOf('@')];
  return a.slice(0, atA) === b.slice(0, atB) && sameDomain(a.slice(atA), b.slice(atB));
}
