// The methods by which a person answers what the service asks: one's own prompts, and nobody else's.
import { z } from 'zod';
import { promptSchema } from './prompt-values.ts';

/** Longest answer in bytes. */
export const promptAnswerMaximumBytes = 4096;

const promptId = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/, 'the id of a prompt');

export const promptMethods = {
  /** The caller's own, oldest first; they are part of the status too. */
  'prompts.list': {
    right: 'control',
    parameters: z.strictObject({}),
    uploads: {},
    result: z.object({ prompts: z.array(promptSchema) }),
  },
  /**
   * `confirmLastTry` where the prompt says lastTry. `store`: remember the answer, where the prompt is storable. No
   * upload for a PIN pad. Fails with prompt-not-found and prompt-refused.
   */
  'prompts.answer': {
    right: 'control',
    parameters: z.strictObject({
      id: promptId,
      confirmLastTry: z.boolean().optional(),
      store: z.boolean().optional(),
    }),
    uploads: { answer: { maximumBytes: promptAnswerMaximumBytes, optional: true } },
    result: z.object({}),
  },
  /** An administrator may cancel anybody's. */
  'prompts.cancel': {
    right: 'control',
    parameters: z.strictObject({ id: promptId }),
    uploads: {},
    result: z.object({}),
  },
} as const;
