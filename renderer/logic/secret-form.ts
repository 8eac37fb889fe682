// The form for something that goes into a vault or into the service's files.
import type { KeyKind } from '../../main/control/vault-values.ts';

export type SecretKind = KeyKind;

/** The service's files take less than a vault does. */
export function kindsFor(intoVault: boolean): readonly SecretKind[] {
  const common: readonly SecretKind[] = ['certificate', 'private-key', 'authority'];
  return intoVault ? ['psk', 'password', ...common, 'profile', 'filter'] : ['psk', ...common];
}

/** Else it comes from a file. */
export function isTyped(kind: SecretKind): boolean {
  return kind === 'psk' || kind === 'password';
}

/** As the service takes names of secrets. */
export function isSecretName(text: string): boolean {
  return /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,126}$/u.test(text);
}
