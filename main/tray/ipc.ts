// What crosses between Electron's main process and its window, in one place: every command with its parameters and
// result, and every event. The types of both sides derive from it; main checks what comes in (ipc-server.ts). The window
// imports types from here and nothing else. Failures cross as values: code and parameters, put into words by the window.
import { z } from 'zod';
import type { ControlFailure } from '../control/failure.ts';
import { type MethodName, type Methods, methods } from '../control/schema.ts';
import { profileSummarySchema, secretKinds, statusSchema } from '../control/values.ts';
import { diagnosticsCommands } from './ipc-diagnostics.ts';
import { keyCommands, keyServiceCommands } from './ipc-keys.ts';

export type { CaptureState, SetupState } from './ipc-diagnostics.ts';

export const themes = ['system', 'light', 'dark'] as const;
export const languages = ['en', 'ja'] as const;
export type Language = (typeof languages)[number];

/** Kept in the user's configuration directory. */
export const settingsSchema = z.object({
  theme: z.enum(themes),
  language: z.enum(['system', ...languages]),
  contrast: z.enum(['system', 'high']),
  motion: z.enum(['system', 'reduced']),
  notifications: z.boolean(),
  /** Asks once a day for a newer version, and tells of it. */
  checkForUpdates: z.boolean(),
  startAtLogin: z.boolean(),
  /** Profiles that are connected when the app starts. */
  connectOnStart: z.array(z.string().max(64)).max(64),
});
export type Settings = z.infer<typeof settingsSchema>;

/** What main knows of the service: a mirror, never a truth of its own. */
export const serviceStateSchema = z.discriminatedUnion('service', [
  /** Not known yet: the app has just started. */
  z.object({ service: z.literal('starting') }),
  z.object({ service: z.literal('away'), controlPath: z.string() }),
  z.object({
    service: z.literal('present'),
    status: statusSchema,
    profiles: z.array(profileSummarySchema),
  }),
]);
export type ServiceState = z.infer<typeof serviceStateSchema>;

export const appInformationSchema = z.object({
  version: z.string(),
  electronVersion: z.string(),
  /** "linux", "win32", "darwin". */
  platform: z.string(),
  systemLanguage: z.enum(languages),
  /** The one in use: the setting, or the system's. */
  language: z.enum(languages),
  controlPath: z.string(),
  /** False: no tray host was found, and the app lives in its window. */
  trayAvailable: z.boolean(),
  /** False where there is no place for it. */
  startAtLoginSupported: z.boolean(),
  /** False in a build that has no key for the manifest of versions. */
  updateCheckSupported: z.boolean(),
});
export type AppInformation = z.infer<typeof appInformationSchema>;

const nothing = z.strictObject({});
const done = z.object({});
const fileText = z.string().max(1024 * 1024);
const fileName = z.string().min(1).max(255);
const secretBytes = z.instanceof(Uint8Array).refine((bytes) => bytes.length <= 64 * 1024 - 4, 'too long');
const profileName = methods['connection.up'].parameters.shape.profile;

/** A call of the service that is handed through as it is. */
function ofService<Name extends MethodName>(name: Name) {
  const { parameters, result }: Pick<Methods[Name], 'parameters' | 'result'> = methods[name];
  return { parameters, result };
}

/** Commands that are methods of the service without uploads, under the same name (main/control/schema.ts). */
export const serviceCommands = {
  'connection.up': ofService('connection.up'),
  'connection.down': ofService('connection.down'),
  'connection.retry': ofService('connection.retry'),
  'connection.measure': ofService('connection.measure'),
  'profiles.list': ofService('profiles.list'),
  'profiles.show': ofService('profiles.show'),
  'profiles.lockdown': ofService('profiles.lockdown'),
  'profiles.remove': ofService('profiles.remove'),
  'filter.list': ofService('filter.list'),
  'filter.add': ofService('filter.add'),
  'filter.replace': ofService('filter.replace'),
  'filter.move': ofService('filter.move'),
  'filter.remove': ofService('filter.remove'),
  'filter.explain': ofService('filter.explain'),
  'sa.list': ofService('sa.list'),
  'sa.rekey': ofService('sa.rekey'),
  'sa.delete': ofService('sa.delete'),
  'secrets.list': ofService('secrets.list'),
  'secrets.remove': ofService('secrets.remove'),
  'prompts.cancel': ofService('prompts.cancel'),
  'doctor.check': ofService('doctor.check'),
  'doctor.repair': ofService('doctor.repair'),
  'terminal.information': ofService('terminal.information'),
  'rights.mine': ofService('rights.mine'),
  'log.tail': ofService('log.tail'),
  ...keyServiceCommands,
} as const;

/** Commands that main itself carries out or adapts. */
export const ownCommands = {
  /** The mirror as it is. */
  'state.get': { parameters: nothing, result: serviceStateSchema },
  /** Asks the service for fresh counters (they alone raise no `state` event). For a visible window, once a second. */
  'state.refresh': { parameters: nothing, result: serviceStateSchema },

  /** TOML, .sswan or swanctl.conf as text. `passphrase` is wiped in main. */
  'profiles.import': {
    parameters: z.strictObject({
      fileName,
      text: fileText,
      name: profileName.optional(),
      replace: z.boolean(),
      connections: methods['profiles.import'].parameters.shape.connections,
      passphrase: secretBytes.optional(),
    }),
    result: methods['profiles.import'].result,
  },
  'profiles.validate': {
    parameters: z.strictObject({ fileName, text: fileText }),
    result: methods['profiles.validate'].result,
  },
  /** Stores a profile from its TOML text. */
  'profiles.save': {
    parameters: z.strictObject({ profile: profileName, text: fileText, replace: z.boolean() }),
    result: methods['profiles.import'].result,
  },

  /** The bytes are wiped in main once they are sent, and never logged; the window wipes its own. */
  'secrets.put': {
    parameters: z.strictObject({
      name: methods['secrets.put'].parameters.shape.name,
      kind: z.enum(secretKinds),
      secret: secretBytes,
    }),
    result: done,
  },

  /** Answers one of the person's own prompts; the bytes are wiped as those of a secret. */
  'prompts.answer': {
    parameters: methods['prompts.answer'].parameters.extend({ answer: secretBytes.optional() }),
    result: done,
  },

  /** Answered at most 10 times a second (main waits), and with nothing while the window is hidden. */
  'verdicts.tail': ofService('verdicts.tail'),

  ...diagnosticsCommands,
  ...keyCommands,

  /** Lets the network's sign-in page through (see the service's method) and opens it in the person's browser. */
  'portal.open': {
    parameters: z.strictObject({ profile: profileName }),
    result: methods['connection.allowPortal'].result,
  },

  'settings.get': { parameters: nothing, result: settingsSchema },
  /** Changes what is given; gives all of them. */
  'settings.set': { parameters: settingsSchema.partial().strict(), result: settingsSchema },

  'app.information': { parameters: nothing, result: appInformationSchema },
  /** Versions, state and failures without secrets, as text into the clipboard. */
  'app.copyDiagnostics': { parameters: nothing, result: done },
  /** Ends the app; connections stay as they are. */
  'app.quit': { parameters: nothing, result: done },
} as const;

export const commands = { ...serviceCommands, ...ownCommands } as const;

export const events = {
  /** The service's state changed, came or went. */
  state: serviceStateSchema,
  settings: settingsSchema,
  /** The window was hidden (then: no timers, no commands) or shown. */
  visibility: z.object({ visible: z.boolean() }),
} as const;

export type CommandName = keyof typeof commands;
export type ServiceCommandName = keyof typeof serviceCommands;
export type OwnCommandName = keyof typeof ownCommands;
export type CommandParameters<Name extends CommandName> = z.output<(typeof commands)[Name]['parameters']>;
export type CommandResult<Name extends CommandName> = z.output<(typeof commands)[Name]['result']>;
export type EventName = keyof typeof events;
export type EventValue<Name extends EventName> = z.output<(typeof events)[Name]>;

export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: ControlFailure };

/** `window.sealnic`, as the preload makes it. */
export interface SealnicBridge {
  /** Never rejects. */
  invoke<Name extends CommandName>(
    name: Name,
    parameters: CommandParameters<Name>,
  ): Promise<Outcome<CommandResult<Name>>>;
  /** The function that comes back ends it. */
  on<Name extends EventName>(name: Name, listener: (value: EventValue<Name>) => void): () => void;
}
