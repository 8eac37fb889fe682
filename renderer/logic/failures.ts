// Which step the window can offer against a failure.
import type { Failure } from '../../main/control/failure.ts';

/** What a button beside a failure does. */
export type Remedy = 'retry' | 'edit-profile' | 'store-secret' | 'doctor' | 'none';

export function remedyOf(failure: Failure): Remedy {
  switch (failure.code) {
    case 'secret-missing':
    case 'signing-failed':
      return 'store-secret';
    // Name and password are asked for again.
    case 'authentication-failed':
      return failure.problem === undefined ? 'store-secret' : 'retry';
    case 'peer-authentication-failed':
      return failure.problem === 'wrong-psk' ? 'store-secret' : 'edit-profile';
    case 'no-proposal-chosen':
    case 'selectors-unacceptable':
    case 'no-address-assigned':
    case 'name-not-resolved':
      return 'edit-profile';
    case 'adapter-failed':
    case 'network-failed':
    case 'unexpected':
      return 'doctor';
    case 'requested':
    case 'service-stopping':
    case 'replaced':
      return 'none';
    default:
      return 'retry';
  }
}
