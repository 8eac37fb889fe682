// Certificates in files: PEM with any number of them, or one in DER.
import { CredentialError } from './credential-error.ts';

const maximumCertificates = 512;

/** DER of each certificate, in the order of the file. Throws CredentialError. */
export function readCertificates(bytes: Uint8Array): Uint8Array[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === 0x30) return [Uint8Array.from(buffer)];
  const text = buffer.toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END /g)];
  if (blocks.length === 0) throw new CredentialError('invalid', { code: 'certificates-none' });
  if (blocks.length > maximumCertificates) {
    throw new CredentialError('invalid', { code: 'certificates-too-many', limit: maximumCertificates });
  }
  return blocks.map((block) => Uint8Array.from(Buffer.from(block[1]!, 'base64')));
}

/** One PEM text for all of them. */
export function formatCertificates(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((der) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}
