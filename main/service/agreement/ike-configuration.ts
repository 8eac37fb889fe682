// The IKE configuration of a profile with the certificates that it names.
import type { IkeConfiguration } from '../../engine/ike/contract.ts';
import type { IpAddress } from '../../engine/packet/address.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import type { CredentialStore } from '../../keys/credentials/store.ts';
import type { Profile } from '../profile/contract.ts';
import { ikeConfigurationFor } from '../profile/ike-configuration.ts';

/** `localAddress`: towards the gateway; undefined as gateway. Throws CredentialError where the store lacks something. */
export function ikeConfigurationOf(
  profile: Profile,
  association: AssociationId,
  localAddress: IpAddress | undefined,
  store: CredentialStore,
): IkeConfiguration {
  const { authentication } = profile;
  if (authentication.method !== 'certificate')
    return ikeConfigurationFor(profile, { association, localAddress });
  return ikeConfigurationFor(profile, {
    association,
    localAddress,
    certificates: store.certificateChain(authentication.certificate),
    keyType: store.privateKeyType(authentication.privateKey),
  });
}
