// Where the secrets of an import go: into the default vault where there is one, else into the service's files.
import { ControlError } from '../../control/failure.ts';
import type { Message } from '../../control/messages.ts';
import type { EntryKind } from '../../keys/vault/entries.ts';
import { idText } from '../../keys/vault/record.ts';
import { checkedValue } from '../keyring/entry-values.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { toldOf } from '../keyring/keyring-error.ts';

export interface ImportTarget {
  /** Where they went. */
  readonly remark: Message;
  put(secret: { kind: EntryKind; name: string; bytes: Uint8Array; owner: number }): Promise<void>;
}

/** undefined: there is no default vault. Throws ControlError vault-locked where it is locked. */
export function importTarget(keyring: Keyring): ImportTarget | undefined {
  const session = keyring.sessions.find(({ id }) => id === keyring.enrolled.defaultVault);
  if (session === undefined) return undefined;
  const [opened] = session.opened;
  const vault = session.name;
  if (opened === undefined) {
    const compartment = session.content?.compartments[0]?.name ?? '';
    throw new ControlError({ code: 'vault-locked', vault, compartment });
  }
  const { compartment } = opened;
  return {
    remark: { code: 'remark-secrets-in-vault', vault, compartment: compartment.name },
    async put({ kind, name, bytes, owner }) {
      const value = Uint8Array.from(checkedValue(kind, name, bytes));
      try {
        await toldOf(vault, () =>
          session.edit(idText(compartment.id), (present) => {
            present.put({ kind, name, owner, storedAtMilliseconds: Date.now(), value });
          }),
        );
      } finally {
        value.fill(0);
      }
    },
  };
}
