// What goes wrong with a card, in the words of the control endpoint.
import type { Failure } from '../../control/failure.ts';
import type { CardError } from '../../keys/card/contract.ts';
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
