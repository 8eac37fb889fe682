// What clients are told of vaults and of what lies in them: names, kinds and states, never a secret.
import type { Caller } from '../../control/service-api.ts';
import type { KeySummary, VaultSummary } from '../../control/vault-values.ts';
import { idText } from '../../keys/vault/record.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { VaultSession } from '../keyring/vault-session.ts';
import type { Profile } from '../profile/contract.ts';
import { uses } from './secrets.ts';

/** Those that the caller may see: his own, everybody's, and for administrators all. */
export function vaultSummaries(
  keyring: Keyring,
  caller: { uid: number; administrator: boolean },
): VaultSummary[] {
  return keyring.sessions
    .filter((session) => isOwn(session, caller))
    .map((session): VaultSummary => {
      const { enrolled, content, problem, path } = session;
      return {
        id: session.id,
        name: session.name,
        owner: enrolled.owner,
        default: keyring.enrolled.defaultVault === session.id,
        removable: enrolled.place.type === 'medium',
        present: content !== undefined,
        ...(path !== undefined && { path }),
        ...(content !== undefined && { generation: content.generation }),
        ...(problem !== undefined && { problem: { problem: problem.problem, detail: problem.message } }),
        wanted: keyring.isWanted(session),
        compartments: (content?.compartments ?? []).map(({ id, name, kind, rule, protectors }) => {
          const opened = session.isOpen(idText(id));
          return {
            name,
            kind,
            rule,
            open: opened !== undefined,
            ...(opened !== undefined && { openedBy: opened.owner }),
            protectors: protectors.map((each) => ({
              id: idText(each.id),
              type: each.type,
              label: each.label,
            })),
          };
        }),
      };
    });
}

export function keySummaries(keyring: Keyring, caller: Caller, profiles: readonly Profile[]): KeySummary[] {
  return keyring.sessions
    .filter((session) => isOwn(session, caller))
    .flatMap((session) =>
      Object.entries(session.enrolled.compartments).flatMap(([id, { name: compartment, entries = [] }]) => {
        const opened = session.isOpen(id);
        return entries.map((text): KeySummary => {
          const kind = text.slice(0, text.indexOf('/')) as KeySummary['kind'];
          const name = text.slice(text.indexOf('/') + 1);
          const entry = opened?.compartment.find(kind, name);
          return {
            kind,
            name,
            vault: session.name,
            compartment,
            open: opened !== undefined,
            ...(entry && { owner: entry.owner, storedAt: entry.storedAtMilliseconds }),
            usedBy: profiles.filter((profile) => uses(profile, kind, name)).map((profile) => profile.name),
          };
        });
      }),
    );
}

/** His own, everybody's, and for administrators any. */
export function isOwn(
  { enrolled }: VaultSession,
  { uid, administrator }: { uid: number; administrator: boolean },
): boolean {
  return administrator || enrolled.owner === uid || enrolled.owner === 0;
}
