// Setting up on Linux: systemd's unit, and polkit's pkexec, which asks for an administrator's password.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Setup, SetupOutcome } from './contract.ts';

const unit = 'sealnic.service';
const unitDirectories = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
/** pkexec's own exit codes (pkexec(1), "RETURN VALUE"). */
const dismissedCode = 126;
const notAuthorizedCode = 127;
const longestWaitMilliseconds = 10 * 60_000;

export function linuxSetup(
  command: string,
  user: string,
  path: string = process.env.PATH ?? '',
  unitsIn: readonly string[] = unitDirectories,
): Setup {
  const find = (program: string) =>
    path
      .split(':')
      .filter((directory) => directory.startsWith('/'))
      .map((directory) => join(directory, program))
      .find(isProgram);
  return {
    serviceInstalled: () => unitsIn.some((directory) => existsSync(join(directory, unit))),
    commands: {
      install: [command, 'service', 'install'],
      start: [find('systemctl') ?? '/usr/bin/systemctl', 'start', unit],
      allow: [command, 'service', 'allow', user],
    },
    asker: () => find('pkexec'),
    typed: (words) => ['sudo', ...words].map(quoted).join(' '),
    run: (words) => {
      const asker = find('pkexec');
      return asker === undefined ? Promise.resolve({ outcome: 'refused' }) : runAsked(asker, words);
    },
  };
}

function runAsked(asker: string, words: readonly string[]): Promise<SetupOutcome> {
  return new Promise((resolve) => {
    execFile(asker, [...words], { timeout: longestWaitMilliseconds }, (error, output, errors) => {
      if (error === null) return resolve({ outcome: 'done' });
      if (error.code === dismissedCode) return resolve({ outcome: 'dismissed' });
      if (error.code === notAuthorizedCode) return resolve({ outcome: 'refused' });
      const said = `${errors}${output}`.trim();
      resolve({ outcome: 'failed', detail: (said === '' ? error.message : said).slice(-500) });
    });
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
