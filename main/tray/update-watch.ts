// When the app asks whether there is a newer version (at its start and once a day, where the setting says so), and tells
// of each once. Knows no Electron.
import { checkForUpdate, type UpdateCheck, UpdateCheckError } from './update-check.ts';

/** Pinned when the app is built; a build without them never asks. */
export const updateSource = {
  url: process.env.SEALNIC_UPDATE_URL ?? '',
  publicKey: process.env.SEALNIC_UPDATE_PUBLIC_KEY ?? '',
};

export interface SeenUpdate {
  readonly serial: number;
  /** Version that was told last; empty: none. */
  readonly told: string;
}

export interface UpdateHost {
  readonly source: typeof updateSource;
  readonly currentVersion: string;
  readonly enabled: () => boolean;
  readonly seen: () => SeenUpdate;
  readonly remember: (seen: SeenUpdate) => void;
  readonly tell: (newer: { readonly version: string; readonly page: string }) => void;
  readonly now: () => Date;
  readonly fetch: UpdateCheck['fetch'];
}

/** Installed by deb or rpm, or run from a clone: there whoever manages it says when there is a newer version. */
export function isManaged(place: {
  readonly packaged: boolean;
  readonly platform: string;
  readonly appImage: string | undefined;
}): boolean {
  return !place.packaged || (place.platform === 'linux' && place.appImage === undefined);
}

export const updateEveryMilliseconds = 24 * 60 * 60 * 1000;

/** Asks once. What goes wrong is no news: the next time is tomorrow. */
export async function lookForUpdate(host: UpdateHost): Promise<void> {
  const { source, currentVersion, fetch } = host;
  if (source.url === '' || source.publicKey === '' || !host.enabled()) return;
  const seen = host.seen();
  try {
    const { newer, serial } = await checkForUpdate({
      ...source,
      currentVersion,
      newestSerial: seen.serial,
      now: host.now(),
      fetch,
    });
    if (newer !== undefined && newer.version !== seen.told) host.tell(newer);
    host.remember({ serial, told: newer?.version ?? seen.told });
  } catch (error) {
    if (!(error instanceof UpdateCheckError)) throw error;
    console.error(`The check for a newer version: ${error.message}`);
  }
}
