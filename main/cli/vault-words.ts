// Words for what is wrong with a vault.
import type { ControlFailure } from '../control/failure.ts';
import { quoted, type Words } from './phrases.ts';

export function vaultWords(
  failure: Extract<ControlFailure, { code: 'vault-locked' | 'vault-rolled-back' | 'vault-problem' }>,
): Words {
  const vault = quoted(failure.vault);
  switch (failure.code) {
    case 'vault-locked':
      return {
        what: `The compartment "${failure.compartment}" of the vault "${failure.vault}" is locked.`,
        next: `Open it: sealnic vault open ${vault}`,
      };
    case 'vault-rolled-back':
      return {
        what: `The vault "${failure.vault}" is not the latest. ${failure.detail}`,
        next: `Bring the latest copy; if this one is meant, as root: sealnic vault accept ${vault}`,
      };
    case 'vault-problem': {
      const next = vaultAdvice[failure.problem];
      return {
        what: `The vault "${failure.vault}" ${vaultVerb(failure.problem)}: ${failure.detail}`,
        ...(next !== undefined && { next: next.replace('VAULT', vault) }),
      };
    }
  }
}

function vaultVerb(problem: Extract<ControlFailure, { code: 'vault-problem' }>['problem']): string {
  if (problem === 'wrong-secret' || problem === 'more-protectors') return 'was not opened';
  const unchanged = ['exists', 'read-only', 'full', 'changed', 'invalid', 'too-large'];
  return unchanged.includes(problem) ? 'was not changed' : 'cannot be used';
}

const vaultAdvice: Partial<Record<Extract<ControlFailure, { code: 'vault-problem' }>['problem'], string>> = {
  missing: 'Plug its medium in, or put the file back.',
  damaged: 'Use a copy of the file; nothing was written to it.',
  forged: 'Use a copy of the file that you trust.',
  'signer-changed': 'If you gave it new keys elsewhere, as root: sealnic vault accept VAULT',
  'wrong-secret': 'Try again.',
  'read-only': 'Make the medium writable; nothing was changed.',
  full: 'Make room on the medium and try again.',
  changed: 'Try again.',
};
