// What the service tells about cards, in the words of the control endpoint.
import type { CardStatus, CardSummary } from '../../control/card-values.ts';
import type { CardDescription, Cards } from '../../keys/card/contract.ts';
import { slotName } from '../../keys/card/piv.ts';
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import { formatName } from '../../keys/credentials/distinguished-name.ts';

export function cardSummary({ state, cards }: Cards): CardSummary {
  return {
    state,
    cards: cards.map(({ label, reader, problem }) => ({ label, reader, usable: problem === undefined })),
  };
}

export function cardStatus(card: CardDescription): CardStatus {
  const { id, provider, label, reader, pinPad, triesLeft, problem } = card;
  return {
    id,
    provider,
    label,
    reader,
    pinPad,
    ...(triesLeft !== undefined && { triesLeft }),
    keys: card.keys.flatMap(({ purpose, algorithm, pinPolicy, certificate }) => {
      const parsed = parseCertificate(certificate);
      if (parsed === undefined) return [];
      return [
        {
          purpose,
          slot: slotName(purpose),
          algorithm,
          pinPolicy,
          subject: formatName(parsed.subject),
          issuer: formatName(parsed.issuer),
          notBefore: parsed.notBefore.getTime(),
          notAfter: parsed.notAfter.getTime(),
        },
      ];
    }),
    ...(problem !== undefined && { problem: problem.problem, detail: problem.message }),
  };
}
