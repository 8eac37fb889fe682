// Why a secret cannot be had from a vault, in the words of the control endpoint: both for a call and for a connection.
import { ControlError, type Failure } from '../../control/failure.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import { ConnectionProblem } from '../connection/problem.ts';

/** Runs what works on a vault; a VaultError becomes a ControlError with the vault's name. */
export async function toldOf<Result>(vault: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof VaultError ? new ControlError(controlFailureOf(vault, error)) : error;
  }
}

export function controlFailureOf(vault: string, { problem, message }: VaultError) {
  if (problem === 'rolled-back') return { code: 'vault-rolled-back', vault, detail: message } as const;
  return { code: 'vault-problem', vault, problem, detail: message } as const;
}

/** For a connection that needs what a vault holds. */
export function connectionProblem(failure: Failure): ConnectionProblem {
  return new ConnectionProblem(failure);
}
