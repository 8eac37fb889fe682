// The window's commands for files, findings and what is amiss: a part of the schema in ipc.ts.
import { z } from 'zod';

/** False: the person closed the dialog without choosing a file. */
const saved = z.object({ saved: z.boolean() });

export const diagnosticsCommands = {
  /** Asks for a place in the system's dialog and writes the text there. */
  'file.save': {
    parameters: z.strictObject({
      suggestedName: z
        .string()
        .min(1)
        .max(200)
        .regex(/^[^/\\\p{Cc}]+$/u),
      text: z.string().max(16 * 1024 * 1024),
    }),
    result: saved,
  },
} as const;
