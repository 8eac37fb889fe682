// `npm start`: the tray app, and by root the service under it. Electron itself never runs as root.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectToService } from '../main/control/client.ts';
import { loadConfiguration } from '../main/service/configuration/configuration.ts';
import { bundleTray } from './bundle.ts';

/** Of the service that would be started here; SEALNIC_CONTROL names that of another. */
const controlPath = process.env.SEALNIC_CONTROL ?? loadConfiguration(undefined, process.env).controlSocket;
const command = join(import.meta.dirname, '..', 'sealnic');
/** What starts all of this again, at login. */
const startAgain = [process.execPath, join(import.meta.dirname, 'bootstrap.mjs'), 'start'];
const hidden = process.argv.slice(2).filter((word) => word === '--hidden');
const isRoot = process.getuid?.() === 0;

async function start(): Promise<number> {
  let service: ChildProcess | undefined;
  if (!(await answers())) {
    if (!isRoot) {
      console.error(
        `The SealNIC service is not running (nothing answers on ${controlPath}); the window says what to do.\n` +
          'Or start both by "sudo npm start", or the service alone by "sudo ./sealnic service run".',
      );
    } else {
      service = await startService();
    }
  }
  try {
    return await runTray();
  } finally {
    if (service !== undefined) await endService(service);
  }
}

function endService(service: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (service.exitCode !== null) return resolve();
    service.once('exit', () => resolve());
    service.kill('SIGTERM');
  });
}

async function answers(): Promise<boolean> {
  try {
    (await connectToService({ path: controlPath })).close();
    return true;
  } catch {
    return false;
  }
}

async function startService(): Promise<ChildProcess> {
  console.log('Starting the service …');
  const main = join(import.meta.dirname, '..', 'main', 'service', 'main.ts');
  const service = spawn(process.execPath, [main], { stdio: 'inherit' });
  for (let attempt = 0; attempt < 200; attempt++) {
    if (service.exitCode !== null) throw new Error('The service ended; what it said stands above.');
    if (await answers()) return service;
    await wait(50);
  }
  service.kill('SIGTERM');
  throw new Error('The service did not answer within 10 s.');
}

async function runTray(): Promise<number> {
  // Asked for here and not as the user: it downloads itself into node_modules at the first time.
  const { default: electron } = await import('electron');
  const home = mkdtempSync(join(tmpdir(), 'sealnic-tray-'));
  try {
    const app = await bundleTray(join(home, 'app'));
    const user = desktopUser(home);
    chownSync(home, user.uid ?? process.getuid?.() ?? -1, user.gid ?? process.getgid?.() ?? -1);
    const child = spawn(electron as unknown as string, [app, ...hidden], {
      stdio: 'inherit',
      // A group of its own: Ctrl-C reaches it once, from here, and not from the terminal too.
      detached: true,
      env: {
        ...process.env,
        ...user.environment,
        SEALNIC_CONTROL: controlPath,
        SEALNIC_COMMAND: command,
        SEALNIC_START: JSON.stringify(startAgain),
      },
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      ...(user.gid === undefined ? {} : { gid: user.gid }),
    });
    let told = false;
    const end = () => {
      if (!told) child.kill('SIGTERM');
      told = true;
    };
    process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', end);
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

interface DesktopUser {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

/** Who typed sudo; where root logged in itself, the user "nobody" with a home that is thrown away. */
function desktopUser(throwAwayHome: string): DesktopUser {
  if (!isRoot) return { uid: undefined, gid: undefined, environment: {} };
  const sudoUid = process.env.SUDO_UID;
  if (sudoUid === undefined) return testUser(throwAwayHome);
  const uid = Number(sudoUid);
  const runtime = `/run/user/${uid}`;
  return {
    uid,
    gid: Number(process.env.SUDO_GID ?? uid),
    environment: {
      HOME: homeOf(uid) ?? throwAwayHome,
      USER: process.env.SUDO_USER ?? '',
      XDG_RUNTIME_DIR: runtime,
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtime}/bus`,
    },
  };
}

function testUser(home: string): DesktopUser {
  const nobody = 65534;
  const environment: Record<string, string> = { HOME: home, USER: 'nobody', XDG_RUNTIME_DIR: home };
  // The X server asks for root's cookie, which only root can read.
  const cookie = process.env.XAUTHORITY ?? join(homedir(), '.Xauthority');
  if (existsSync(cookie)) {
    environment.XAUTHORITY = join(home, 'x-authority');
    copyFileSync(cookie, environment.XAUTHORITY);
    chownSync(environment.XAUTHORITY, nobody, nobody);
  }
  return { uid: nobody, gid: nobody, environment };
}

function homeOf(uid: number): string | undefined {
  const line = spawnSync('getent', ['passwd', String(uid)], { encoding: 'utf8' }).stdout;
  return line?.split(':')[5];
}

process.exitCode = await start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
