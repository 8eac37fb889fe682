// How fast keys come and go: a connection whose pre-shared key lies in a vault on a stick that only the card opens. A PIN
// is answered at once, by a program.
import type { VirtualCard } from '../../fakes/card/virtual-card.ts';
import type { KeysStage } from './keys-stage.ts';

/** Medians, milliseconds, as a client of the service sees them. */
export interface KeyFigures {
  readonly insertionToPrompt: number;
  readonly insertionToConnected: number;
  readonly pinToUnlocked: number;
  readonly pinToConnected: number;
  readonly removalToWiped: number;
}

/** The connection "office" is up by the card, which is in; so it is afterwards. */
export async function measureKeys(keys: KeysStage, card: VirtualCard, rounds: number): Promise<KeyFigures> {
  const figures: KeyFigures[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const pulledAt = performance.now();
    keys.pullCard();
    await Promise.all([keys.state('failed'), keys.vaultIs(false)]);
    const removalToWiped = performance.now() - pulledAt;
    const insertedAt = performance.now();
    await keys.insertOnly(card);
    await keys.prompt('pin');
    const answeredAt = performance.now();
    const since = (from: number) => () => performance.now() - from;
    const unlocked = keys.vaultIs(true).then(since(answeredAt));
    const connected = keys.state('connected').then(since(insertedAt));
    await keys.answerPin();
    figures.push({
      insertionToPrompt: answeredAt - insertedAt,
      insertionToConnected: await connected,
      pinToUnlocked: await unlocked,
      pinToConnected: (await connected) - (answeredAt - insertedAt),
      removalToWiped,
    });
  }
  const median = (name: keyof KeyFigures) =>
    figures.map((each) => each[name]).sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
  return {
    insertionToPrompt: median('insertionToPrompt'),
    insertionToConnected: median('insertionToConnected'),
    pinToUnlocked: median('pinToUnlocked'),
    pinToConnected: median('pinToConnected'),
    removalToWiped: median('removalToWiped'),
  };
}

/** One line. */
export function describeKeyFigures(figures: KeyFigures, rounds: number): string {
  const words = [
    `insertion to the prompt for the PIN ${Math.round(figures.insertionToPrompt)} ms (seen within 1000 wanted)`,
    `insertion to connected ${Math.round(figures.insertionToConnected)} ms`,
    `PIN to unlocked ${Math.round(figures.pinToUnlocked)} ms`,
    `PIN to connected ${Math.round(figures.pinToConnected)} ms`,
    `removal to keys wiped ${Math.round(figures.removalToWiped)} ms`,
  ];
  return `medians of ${rounds}: ${words.join(', ')}`;
}
