// Where a connection's credentials come from: the store of files, or a keyring that adds what open vaults hold.
import type { SignatureScheme } from '../../engine/ike/contract.ts';
import type { PrivateKeyType } from '../../keys/credentials/private-key.ts';
import type { CredentialStore } from '../../keys/credentials/store.ts';

/** `owner`: user id of whoever opened the connection; what another user unlocked is not his. */
export interface Credentials extends Pick<CredentialStore, 'list' | 'put'> {
  /** In locked memory, which the caller frees; undefined where there is none. Throws CredentialError. */
  preSharedKey(name: string, remoteIdentity?: string, owner?: number): Uint8Array | undefined;
  /** A password in an open vault; those in files are listed as pre-shared keys. In locked memory, as above. */
  password?(name: string, owner: number): Uint8Array | undefined;
  /** DER, the end entity's own first. Throws CredentialError. */
  certificateChain(name: string, owner?: number): Uint8Array[];
  authorities(names: readonly string[], owner?: number): Uint8Array[];
  privateKeyType(name: string, owner?: number): PrivateKeyType;
  /** The hash is applied here. ECDSA: DER. Throws CredentialError. */
  sign(name: string, scheme: SignatureScheme, data: Uint8Array, owner?: number): Promise<Uint8Array>;
}
