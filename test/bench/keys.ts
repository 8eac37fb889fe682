// The part "keys" of `npm run bench`: a smart card and a stick that come and go.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { cannotRunCards } from '../fakes/card/pcscd.ts';
import { VirtualCard } from '../fakes/card/virtual-card.ts';
import { CertificateAuthority } from '../interop/lab/certificates.ts';
import { officeSecret } from '../interop/lab/gateway.ts';
import { type KeyFigures, measureKeys } from '../interop/lab/keys-figures.ts';
import { KeysStage } from '../interop/lab/keys-stage.ts';
import { strongSwanPrograms, whatIsMissing } from '../interop/lab/requirements.ts';
import { cannotMountSticks } from '../interop/lab/stick.ts';

export const keyRounds = 20;

export type KeysOutcome = { readonly figures: KeyFigures } | { readonly unavailable: string };

export async function benchKeys(): Promise<KeysOutcome> {
  const missing = cannotRunCards || cannotMountSticks || whatIsMissing(strongSwanPrograms);
  if (missing) return { unavailable: missing };
  const keys = await KeysStage.open();
  try {
    const { office, client } = keys.stage;
    const authority = await CertificateAuthority.create(join(office.lab.directory, 'authority'), 'ecdsa');
    const issued = await authority.issue('ecdsa', { subject: 'O=Office, CN=laptop' });
    const card = new VirtualCard();
    const certificate = new X509Certificate(issued.certificatePem).raw;
    card.put('key-management', createPrivateKey(issued.privateKeyPem), certificate);
    await client.run(['secrets', 'remove', 'office']);
    await keys.stage.prepare({});
    await keys.insert(card);
    await keys.createVault();
    await client.run(['keys', 'add', 'office', '--vault', 'Stick'], officeSecret);
    await keys.up(0);
    return { figures: await measureKeys(keys, card, keyRounds) };
  } finally {
    await keys.close();
  }
}
