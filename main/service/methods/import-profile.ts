// Profiles written for other programs: strongSwan's .sswan files and swanctl.conf.
import { ControlError } from '../../control/failure.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import { importStrongSwan } from '../profile/import-strongswan.ts';
import { importSwanctl, listSwanctlConnections } from '../profile/import-swanctl.ts';
import { ImportError, type ImportedProfile } from '../profile/imported.ts';

export type ForeignFormat = 'sswan' | 'swanctl';

/** Told by the content: JSON, or a section "connections", unless the file's name says TOML. undefined: one of our own. */
export function foreignFormat(fileName: string, content: Uint8Array): ForeignFormat | undefined {
  if (fileName.endsWith('.toml')) return undefined;
  const beginning = new TextDecoder().decode(content.subarray(0, 64 * 1024));
  if (/^\s*\{/.test(beginning) || fileName.endsWith('.sswan')) return 'sswan';
  const settings = /^\s*(connections|secrets|authorities|pools)\s*[{:]/m.test(beginning);
  return settings || fileName.endsWith('.conf') ? 'swanctl' : undefined;
}

export interface ForeignOptions {
  readonly name: string | undefined;
  readonly passphrase: Uint8Array | undefined;
  /** Of a file with several connections. */
  readonly connections: 'all' | readonly string[] | undefined;
}

/** Throws ControlError import-unsupported, import-choice, passphrase-needed or passphrase-wrong. */
export async function importForeignProfiles(
  format: ForeignFormat,
  content: Uint8Array,
  { name, passphrase, connections }: ForeignOptions,
): Promise<readonly ImportedProfile[]> {
  try {
    if (format === 'sswan') {
      return [await importStrongSwan(content, { ...(name && { name }), ...(passphrase && { passphrase }) })];
    }
    const known = listSwanctlConnections(content);
    if (connections === undefined && known.length > 1) {
      throw new ControlError({ code: 'import-choice', connections: [...known] });
    }
    const chosen = connections === undefined || connections === 'all' ? known : connections;
    return importSwanctl(content, { connections: chosen, ...(name && { name }) });
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
