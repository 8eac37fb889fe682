// The IKE configuration of a profile with the certificates that it names.
import type { IkeConfiguration } from '../../engine/ike/contract.ts';
import type { IpAddress } from '../../engine/packet/address.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import { intermediatesOf } from '../../keys/credentials/issuers.ts';
import type { UnlockedKey } from '../cards/card-keys.ts';
import type { Profile } from '../profile/contract.ts';
import { ikeConfigurationFor } from '../profile/ike-configuration.ts';
import type { Credentials } from './credentials.ts';

/**
 * `localAddress`: towards the gateway; undefined as gateway. `key`: the card’s, unlocked; absent for an IKE SA that is there
 * already. Throws CredentialError where the store lacks something.
 */
export function ikeConfigurationOf(
  profile: Profile,
  association: AssociationId,
  localAddress: IpAddress | undefined,
  store: Credentials,
  key?: UnlockedKey,
  owner?: number,
): IkeConfiguration {
  const { authentication } = profile;
  if (authentication.method === 'card') {
    const parts = { association, localAddress };
    if (key === undefined) return ikeConfigurationFor(profile, { ...parts, isEstablished: true });
    const { certificate, keyType } = key;
    // A card has room for its own certificate; what lies above it is often what the profile trusts the gateway by.
    const known = store.authorities(profile.peerAuthentication.authorities, owner);
    const certificates = [certificate, ...intermediatesOf(certificate, known)];
    return ikeConfigurationFor(profile, { ...parts, certificates, keyType });
  }
  if (authentication.method !== 'certificate')
    return ikeConfigurationFor(profile, { association, localAddress });
  return ikeConfigurationFor(profile, {
    association,
    localAddress,
    certificates: store.certificateChain(authentication.certificate, owner),
    keyType: store.privateKeyType(authentication.privateKey, owner),
  });
}
