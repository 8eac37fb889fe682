// Why a credential cannot be stored or used; the message is for a person and never holds a part of the secret.

export type CredentialProblem =
  | 'not-found'
  /** Not what it was said to be, or of a kind that is not supported. */
  | 'invalid'
  | 'passphrase-needed'
  | 'passphrase-wrong'
  /** Somebody but the service could read or change the file or directory. */
  | 'unsafe'
  | 'unreadable';

export type MissingKind = 'psk' | 'private-key' | 'certificate' | 'authority';

export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly problem: CredentialProblem;
  /** With 'not-found': what is to be stored. */
  readonly missing: { readonly kind: MissingKind; readonly name: string } | undefined;

  constructor(
    problem: CredentialProblem,
    message: string,
    missing?: { readonly kind: MissingKind; readonly name: string },
  ) {
    super(message);
    this.problem = problem;
    this.missing = missing;
  }
}
