// What goes wrong with a card, in the words of the control endpoint.
import { ControlError, type Failure } from '../../control/failure.ts';
import { CardError } from '../../keys/card/contract.ts';
import { CredentialError } from '../../keys/credentials/credential-error.ts';
import { ConnectionProblem } from '../connection/problem.ts';

/** A card's error as the reason why a connection is not up. */
export function connectionProblemOf(error: CardError): ConnectionProblem {
  return new ConnectionProblem(failureOfCard(error));
}

export function failureOfCard(error: CardError): Failure {
  switch (error.problem) {
    case 'no-library':
    case 'no-service':
    case 'no-reader':
      return { code: 'card-missing', reader: error.problem };
    case 'no-card':
      return { code: 'card-missing', reader: 'ready' };
    case 'card-removed':
      return { code: 'card-removed' };
    case 'pin-blocked':
      return { code: 'card-blocked' };
    case 'cancelled':
      return { code: 'prompt-cancelled', kind: 'pin' };
    default:
      return { code: 'card-failed', problem: error.problem, detail: error.message };
  }
}

/** Errors of cards, prompts and names in the words of the control endpoint. */
export async function told<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CardError) throw controlErrorOf(error);
    if (error instanceof ConnectionProblem) {
      const { failure } = error;
      if (failure.code === 'prompt-cancelled' || failure.code === 'prompt-timed-out') {
        throw new ControlError(failure);
      }
    }
    if (error instanceof CredentialError) {
      throw new ControlError({ code: 'card-problem', problem: 'certificate-invalid', detail: error.message });
    }
    throw error;
  }
}

function controlErrorOf({ problem, message, triesLeft }: CardError): ControlError {
  return new ControlError({
    code: 'card-problem',
    problem,
    detail: message,
    ...(triesLeft !== undefined && { triesLeft }),
  });
}
