// Signs the manifest that tells installed apps of a newer version:
//   node build/package/update-manifest.ts VERSION SERIAL DAYS PAGE > update.json
// SEALNIC_UPDATE_KEY names the file of the private key (Ed25519, PKCS#8, PEM).
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface ManifestFields {
  readonly version: string;
  readonly serial: number;
  readonly issued: Date;
  readonly expires: Date;
  readonly page: string;
}

/** The file's text. */
export function signedManifest(
  { version, serial, issued, expires, page }: ManifestFields,
  key: KeyObject,
): string {
  const fields = {
    product: 'sealnic',
    version,
    serial,
    issued: issued.toISOString(),
    expires: expires.toISOString(),
    page,
  };
  const manifest = Buffer.from(JSON.stringify(fields));
  const signature = sign(null, manifest, key);
  return `${JSON.stringify({ manifest: manifest.toString('base64'), signature: signature.toString('base64') })}\n`;
}

if (import.meta.main) {
  const [version, serial, days, page] = process.argv.slice(2);
  const keyFile = process.env.SEALNIC_UPDATE_KEY;
  if (keyFile === undefined || version === undefined || page === undefined || !(Number(serial) > 0)) {
    console.error('SEALNIC_UPDATE_KEY=FILE node build/package/update-manifest.ts VERSION SERIAL DAYS PAGE');
    process.exitCode = 2;
  } else {
    const issued = new Date();
    const expires = new Date(issued.getTime() + Number(days) * 86_400_000);
    const key = createPrivateKey(readFileSync(keyFile));
    process.stdout.write(signedManifest({ version, serial: Number(serial), issued, expires, page }, key));
  }
}
