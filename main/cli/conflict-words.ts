// Words for why two connections cannot be up at the same time.
import type { Failure } from '../control/failure.ts';
import { quoted, type Words } from './phrases.ts';

type ConflictCode = 'networks-overlap' | 'address-taken' | 'defaults-differ';

/** `profile` is the one that was refused. */
export function conflictWords(profile: string, failure: Extract<Failure, { code: ConflictCode }>): Words {
  const next = `Disconnect it first: sealnic down ${quoted(failure.other)}`;
  switch (failure.code) {
    case 'networks-overlap':
      return {
        what: `"${profile}" and "${failure.other}" both protect ${failure.prefixes.join(', ')}; each network can be one connection's only.`,
        next: `${next}   or narrow networks in one of the profiles`,
      };
    case 'address-taken':
      return {
        what: `The gateway of "${profile}" assigned ${failure.address}, which the gateway of "${failure.other}" assigned already.`,
        next,
      };
    case 'defaults-differ':
      return {
        what: `"${profile}" and "${failure.other}" say different things about what no row matches (default_action).`,
        next: `${next}   or say the same in both profiles`,
      };
  }
}
