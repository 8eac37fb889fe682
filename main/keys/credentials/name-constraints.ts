// Name constraints: may an authority vouch for these names? (RFC 5280 section 4.2.1.10)
import type { GeneralName, NameConstraints, ParsedCertificate } from './certificate.ts';
import { attributesOf, formatName, nameIsBelow } from './distinguished-name.ts';

const emailAttribute = '1.2.840.113549.1.9.1';

/** The first name of the certificate that the constraints forbid, as text; undefined: all are allowed. */
export function forbiddenName(
  certificate: ParsedCertificate,
  constraints: NameConstraints,
): string | undefined {
  for (const name of namesOf(certificate)) {
    const permitted = constraints.permitted.filter((base) => sameForm(base, name));
    if (permitted.length > 0 && !permitted.some((base) => contains(base, name) === true))
      return describe(name);
    const excluded = constraints.excluded.filter((base) => sameForm(base, name));
    if (excluded.some((base) => contains(base, name) !== false)) return describe(name);
  }
  return undefined;
}

/** Subject and alternative names; e-mail addresses in the subject where there are none among the latter. */
function namesOf(certificate: ParsedCertificate): GeneralName[] {
  const names: GeneralName[] = [...certificate.subjectNames];
  if (!names.some((name) => name.type === 'email')) {
    const emails = attributesOf(certificate.subject, emailAttribute);
    names.push(...emails.map((value): GeneralName => ({ type: 'email', value })));
  }
  const emptySequenceLength = 2;
  if (certificate.subject.length > emptySequenceLength) {
    names.push({ type: 'directory', value: certificate.subject });
  }
  return names;
}

function sameForm(base: GeneralName, name: GeneralName): boolean {
  if (base.type === 'other' && name.type === 'other') return base.tag === name.tag;
  return base.type === name.type;
}

/** undefined: not to be told for this form, so neither permitted nor clear of exclusion. */
function contains(base: GeneralName, name: GeneralName): boolean | undefined {
  if (base.type === 'dns' && name.type === 'dns') return domainContains(base.value, name.value);
  if (base.type === 'email' && name.type === 'email') return mailboxContains(base.value, name.value);
  if (base.type === 'address' && name.type === 'address') return networkContains(base.value, name.value);
  if (base.type === 'directory' && name.type === 'directory') return nameIsBelow(name.value, base.value);
  return undefined;
}

/** "example.org" covers itself and every name below it; "" covers all. A leading dot, as some write it: below only. */
function domainContains(base: string, name: string): boolean {
  const suffix = base.toLowerCase().replace(/\.$/, '');
  const domain = name.toLowerCase().replace(/\.$/, '');
  if (suffix === '') return true;
  if (suffix.startsWith('.')) return domain.endsWith(suffix);
  return domain === suffix || domain.endsWith(`.${suffix}`);
}

/** A mailbox, a host (all its mailboxes), or ".domain" (all hosts below it). */
function mailboxContains(base: string, name: string): boolean {
  const at = name.lastIndexOf('@');
  const host = name.slice(at + 1).toLowerCase();
  const baseAt = base.lastIndexOf('@');
  const baseHost = base.slice(baseAt + 1).toLowerCase();
  if (baseAt >= 0) return name.slice(0, at) === base.slice(0, baseAt) && host === baseHost;
  return baseHost.startsWith('.') ? host.endsWith(baseHost) : host === baseHost;
}

/** Address and mask against address; of another family it is not covered. */
function networkContains(base: Uint8Array, address: Uint8Array): boolean | undefined {
  if (base.length !== 8 && base.length !== 32) return undefined;
  if (base.length !== address.length * 2) return false;
  const length = address.length;
  return address.every(
    (byte, index) => (byte & base[length + index]!) === (base[index]! & base[length + index]!),
  );
}

function describe(name: GeneralName): string {
  switch (name.type) {
    case 'dns':
    case 'email':
      return `"${name.value}"`;
    case 'directory':
      return `"${formatName(name.value)}"`;
    case 'address':
      return `the address ${name.value.length === 4 ? name.value.join('.') : Buffer.from(name.value).toString('hex')}`;
    case 'other':
      return 'a name of a form that cannot be checked';
  }
}
