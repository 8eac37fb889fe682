// Why preparing, agreeing or configuring failed, in the words of the control endpoint.
import type { Failure } from '../../control/failure.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import type { Profile } from '../profile/contract.ts';

/** A failure that the state machine understands, thrown by what prepares or configures. */
export class ConnectionProblem extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

/** `otherwise`: what an error that says nothing of its own kind counts as. */
export function failureOf(error: unknown, otherwise: 'unexpected' | 'adapter-failed'): Failure {
  if (error instanceof ConnectionProblem) return error.failure;
  if (error instanceof CredentialError && error.missing !== undefined) {
    return { code: 'secret-missing', ...error.missing };
  }
  return { code: otherwise, detail: describe(error) };
}

/** The IKE engine knows that the pre-shared key is missing, but not by which name. */
export function nameSecret(failure: Failure, { authentication }: Profile): Failure {
  if (failure.code !== 'secret-missing' || failure.name !== undefined) return failure;
  return authentication.method === 'psk' ? { ...failure, name: authentication.secret } : failure;
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
