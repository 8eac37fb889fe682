// A prompt: what the service asks a person for while it works. Only its owner is told of it; the answer crosses as a
// binary frame and is never part of any value.
import { z } from 'zod';

export const promptKinds = [
  'pin',
  'puk',
  'passphrase',
  'recovery-code',
  'eap-password',
  'one-time-code',
  /** Nothing is typed: the card has to be inserted. */
  'card',
] as const;
export type PromptKind = (typeof promptKinds)[number];

/** Why the answer before was of no use. */
export const promptFailures = ['wrong', 'wrong-length'] as const;
export type PromptFailure = (typeof promptFailures)[number];

const shortText = z.string().max(256);

export const promptSchema = z.object({
  /** Random; not to be guessed. */
  id: z.string().max(64),
  kind: z.enum(promptKinds),
  /** User id: who may see, answer and cancel it. */
  owner: z.number().int(),
  profile: shortText.optional(),
  vault: shortText.optional(),
  card: z.object({ label: shortText, reader: shortText }).optional(),
  /** Whose password or PIN it is, "alice@example.org". */
  identity: shortText.optional(),
  /** The peer's own words, shortened and without control characters. */
  message: z.string().max(200).optional(),
  triesLeft: z.number().int().nonnegative().optional(),
  /** A wrong answer blocks the card: the answer has to confirm that this is known. */
  lastTry: z.boolean(),
  /** Typed on the reader: the answer has no bytes. */
  pinPad: z.boolean(),
  /** The answer may be stored, so that nobody is asked the next time. */
  storable: z.boolean(),
  failure: z.enum(promptFailures).optional(),
  /** Milliseconds since 1970. */
  openedAt: z.number(),
  expiresAt: z.number(),
});
export type Prompt = z.infer<typeof promptSchema>;
