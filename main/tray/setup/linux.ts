// Setting up on Linux: systemd's unit, and polkit's pkexec, which asks for an administrator's password.
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Setup, SetupOutcome } from './contract.ts';
import { archiveWords, copyPrefix, copyScript, runWithArchive } from './image-linux.ts';

const unit = 'sealnic.service';
const unitDirectories = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
/** pkexec's own exit codes (pkexec(1), "RETURN VALUE"). */
const dismissedCode = 126;
const notAuthorizedCode = 127;
const longestWaitMilliseconds = 10 * 60_000;

/** `image`: the service's folder in an AppImage, which is copied out of it. */
export function linuxSetup(
  command: string,
  user: string,
  path: string = process.env.PATH ?? '',
  unitsIn: readonly string[] = unitDirectories,
  image?: string,
  prefix = copyPrefix,
): Setup {
  const find = (program: string) =>
    path
      .split(':')
      .filter((directory) => directory.startsWith('/'))
      .map((directory) => join(directory, program))
      .find(isProgram);
  const install =
    image === undefined ? [command, 'service', 'install'] : ['/bin/sh', '-c', copyScript(prefix)];
  const copies = (words: readonly string[]) => image !== undefined && words === install;
  return {
    serviceInstalled: () => unitsIn.some((directory) => existsSync(join(directory, unit))),
    commands: {
      install,
      start: [find('systemctl') ?? '/usr/bin/systemctl', 'start', unit],
      allow: [command, 'service', 'allow', user],
      importProfile: [command, 'profiles', 'import', 'FILE'],
    },
    asker: () => find('pkexec'),
    typed: (words) => {
      const asked = ['sudo', ...words].map(quoted).join(' ');
      return copies(words) ? `${archiveWords(image!).map(quoted).join(' ')} | ${asked}` : asked;
    },
    run: (words) => {
      const asker = find('pkexec');
      if (asker === undefined) return Promise.resolve({ outcome: 'refused' });
      return copies(words) ? copyAsked([asker, ...words], image!) : runAsked(asker, words);
    },
  };
}

async function copyAsked(words: readonly string[], folder: string): Promise<SetupOutcome> {
  const { exitCode, said } = await runWithArchive(words, folder);
  return outcomeOf(exitCode, said);
}

function runAsked(asker: string, words: readonly string[]): Promise<SetupOutcome> {
  return new Promise((resolve) => {
    execFile(asker, [...words], { timeout: longestWaitMilliseconds }, (error, output, errors) => {
      const said = `${errors}${output}`.trim();
      resolve(outcomeOf(error === null ? 0 : error.code, said === '' ? (error?.message ?? '') : said));
    });
  });
}

function outcomeOf(exitCode: unknown, said: string): SetupOutcome {
  if (exitCode === 0) return { outcome: 'done' };
  if (exitCode === dismissedCode) return { outcome: 'dismissed' };
  if (exitCode === notAuthorizedCode) return { outcome: 'refused' };
  return { outcome: 'failed', detail: said.slice(-500) };
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
