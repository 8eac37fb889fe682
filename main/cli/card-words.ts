// Words for what goes wrong with a smart card, for the command line: what happened, and what to do next.
import type { CardProblemCode } from '../control/card-values.ts';
import type { Words } from './phrases.ts';

const problems: Readonly<Record<CardProblemCode, Words>> = {
  'no-library': {
    what: 'This computer has no library for smart cards.',
    next: 'Install it (Debian: apt install pcscd libpcsclite1).',
  },
  'no-service': {
    what: "The computer's service for smart cards does not answer.",
    next: 'Start it: systemctl start pcscd.socket',
  },
  'no-reader': { what: 'There is no card reader.', next: 'Plug one in; see: sealnic card status' },
  'no-card': { what: 'The card is not in a reader.', next: 'Insert it; see: sealnic card status' },
  'card-removed': { what: 'The card was taken out meanwhile.', next: 'Insert it and try again.' },
  'unknown-card': {
    what: 'The card is none that SealNIC can speak to: it has no PIV application, or does not answer.',
    next: 'Is it in the right way round?',
  },
  'several-cards': {
    what: 'There are several cards.',
    next: 'Say which with --card; see: sealnic card status',
  },
  'pin-needed': { what: 'The card wants its PIN.', next: 'Try again.' },
  'pin-wrong': { what: 'The PIN is wrong.', next: 'Try again.' },
  'pin-blocked': {
    what: 'The PIN of the card is blocked.',
    next: 'Set a new one by the PUK: sealnic card unblock',
  },
  'last-try': {
    what: 'One try is left: another wrong PIN blocks the card.',
    next: 'If you are sure, try again and confirm it.',
  },
  'pin-invalid': {
    what: 'The card does not take such a PIN: it has 6 to 8 digits on most cards.',
    next: 'Choose another one.',
  },
  'puk-wrong': {
    what: 'The PUK is wrong.',
    next: 'Look for the right one: after a few tries it is blocked for good.',
  },
  'puk-blocked': {
    what: 'The PUK is blocked too: nothing can unlock this card any more.',
    next: "Reset it with its maker's tool; its keys are lost.",
  },
  'management-key-wrong': {
    what: 'The management key (9B) is not the one of the card.',
    next: 'Ask who gave the card out; a new card often has 010203040506070801020304050607080102030405060708.',
  },
  'no-key': { what: 'The card has no key in that slot.', next: 'Make one: sealnic card setup' },
  'no-certificate': {
    what: 'The card has no certificate in that slot.',
    next: 'Make one: sealnic card setup; see: sealnic card status',
  },
  'key-unsuitable': {
    what: 'The key on the card cannot do that.',
    next: 'See its kind: sealnic card status',
  },
  'key-mismatch': {
    what: 'The certificate does not belong to the key on the card.',
    next: 'Request one for this key: sealnic card setup --request FILE',
  },
  'certificate-invalid': {
    what: 'That certificate or name cannot be used.',
    next: 'Names look like "CN=alice, O=Example".',
  },
  'slot-in-use': {
    what: 'That slot holds a certificate already; nothing was changed.',
    next: 'Replace key and certificate with --replace, or take another slot with --slot.',
  },
  'card-full': { what: 'There is no room left on the card.', next: 'Remove what is not needed from it.' },
  busy: { what: 'Another program holds the card for itself.', next: 'Close that program and try again.' },
  cancelled: { what: 'It was cancelled at the card reader, or nothing was typed.', next: 'Try again.' },
  'not-supported': { what: 'The card or its reader does not offer that.' },
  'bad-answer': {
    what: 'The card gave an answer that makes no sense.',
    next: 'Take it out, insert it, and try again.',
  },
  refused: { what: 'The card refused.', next: 'See: sealnic card status' },
};

/** `detail`: what the service knows beyond the kind. */
export function cardWords(problem: CardProblemCode, detail: string, triesLeft: number | undefined): Words {
  const { what, next } = problems[problem];
  const tries = triesLeft === undefined ? '' : ` ${triesLeft} ${triesLeft === 1 ? 'try' : 'tries'} left.`;
  const told = problem === 'refused' || problem === 'certificate-invalid' || problem === 'not-supported';
  return { what: `${what}${told ? ` (${detail})` : ''}${tries}`, ...(next !== undefined && { next }) };
}
