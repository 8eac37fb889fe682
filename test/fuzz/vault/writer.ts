// A process for crash.test.ts: opens the vault at the given path and writes generation after generation until it is
// killed, reporting each that is done.
import { writeSync } from 'node:fs';
import { OpenCompartment } from '../../../main/keys/vault/compartment.ts';
import { openShare } from '../../../main/keys/vault/protectors.ts';
import { idText } from '../../../main/keys/vault/record.ts';
import { withVaultFile } from '../../../main/keys/vault/storage.ts';
import { identityOf, parseVault, writeVault } from '../../../main/keys/vault/vault.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { putPsk, secret } from '../../keys/vault/vaults.ts';

const path = process.argv[2]!;
const memory = new SecretMemory();
let content = await withVaultFile(path, 'read', async (storage) => parseVault(await storage.read()));
const stored = content.compartments[0]!;
const place = { vaultId: Buffer.from(content.id, 'hex'), compartmentId: stored.id };
const given = { type: 'passphrase', passphrase: secret(memory, 'correct horse') } as const;
const share = await openShare(memory, place, stored.protectors[0]!, given);
const shares = new Map([[idText(stored.protectors[0]!.id), share]]);
const compartment = await OpenCompartment.open(memory, identityOf(content), stored, shares);
writeSync(1, `${content.generation}\n`);
for (let round = 0; ; round++) {
  putPsk(compartment, 'office', 'x'.repeat(1 + ((round * 7919) % 60_000)));
  content = await withVaultFile(path, 'write', (storage) =>
    writeVault(storage, content, { write: [compartment] }),
  );
  writeSync(1, `${content.generation}\n`);
}
