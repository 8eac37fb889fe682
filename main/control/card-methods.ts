// The methods by which people use and set up smart cards. PINs and PUKs are asked for by prompts; new ones, and the
// management key, cross as binary frames.
import { z } from 'zod';
import { cardAlgorithms, cardReaderStates, cardStatusSchema } from './card-values.ts';

const none = {} as const;
/** A card by its id or its reader's name; absent: the only one that is in. */
const card = z.string().max(256).optional();
const slot = z.enum(['9a', '9c', '9d', '9e']);
const newPin = { maximumBytes: 64, optional: false } as const;
/** Of a PIV card. A PKCS#11 token takes its PIN instead, which is asked for by a prompt. */
const managementKey = { maximumBytes: 64, optional: true } as const;
const certificateUpload = { maximumBytes: 32 * 1024, optional: false } as const;

export const cardMethods = {
  'card.status': {
    right: 'control',
    parameters: z.strictObject({}),
    uploads: none,
    result: z.object({
      state: z.enum(cardReaderStates),
      readers: z.array(z.string()),
      cards: z.array(cardStatusSchema),
    }),
  },
  /** Signs something with the key and checks the signature by its certificate. Asks for the PIN. */
  'card.test': {
    right: 'control',
    parameters: z.strictObject({ card, slot: z.enum(['9a', '9c']) }),
    uploads: none,
    result: z.object({ subject: z.string(), algorithm: z.enum(cardAlgorithms), milliseconds: z.number() }),
  },
  /** Asks for the present PIN; `pin`: the new one. */
  'card.change-pin': {
    right: 'control',
    parameters: z.strictObject({ card }),
    uploads: { pin: newPin },
    result: z.object({}),
  },
  /** Asks for the PUK; `pin`: the new PIN. */
  'card.unblock': {
    right: 'control',
    parameters: z.strictObject({ card }),
    uploads: { pin: newPin },
    result: z.object({}),
  },
  /**
   * Takes the key that is in the slot, or makes one, and writes a self-signed certificate or gives a request for an
   * authority. What is there already is replaced only with `replace`. Asks for the PIN.
   */
  'card.setup': {
    right: 'control',
    parameters: z.strictObject({
      card,
      slot: z.enum(['9a', '9c', '9d']),
      algorithm: z.enum(cardAlgorithms),
      /** "CN=alice, O=Example". */
      subject: z.string().min(1).max(512),
      /** Alternative names: e-mail addresses and domain names. */
      names: z.array(z.string().min(1).max(253)).max(8),
      kind: z.enum(['self-signed', 'request']),
      days: z.number().int().min(1).max(36_525),
      replace: z.boolean(),
    }),
    uploads: { managementKey },
    result: z.object({ made: z.boolean(), algorithm: z.enum(cardAlgorithms), pem: z.string() }),
  },
  /** What the authority made of the request; it must belong to the key in the slot. */
  'card.put-certificate': {
    right: 'control',
    parameters: z.strictObject({ card, slot, replace: z.boolean() }),
    uploads: { certificate: certificateUpload, managementKey },
    result: z.object({ subject: z.string() }),
  },
  /** Writes a profile with its authorities and its wrapped pre-shared key onto the card. */
  'card.store': {
    right: 'administer',
    parameters: z.strictObject({ card, profile: z.string().min(1).max(63) }),
    uploads: { managementKey },
    result: z.object({ bytes: z.number().int() }),
  },
  /** Takes it off the card again. */
  'card.erase': {
    right: 'control',
    parameters: z.strictObject({ card }),
    uploads: { managementKey },
    result: z.object({}),
  },
} as const;
