// `card …` and what the service tells about cards, in the words of the control endpoint.
import type { cardMethods } from '../../control/card-methods.ts';
import type { CardStatus, CardSummary } from '../../control/card-values.ts';
import type { ServiceMethods } from '../../control/service-api.ts';
import type { CardDescription, Cards } from '../../keys/card/contract.ts';
import { slotName } from '../../keys/card/piv.ts';
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import { formatName } from '../../keys/credentials/distinguished-name.ts';
import type { CardSetup } from '../cards/card-setup.ts';
import type { ProfileBook } from './profiles.ts';

/** `card …`: prompts go to whoever calls. */
export function cardHandlers({
  cards,
  cardSetup: setup,
  profiles,
}: {
  readonly cards: Cards;
  readonly profiles: ProfileBook;
  readonly cardSetup: CardSetup;
}): Pick<ServiceMethods, keyof typeof cardMethods> {
  return {
    'card.status': () => ({
      state: cards.state,
      readers: [...cards.readers],
      cards: cards.cards.map(cardStatus),
    }),
    'card.test': (parameters, { uid }) => setup.test(parameters, uid),
    'card.change-pin': async ({ card }, { uid }, { pin }) => {
      await setup.changePin(card, uid, pin);
      return {};
    },
    'card.unblock': async ({ card }, { uid }, { pin }) => {
      await setup.unblock(card, uid, pin);
      return {};
    },
    'card.setup': (parameters, { uid }, { managementKey }) => setup.setup(parameters, uid, managementKey),
    'card.put-certificate': (parameters, { uid }, { certificate, managementKey }) =>
      setup.putCertificate(parameters, uid, certificate, managementKey),
    'card.store': async ({ card, profile }, { uid }, { managementKey }) => ({
      bytes: await setup.store(card, uid, profiles.load(profile), profiles.text(profile), managementKey),
    }),
    'card.erase': async ({ card }, { uid }, { managementKey }) => {
      await setup.erase(card, uid, managementKey);
      return {};
    },
  };
}

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
