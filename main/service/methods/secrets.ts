// `secrets put|list|remove`: what the store holds, by name; a secret goes in and never comes out.
import { ControlError } from '../../control/failure.ts';
import type { Caller } from '../../control/service-api.ts';
import type { SecretSummary } from '../../control/values.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import type { CredentialKind, CredentialStore } from '../../keys/credentials/store.ts';
import type { Profile } from '../profile/contract.ts';

/** Takes the bytes over and wipes them. Another user's secret is replaced by root only. Throws ControlError. */
export function putSecret(
  store: CredentialStore,
  caller: Caller,
  { name, kind }: { name: string; kind: CredentialKind },
  secret: Buffer,
): void {
  try {
    mayTouch(store, caller, name, 'secrets.put');
    store.put(kind, name, secret, { owner: caller.uid });
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    throw new ControlError({ code: 'secret-invalid', name, problem: error.detail });
  } finally {
    secret.fill(0);
  }
}

export function listSecrets(store: CredentialStore, profiles: readonly Profile[]): SecretSummary[] {
  return store.list().map(({ name, kind, owner, storedAtMilliseconds }) => ({
    name,
    kind,
    owner,
    storedAt: Math.round(storedAtMilliseconds),
    usedBy: profiles.filter((profile) => uses(profile, kind, name)).map((profile) => profile.name),
  }));
}

/** Throws ControlError. */
export function removeSecret(store: CredentialStore, caller: Caller, name: string): void {
  mayTouch(store, caller, name, 'secrets.remove');
  if (!store.remove(name)) throw new ControlError({ code: 'secret-not-found', name });
}

function mayTouch(store: CredentialStore, caller: Caller, name: string, method: string): void {
  const foreign = store.list().find((entry) => entry.name === name && entry.owner !== caller.uid);
  if (foreign === undefined || caller.administrator) return;
  throw new ControlError({ code: 'refused', method, right: 'administer', owner: foreign.owner });
}

/** Whether the profile names it. */
export function uses({ authentication, peerAuthentication }: Profile, kind: string, name: string): boolean {
  switch (kind) {
    case 'psk':
      return 'secret' in authentication && authentication.secret === name;
    case 'private-key':
      return authentication.method === 'certificate' && authentication.privateKey === name;
    case 'certificate':
      return authentication.method === 'certificate' && authentication.certificate === name;
    case 'authority':
      return peerAuthentication.authorities.includes(name);
    default:
      return false;
  }
}
