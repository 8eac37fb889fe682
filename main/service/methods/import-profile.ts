// Profiles written for other programs: today strongSwan's .sswan files.
import { ControlError } from '../../control/failure.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import { ImportError, type ImportedProfile, importStrongSwan } from '../profile/import-strongswan.ts';

/** Throws ControlError import-unsupported, passphrase-needed or passphrase-wrong. */
export async function importForeignProfile(
  content: Uint8Array,
  name: string | undefined,
  passphrase: Uint8Array | undefined,
): Promise<ImportedProfile> {
  try {
    return await importStrongSwan(content, { ...(name && { name }), ...(passphrase && { passphrase }) });
  } catch (error) {
    if (error instanceof CredentialError && error.problem.startsWith('passphrase-')) {
      throw new ControlError({ code: error.problem as 'passphrase-needed' | 'passphrase-wrong' });
    }
    if (error instanceof ImportError) {
      throw new ControlError({ code: 'import-unsupported', problem: error.problem });
    }
    if (error instanceof CredentialError) {
      throw new ControlError({ code: 'import-unsupported', problem: { problem: error.detail } });
    }
    throw error;
  }
}
