// The card that a connection's SAs hang on: what its removal ends, and when, and what an insertion is good for.
import type { CardDescription } from '../../keys/card/contract.ts';
import { fitsCard, selectionOf } from '../cards/selection.ts';
import type { Profile } from '../profile/contract.ts';
import type { ConnectionSurroundings } from './contract.ts';
import type { ConnectionModel } from './machine.ts';

const millisecondsPerHour = 3_600_000;

export class CardHold {
  /** That was used for the present SAs. */
  card: string | undefined;
  readonly #profile: Profile;
  readonly #time: Pick<ConnectionSurroundings, 'now' | 'schedule'>;
  readonly #lost: () => void;
  #cancelKeeping: (() => void) | undefined;

  /** `lost`: what was made with the card ends now. */
  constructor(profile: Profile, time: Pick<ConnectionSurroundings, 'now' | 'schedule'>, lost: () => void) {
    this.#profile = profile;
    this.#time = time;
    this.#lost = lost;
  }

  /** A card was taken out: what hangs on it ends now, or where the profile says so after so many hours. */
  removed(card: string): void {
    const { authentication } = this.#profile;
    if (this.card !== card) return;
    if (authentication.method !== 'card' || authentication.onRemoval === 'disconnect') {
      this.#lost();
      return;
    }
    const until = this.#time.now() + authentication.keepHours * millisecondsPerHour;
    this.#cancelKeeping ??= this.#time.schedule(until, this.#lost);
  }

  /** Whether a connection in that state should try again, now that this card is in. */
  inserted(card: CardDescription, { phase, why }: ConnectionModel): boolean {
    const { authentication } = this.#profile;
    const isOurs = card.id === this.card;
    if (isOurs) this.stopKeeping();
    const fits = authentication.method === 'card' && fitsCard(card, selectionOf(authentication));
    const waits = (fits || isOurs) && (why?.code === 'card-removed' || why?.code === 'card-missing');
    // A pre-shared key that was nowhere may be on this card.
    const lacks =
      authentication.method === 'psk' && (why?.code === 'secret-missing' || why?.code === 'card-missing');
    return phase === 'stopped' && (waits || lacks);
  }

  stopKeeping(): void {
    this.#cancelKeeping?.();
    this.#cancelKeeping = undefined;
  }
}
