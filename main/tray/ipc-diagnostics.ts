// The window's commands for files, findings and what is amiss: a part of the schema in ipc.ts.
import { z } from 'zod';
import { callerRightsSchema } from '../control/diagnostics-methods.ts';
import { setupItems } from './setup/contract.ts';

const nothing = z.strictObject({});

/** False: the person closed the dialog without choosing a file. */
const saved = z.object({ saved: z.boolean() });

export const captureSides = ['adapter', 'wire'] as const;
export const longestCaptureSeconds = 3600;

const captureFacts = z.object({
  side: z.enum(captureSides),
  path: z.string(),
  startedAt: z.number(),
  endsAt: z.number(),
  bytes: z.number(),
  packets: z.number(),
});
export const captureStateSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('none') }),
  captureFacts.extend({ state: z.literal('running') }),
  captureFacts.extend({
    state: z.literal('ended'),
    /** Too many at once. */
    droppedPackets: z.number(),
    detail: z.string().optional(),
  }),
]);
export type CaptureState = z.infer<typeof captureStateSchema>;

const setupStateSchema = z.object({
  /** undefined: that is not the app's business on this platform. */
  serviceInstalled: z.boolean().optional(),
  /** Absent while the service is away. */
  rights: callerRightsSchema.optional(),
  /** False: nobody would ask for the password; the commands are to be typed. */
  canMend: z.boolean(),
  /** To be typed into a terminal. */
  commands: z.object({
    install: z.string(),
    start: z.string(),
    allow: z.string(),
    importProfile: z.string(),
  }),
  trayAvailable: z.boolean(),
  /** The person does not want to hear of the tray again. */
  trayDismissed: z.boolean(),
});
export type SetupState = z.infer<typeof setupStateSchema>;

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

  /** Gathers what helps whoever helps, without secrets and with stand-ins for names: to be shown. */
  'bundle.make': {
    parameters: nothing,
    result: z.object({ files: z.array(z.object({ name: z.string(), text: z.string() })) }),
  },
  /** Saves what was shown last, as a ZIP archive. */
  'bundle.save': { parameters: nothing, result: saved },

  /** Asks for a place first. One at a time. */
  'capture.begin': {
    parameters: z.strictObject({
      side: z.enum(captureSides),
      seconds: z.number().int().min(1).max(longestCaptureSeconds),
    }),
    result: z.object({ begun: z.boolean() }),
  },
  'capture.end': { parameters: nothing, result: z.object({}) },
  'capture.state': { parameters: nothing, result: captureStateSchema },

  /** Looks at the computer anew. */
  'setup.check': { parameters: nothing, result: setupStateSchema },
  /** "service": installs or starts it; "rights": lets the user connect. An administrator is asked. */
  'setup.mend': {
    parameters: z.strictObject({ item: z.enum(setupItems) }),
    result: z.object({
      outcome: z.enum(['done', 'dismissed', 'refused', 'failed']),
      detail: z.string().optional(),
    }),
  },
  'setup.dismissTray': { parameters: nothing, result: z.object({}) },
} as const;
