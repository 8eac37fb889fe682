// What the app remembers by itself, apart from the settings: the window's place, which profiles were used last.
import { z } from 'zod';
import type { ServiceState, Settings } from './ipc.ts';
import { settingsSchema } from './ipc.ts';
import { JsonFile } from './json-file.ts';

const memorySchema = z.object({
  bounds: z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }).nullable(),
  /** Last used first. */
  lastUsed: z.array(z.string().max(64)).max(64),
  toldAboutTray: z.boolean(),
  /** The checklist does not mention it again. */
  trayDismissed: z.boolean(),
  /** Of the check for newer versions: the newest manifest's serial, and the version that was told of. */
  update: z.object({ serial: z.number().int().min(0), told: z.string().max(100) }),
});
export type AppMemory = z.infer<typeof memorySchema>;

const defaultSettings: Settings = {
  theme: 'system',
  language: 'system',
  contrast: 'system',
  motion: 'system',
  notifications: true,
  checkForUpdates: false,
  startAtLogin: false,
  connectOnStart: [],
};

/** `managed`: something else keeps the app up to date, such as the system's package manager. */
export function settingsFile(path: string, managed = true): JsonFile<(typeof settingsSchema)['shape']> {
  return new JsonFile(path, settingsSchema, { ...defaultSettings, checkForUpdates: !managed });
}

export function memoryFile(path: string): JsonFile<(typeof memorySchema)['shape']> {
  return new JsonFile(path, memorySchema, {
    bounds: null,
    lastUsed: [],
    toldAboutTray: false,
    trayDismissed: false,
    update: { serial: 0, told: '' },
  });
}

/** The new order once connections are in use; undefined where it stays. */
export function usedNow(lastUsed: readonly string[], state: ServiceState): string[] | undefined {
  if (state.service !== 'present') return undefined;
  const inUse = state.status.connections
    .filter((each) => each.state === 'connecting' || each.state === 'connected')
    .toSorted((first, second) => second.since - first.since)
    .map(({ profile }) => profile);
  const order = [...inUse, ...lastUsed.filter((name) => !inUse.includes(name))].slice(0, 64);
  return order.every((name, index) => lastUsed[index] === name) ? undefined : order;
}

/** Which profiles to connect when the service is first there. */
export function toConnectAtStart({ connectOnStart }: Settings, state: ServiceState): readonly string[] {
  if (state.service !== 'present') return [];
  const { profiles, status } = state;
  return connectOnStart.filter(
    (wanted) =>
      profiles.some(
        ({ name, role, problem }) => name === wanted && role === 'client' && problem === undefined,
      ) && !status.connections.some((each) => each.profile === wanted && each.state !== 'disconnected'),
  );
}
