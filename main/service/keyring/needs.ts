// What a connection needs from vaults, who may use what somebody opened, and why it cannot be had.
import type { Failure } from '../../control/failure.ts';
import type { EntryKind } from '../../keys/vault/entries.ts';
import type { Profile } from '../profile/contract.ts';
import { controlFailureOf } from './keyring-error.ts';
import type { OpenedCompartment, VaultSession } from './vault-session.ts';

/** A credential that a profile names; any of these serves. */
export type Need = readonly { readonly kind: EntryKind; readonly name: string }[];

/** A compartment that has what is needed, and is locked. */
export interface Holder {
  readonly session: VaultSession;
  readonly compartment: string;
  readonly name: string;
}

/** What somebody opened serves his own connections and root's; what root or the system opened serves everybody's. */
export function mayUse(opened: OpenedCompartment, owner: number): boolean {
  return opened.owner === owner || opened.owner === 0 || owner === 0;
}

/** A vault is its owner's and root's; root's is everybody's. */
export function mayAsk({ enrolled }: VaultSession, owner: number): boolean {
  return enrolled.owner === owner || enrolled.owner === 0 || owner === 0;
}

export function failureOf({ session, name }: Holder): Failure {
  const { problem } = session;
  if (problem === undefined) return { code: 'vault-locked', vault: session.name, compartment: name };
  if (problem.problem === 'missing') return { code: 'medium-removed', vault: session.name };
  return controlFailureOf(session.name, problem);
}

export function needsOf({ authentication, peerAuthentication }: Profile): readonly Need[] {
  const authorities = peerAuthentication.authorities.map((name): Need => [{ kind: 'authority', name }]);
  switch (authentication.method) {
    case 'psk':
      return [[{ kind: 'psk', name: authentication.secret }], ...authorities];
    case 'certificate':
      return [
        [{ kind: 'certificate', name: authentication.certificate }],
        [{ kind: 'private-key', name: authentication.privateKey }],
        ...authorities,
      ];
    case 'eap': {
      const { secret } = authentication;
      const password: Need[] =
        secret === undefined
          ? []
          : [
              [
                { kind: 'password', name: secret },
                { kind: 'psk', name: secret },
              ],
            ];
      return [...password, ...authorities];
    }
    case 'card':
      return authorities;
  }
}

export function isStoreKind(kind: EntryKind): kind is 'psk' | 'private-key' | 'certificate' | 'authority' {
  return kind === 'psk' || kind === 'private-key' || kind === 'certificate' || kind === 'authority';
}
