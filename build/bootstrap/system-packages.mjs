// On Debian and its descendants: the system packages that a command needs, installed after saying so.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Installs what is missing (root), or prints the command that does (others). Does nothing on other systems. */
export function ensureSystemPackages(command, wanted) {
  if (wanted.length === 0 || !existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-query')) return;
  const missing = wanted.filter((each) => !each.split('|').some(isInstalled));
  if (missing.length === 0) return;
  const oldest = missing.map((each) => each.split('|').at(-1)).join(' ');
  if (process.getuid?.() !== 0) {
    console.error(`"${command}" can use Debian packages that are not installed. To install them:`);
    console.error(`  sudo apt-get update && sudo apt-get install --no-install-recommends ${oldest}`);
    return;
  }
  console.error(`Installing the Debian packages that "${command}" needs: ${oldest}`);
  aptGet(['update', '-qq']);
  const names = missing.map((each) => each.split('|').find(isKnown)).filter((each) => each !== undefined);
  const unknown = missing.filter((each) => !each.split('|').some(isKnown));
  if (unknown.length > 0) console.error(`This release of the system does not have: ${unknown.join(' ')}`);
  if (names.length > 0) aptGet(['install', '-y', '-qq', '--no-install-recommends', ...names]);
}

function isInstalled(name) {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return /^Status: \S+ \S+ installed$/m.test(stdout ?? '');
}

function isKnown(name) {
  const { stdout } = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' });
  return /Candidate: (?!\(none\))/.test(stdout ?? '');
}

function aptGet(aptArguments) {
  const { status } = spawnSync('apt-get', aptArguments, {
    stdio: ['ignore', 'ignore', 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) {
    throw new Error(`"apt-get ${aptArguments[0]}" failed with code ${status}; what it said stands above.`);
  }
}
