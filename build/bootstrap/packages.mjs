// npm's packages: are those of the lock file there? If not, `npm ci`. And the Node 24 that the project runs on.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..', '..');

const oldestNode = [20, 19];
const wantedMajor = 24;

/** The Node that the `node` package brought, by its own path, so that it does not matter who calls. */
export function nodeBinary() {
  return join(projectRoot, 'node_modules', 'node', 'bin', onWindows() ? 'node.exe' : 'node');
}

/** Installs the packages if one is missing or has another version than the lock file names. Throws with a reason. */
export function ensurePackages() {
  checkOwnNode();
  if (packagesMatchLock()) return;
  console.error('Installing the npm packages that package-lock.json names (once) …');
  npm(['ci', '--loglevel=error', '--no-audit', '--no-fund']);
  if (nodeMajor() === wantedMajor) return;
  // Install scripts may be switched off in the user's npm: the package's own step then has to be asked for.
  npm(['rebuild', 'node', '--loglevel=error', '--ignore-scripts=false']);
  if (nodeMajor() !== wantedMajor) {
    throw new Error(
      `The npm package "node" did not bring Node ${wantedMajor} (${nodeBinary()} does not run). ` +
        'Delete node_modules and run the command again with a connection to the npm registry.',
    );
  }
}

function checkOwnNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  throw new Error(
    `SealNIC needs Node ${oldestNode.join('.')} or newer to start; this is ${process.version}.`,
  );
}

function packagesMatchLock() {
  const wanted = lockedVersions(join(projectRoot, 'package-lock.json'));
  const present = lockedVersions(join(projectRoot, 'node_modules', '.package-lock.json'));
  if (wanted === undefined) throw new Error('package-lock.json is missing: the clone is not complete.');
  if (present === undefined || !existsSync(nodeBinary())) return false;
  return [...wanted].every(
    ([path, { version, optional }]) =>
      present.get(path)?.version === version || (optional && !present.has(path)),
  );
}

function lockedVersions(path) {
  if (!existsSync(path)) return undefined;
  const { packages } = JSON.parse(readFileSync(path, 'utf8'));
  return new Map(
    Object.entries(packages)
      .filter(([name]) => name !== '')
      .map(([name, entry]) => [name, { version: entry.version, optional: entry.optional === true }]),
  );
}

function nodeMajor() {
  const answer = spawnSync(nodeBinary(), ['--version'], { encoding: 'utf8' });
  return answer.status === 0 ? Number(answer.stdout.slice(1).split('.')[0]) : undefined;
}

function npm(npmArguments) {
  const ownNpm = process.env.npm_execpath;
  const [file, prefix] = ownNpm?.endsWith('.js')
    ? [process.env.npm_node_execpath ?? process.execPath, [ownNpm]]
    : [onWindows() ? 'npm.cmd' : 'npm', []];
  const { status, error } = spawnSync(file, [...prefix, ...npmArguments], {
    cwd: projectRoot,
    stdio: ['ignore', 2, 2],
    shell: onWindows() && prefix.length === 0,
  });
  if (status === 0) return;
  const why = error === undefined ? `it ended with code ${status}` : error.message;
  throw new Error(`"npm ${npmArguments[0]}" failed: ${why}. What npm said stands above.`);
}

function onWindows() {
  return process.platform === 'win32';
}
