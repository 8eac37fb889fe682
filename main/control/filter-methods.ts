// The methods around the filter table: to be spread into `methods` of schema.ts.
import { z } from 'zod';
import { explanationSchema, filterRowSchema, filterRowTextSchema } from './values.ts';

const none = {} as const;
const id = z.string().max(128);
const position = z.number().int().min(0);
const port = z.number().int().min(0).max(65535);

export const filterMethods = {
  'filter.list': {
    right: 'control',
    parameters: z.strictObject({}),
    uploads: none,
    result: z.object({ version: z.number().int(), rows: z.array(filterRowSchema) }),
  },
  /** `position` in the user's own rows, from 0; absent: after them all. */
  'filter.add': {
    right: 'administer',
    parameters: z.strictObject({ row: filterRowTextSchema, position: position.optional() }),
    uploads: none,
    result: z.object({ id: z.string() }),
  },
  /** Puts another row in the place of one of the user's own; it keeps its id, place and counters. */
  'filter.replace': {
    right: 'administer',
    parameters: z.strictObject({ id, row: filterRowTextSchema }),
    uploads: none,
    result: z.object({}),
  },
  /** `position` among the user's own rows, from 0, where the row shall stand then; beyond the last: last. */
  'filter.move': {
    right: 'administer',
    parameters: z.strictObject({ id, position }),
    uploads: none,
    result: z.object({}),
  },
  'filter.remove': {
    right: 'administer',
    parameters: z.strictObject({ id }),
    uploads: none,
    result: z.object({}),
  },
  /** One explanation for each address that a name stands for. */
  'filter.explain': {
    right: 'control',
    parameters: z.strictObject({
      /** Absent: what the terminal would use. */
      source: z.string().max(255).optional(),
      destination: z.string().max(255),
      protocol: z.string().max(16).optional(),
      sourcePort: port.optional(),
      destinationPort: port.optional(),
    }),
    uploads: none,
    result: z.object({ explanations: z.array(explanationSchema) }),
  },
} as const;
