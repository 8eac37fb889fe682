// Which file a tray icon is: macOS colours template images itself, by their transparency alone.
import type { TrayIcon } from '../view.ts';

export function iconFile(icon: TrayIcon): string {
  return process.platform === 'darwin' ? `${icon}Template.png` : `${icon}.png`;
}
