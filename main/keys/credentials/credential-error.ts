// Why a credential cannot be stored or used, as a code with parameters that never hold a part of the secret. Clients put
// words to it (resources/translations).

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

export type CredentialMessage =
  | { readonly code: 'secret-empty' | 'secret-too-long' | 'authority-name-reserved' | 'certificates-none' }
  | { readonly code: 'certificate-unreadable'; readonly number: number }
  | { readonly code: 'certificates-too-many'; readonly limit: number }
  | { readonly code: 'credential-name-invalid'; readonly text: string }
  | { readonly code: 'credential-not-found'; readonly name: string }
  | { readonly code: 'store-damaged' | 'file-changed'; readonly path: string }
  | { readonly code: 'file-too-long'; readonly path: string; readonly limit: number }
  | { readonly code: 'path-unreadable'; readonly path: string; readonly reason: string }
  | {
      readonly code: 'file-not-regular' | 'directory-not-regular' | 'file-has-second-name';
      readonly path: string;
    }
  | { readonly code: 'file-of-another'; readonly path: string; readonly uid: number }
  | { readonly code: 'file-open-to-others'; readonly path: string; readonly mode: string }
  | { readonly code: 'key-unreadable' | 'passphrase-is-needed' | 'passphrase-is-wrong' }
  | { readonly code: 'key-too-short'; readonly bits: number; readonly minimum: number }
  | { readonly code: 'key-type-unsupported'; readonly type: string; readonly supported: string }
  | { readonly code: 'key-cannot-sign'; readonly scheme: string }
  | { readonly code: 'pkcs12-unreadable' | 'pkcs12-signed' | 'pkcs12-without-check' }
  | { readonly code: 'pkcs12-for-certificate' | 'pkcs12-without-key' | 'pkcs12-key-without-certificate' }
  | {
      readonly code: 'pkcs12-check-unsupported' | 'pkcs12-protection-unsupported';
      readonly algorithm: string;
    }
  | { readonly code: 'pkcs12-keys-too-many'; readonly count: number }
  | { readonly code: 'pkcs12-protection-old'; readonly algorithm: string; readonly command: string };

export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly problem: CredentialProblem;
  readonly detail: CredentialMessage;
  /** With 'not-found': what is to be stored. */
  readonly missing: { readonly kind: MissingKind; readonly name: string } | undefined;

  constructor(
    problem: CredentialProblem,
    detail: CredentialMessage,
    missing?: { readonly kind: MissingKind; readonly name: string },
  ) {
    super(Object.values(detail).join(' '));
    this.problem = problem;
    this.detail = detail;
    this.missing = missing;
  }
}
