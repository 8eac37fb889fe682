// What the service tells about smart cards. Certificates are public, but name their holder: they are shown to whoever may
// use the cards, not to every local user.
import { z } from 'zod';

export const cardReaderStates = ['no-library', 'no-service', 'no-reader', 'ready'] as const;
export const cardPurposes = ['authentication', 'signature', 'key-management', 'card-authentication'] as const;
export const cardAlgorithms = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ecc-p256', 'ecc-p384'] as const;

/** CardProblem of main/keys/card/contract.ts. */
export const cardProblemCodes = [
  'no-library',
  'no-service',
  'no-reader',
  'no-card',
  'card-removed',
  'unknown-card',
  'several-cards',
  'pin-needed',
  'pin-wrong',
  'pin-blocked',
  'last-try',
  'pin-invalid',
  'puk-wrong',
  'puk-blocked',
  'management-key-wrong',
  'no-key',
  'no-certificate',
  'key-unsuitable',
  'key-mismatch',
  'certificate-invalid',
  'slot-in-use',
  'card-full',
  'busy',
  'cancelled',
  'not-supported',
  'bad-answer',
  'refused',
] as const;
export type CardProblemCode = (typeof cardProblemCodes)[number];

/** Part of the status. */
export const cardSummarySchema = z.object({
  state: z.enum(cardReaderStates),
  cards: z.array(z.object({ label: z.string(), reader: z.string(), usable: z.boolean() })),
});
export type CardSummary = z.infer<typeof cardSummarySchema>;

export const cardStatusSchema = z.object({
  id: z.string(),
  provider: z.enum(['piv', 'pkcs11']),
  label: z.string(),
  reader: z.string(),
  pinPad: z.boolean(),
  /** Absent: the card does not tell. 0: blocked. */
  triesLeft: z.number().int().optional(),
  keys: z.array(
    z.object({
      purpose: z.enum(cardPurposes),
      /** "9A", "9C", "9D", "9E". */
      slot: z.string(),
      algorithm: z.enum(cardAlgorithms),
      pinPolicy: z.enum(['never', 'once', 'always', 'unknown']),
      subject: z.string(),
      issuer: z.string(),
      /** Milliseconds since 1970. */
      notBefore: z.number(),
      notAfter: z.number(),
    }),
  ),
  /** Why it cannot be used, and a sentence. */
  problem: z.enum(cardProblemCodes).optional(),
  detail: z.string().optional(),
});
export type CardStatus = z.infer<typeof cardStatusSchema>;
