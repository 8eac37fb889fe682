// Profiles written for other programs.
import { ControlError } from '../../control/failure.ts';
import type { CredentialKind } from '../../keys/credentials/store.ts';

export interface ImportedProfile {
  readonly name: string;
  /** TOML. */
  readonly text: string;
  readonly credentials: readonly {
    readonly kind: CredentialKind;
    readonly name: string;
    readonly bytes: Uint8Array;
  }[];
  /** For a person. */
  readonly remarks: readonly string[];
}

/** Throws ControlError import-unsupported, passphrase-needed or passphrase-wrong. */
export async function importForeignProfile(
  _content: Uint8Array,
  fileName: string,
  _name: string | undefined,
  _passphrase: Uint8Array | undefined,
): Promise<ImportedProfile> {
  throw new ControlError({ code: 'import-unsupported', detail: fileName });
}
