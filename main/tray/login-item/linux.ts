// An XDG autostart entry (Desktop Application Autostart Specification) in the user's configuration directory.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoginItem, StartCommand } from './contract.ts';

const fileName = 'sealnic.desktop';

/** `configurationDirectory`: $XDG_CONFIG_HOME or ~/.config. */
export function linuxLoginItem(configurationDirectory: string, command: StartCommand): LoginItem {
  const directory = join(configurationDirectory, 'autostart');
  const path = join(directory, fileName);
  return {
    get on() {
      return existsSync(path);
    },
    set(on) {
      if (!on) {
        rmSync(path, { force: true });
        return;
      }
      mkdirSync(directory, { recursive: true });
      writeFileSync(`${path}.new`, autostartEntry(command));
      renameSync(`${path}.new`, path);
    },
  };
}

/** The file's text. */
export function autostartEntry(command: StartCommand): string {
  return `[Desktop Entry]
Type=Application
Name=SealNIC
Exec=${command.map(quoted).join(' ')}
Terminal=false
X-GNOME-Autostart-enabled=true
`;
}

/**
 * A word of Exec: quoted, with the characters escaped that are special between quotes, once more for the string type
 * of the file; "%" begins a field code (Desktop Entry Specification, "The Exec key").
 */
function quoted(word: string): string {
  const escaped = word
    .replace(/["`$\\]/g, '\\$&')
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%');
  return `"${escaped}"`;
}
