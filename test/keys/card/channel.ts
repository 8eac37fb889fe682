// A channel to a virtual card without any reader in between.
import type { CardChannel } from '../../../main/keys/card/apdu.ts';
import type { VirtualCard } from '../../fakes/card/virtual-card.ts';

/** `change`: what becomes of each answer on its way. */
export function channelTo(card: VirtualCard, change = (answer: Uint8Array) => answer): CardChannel {
  const command = new Uint8Array(16 * 1024);
  return {
    command,
    secret: new Uint8Array(1024),
    isT0: false,
    transmit: (length) => change(Uint8Array.from(card.answer(Buffer.from(command.subarray(0, length))))),
  };
}
