// Whether there is a place for a tray icon. macOS and Windows always have one.
import { linuxTrayHost } from './linux.ts';

export async function trayHostIsThere(): Promise<boolean> {
  return process.platform === 'linux' ? await linuxTrayHost() : true;
}
