// Words for what the service asks a person, and for answers that it does not take.
import type { PromptRefusal } from '../control/failure.ts';
import type { PromptKind } from '../control/prompt-values.ts';
import type { Words } from './phrases.ts';

/** What is asked for. */
export const promptWords: Readonly<Record<PromptKind, string>> = {
  pin: 'PIN',
  puk: 'PUK',
  passphrase: 'passphrase',
  'recovery-code': 'recovery code',
  'eap-password': 'password',
  'one-time-code': 'one-time code',
  card: 'card',
};

export const promptRefusals: Readonly<Record<PromptRefusal, Words>> = {
  'not-yours': { what: 'That prompt is for another user.', next: 'Only that user can answer it.' },
  'last-try': {
    what: 'It is the last try: a wrong answer blocks the card.',
    next: 'If you are sure, answer with --confirm-last-try.',
  },
  empty: { what: 'The answer is empty.', next: 'Try again.' },
  'pin-pad': { what: 'The PIN is typed on the card reader, not here.' },
  'card-expected': { what: 'Nothing is to be typed: insert the card.' },
};
