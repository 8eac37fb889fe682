// Parameters for each method of vaults and keys, as a client may send them.
import type { MethodName } from '../../main/control/schema.ts';

export function keyExamples(): { [Name in MethodName]?: object } {
  const vault = 'Travel';
  const id = 'ab'.repeat(16);
  const protector = { type: 'passphrase', label: 'mine' };
  const compartment = { name: 'secrets', kind: 'ordinary', rule: 'any', protectors: [protector] };
  const path = '/media/stick/sealnic.vault';
  return {
    'vault.create': { name: vault, compartment, makeDefault: false },
    'vault.create-at': { name: vault, compartment, makeDefault: false, path, removable: true },
    'vault.enrol': { path, removable: true },
    'vault.forget': { vault, erase: false },
    'vault.open': { vault, compartment: 'secrets', protector: id },
    'vault.close': { vault },
    'vault.move': { vault, path, removable: false },
    'vault.verify': { vault },
    'vault.rotate': { vault, compartment: 'secrets' },
    'vault.accept': { vault },
    'vault.make-default': { vault },
    'keys.add': { name: 'office', kind: 'psk', vault },
    'keys.certificate': { name: 'office' },
    'keys.remove': { name: 'office', vault },
    'keys.add-compartment': { vault, compartment },
    'keys.add-protector': { vault, compartment: 'secrets', protector, replaces: id },
    'keys.remove-protector': { vault, compartment: 'secrets', id },
  };
}
