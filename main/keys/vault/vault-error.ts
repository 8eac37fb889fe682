// Why a vault cannot be read, opened or written; the message is for a person and never holds a part of a secret.

export const vaultProblems = [
  /** There is no file, or the medium is out. */
  'missing',
  'exists',
  /** A link, a device, a pipe, or otherwise not what the service opens. */
  'unsafe',
  'too-large',
  'not-a-vault',
  /** Of a later version of this program. */
  'version',
  /** Cut off, half-written or changed: no slot is whole. */
  'damaged',
  /** Whole, but not what its owner wrote: a signature or seal does not fit. */
  'forged',
  /** Older than what the service has seen of it. */
  'rolled-back',
  /** Two media carry the same vault. */
  'duplicate',
  /** A compartment is signed by another key than before. */
  'signer-changed',
  'wrong-secret',
  /** Of a compartment with the rule "all", further protectors are needed. */
  'more-protectors',
  'locked',
  'read-only',
  'full',
  'unreadable',
  /** Somebody else wrote the file meanwhile. */
  'changed',
  /** What was asked for is not allowed or makes no sense. */
  'invalid',
] as const;
export type VaultProblem = (typeof vaultProblems)[number];

export class VaultError extends Error {
  override readonly name = 'VaultError';
  readonly problem: VaultProblem;

  constructor(problem: VaultProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}
