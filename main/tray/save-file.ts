// A file that the person chooses in the system's dialog. The page never learns more than whether it was written.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { app, type BrowserWindow, dialog } from 'electron';
import { notWritten } from './save-file-failure.ts';

/** The chosen path; undefined: the person thought better of it. */
export async function askForFile(
  window: BrowserWindow | undefined,
  suggestedName: string,
  folder: 'downloads' | 'home' = 'downloads',
): Promise<string | undefined> {
  const options = { defaultPath: join(app.getPath(folder), suggestedName) };
  const { canceled, filePath } = await (window === undefined
    ? dialog.showSaveDialog(options)
    : dialog.showSaveDialog(window, options));
  return canceled || filePath === '' ? undefined : filePath;
}

/** The path of a file that is there; undefined: the person thought better of it. */
export async function askForExisting(window: BrowserWindow | undefined): Promise<string | undefined> {
  const options = { properties: ['openFile' as const] };
  const { canceled, filePaths } = await (window === undefined
    ? dialog.showOpenDialog(options)
    : dialog.showOpenDialog(window, options));
  return canceled ? undefined : filePaths[0];
}

/** Readable for the user alone. Throws ControlError file-not-written. */
export function writeOwnFile(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(path, content, { mode: 0o600 });
    chmodSync(path, 0o600);
  } catch (error) {
    throw notWritten(path, error);
  }
}
