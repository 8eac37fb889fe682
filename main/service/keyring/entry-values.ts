// What may be put into a vault under each kind, checked as the store of files checks it.
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import { readCertificates } from '../../keys/credentials/pem.ts';
import { exportPrivateKey, readPrivateKey } from '../../keys/credentials/private-key.ts';
import { systemAuthorities } from '../../keys/credentials/store.ts';
import type { EntryKind } from '../../keys/vault/entries.ts';
import { parseFilter } from '../configuration/filter-file.ts';
import { parseProfile } from '../profile/parse.ts';

/**
 * The bytes as they are kept: a private key becomes DER in PKCS#8; whoever gets it wipes it. Throws CredentialError or
 * InvalidFileError.
 */
export function checkedValue(kind: EntryKind, name: string, bytes: Uint8Array): Uint8Array {
  switch (kind) {
    case 'private-key':
      return exportPrivateKey(readPrivateKey(bytes));
    case 'certificate':
    case 'authority':
      checkCertificates(kind, name, bytes);
      return bytes;
    case 'profile':
      parseProfile(textOf(bytes), name);
      return bytes;
    case 'filter':
      parseFilter(textOf(bytes), name);
      return bytes;
    default:
      return bytes;
  }
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function checkCertificates(kind: EntryKind, name: string, bytes: Uint8Array): void {
  if (kind === 'authority' && name === systemAuthorities) {
    throw new CredentialError('invalid', { code: 'authority-name-reserved' });
  }
  for (const [index, der] of readCertificates(bytes).entries()) {
    if (parseCertificate(der)) continue;
    throw new CredentialError('invalid', { code: 'certificate-unreadable', number: index + 1 });
  }
}
