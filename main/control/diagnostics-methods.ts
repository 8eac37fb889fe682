// Calls for finding out what is amiss: what the caller may do, and the service's log.
import { z } from 'zod';

export const logLevels = ['error', 'warning', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

export const logLineSchema = z.object({
  /** Counts up by one from 1, from the service's start. */
  sequence: z.number().int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  level: z.enum(logLevels),
  text: z.string(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** More lines are not kept, and more characters of one are not either. */
export const longestLog = { lines: 2000, characters: 1000 } as const;

export const callerRightsSchema = z.object({
  uid: z.number().int(),
  /** The user's name, where the system knows one. */
  user: z.string().optional(),
  /** Why the caller may connect and disconnect; "no": may not. */
  control: z.enum(['root', 'group', 'session', 'no']),
  /** "after-asking": once the system's authority (polkit) has asked for a password. */
  administer: z.enum(['yes', 'after-asking', 'no']),
  /** Whose members may connect. */
  group: z.string(),
  groupExists: z.boolean(),
});
export type CallerRights = z.infer<typeof callerRightsSchema>;

export const diagnosticsMethods = {
  /** Asks nobody anything. */
  'rights.mine': {
    right: 'observe',
    parameters: z.strictObject({}),
    uploads: {},
    result: callerRightsSchema,
  },
  /**
   * Lines after a sequence number (0: all that are kept) up to a level, oldest first; with more than `limit`, the
   * newest. The caller's own connections' lines; with `everything` all, which needs `administer`.
   */
  'log.tail': {
    right: 'control',
    parameters: z.strictObject({
      after: z.number().int().min(0),
      limit: z.number().int().min(1).max(longestLog.lines),
      level: z.enum(logLevels),
      everything: z.boolean(),
    }),
    uploads: {},
    result: z.object({
      lines: z.array(logLineSchema),
      /** The newest sequence number there is, of whatever level and owner: what to go on after. */
      newest: z.number().int(),
    }),
  },
} as const;
