// `npm start`: the tray app, and by root the service under it. Electron itself never runs as root.
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectToService } from '../main/control/client.ts';
import { loadConfiguration } from '../main/service/configuration/configuration.ts';
import { bundleTray } from './bundle.ts';

/** Of the service that would be started here; SEALNIC_CONTROL names that of another. */
const controlPath = process.env.SEALNIC_CONTROL ?? loadConfiguration(undefined, process.env).controlSocket;
const isRoot = process.getuid?.() === 0;

async function start(): Promise<number> {
  let service: ChildProcess | undefined;
  if (!(await answers())) {
    if (!isRoot) {
      console.error(
        `The SealNIC service is not running (nothing answers on ${controlPath}).\n` +
          'Start both by "sudo npm start", or the service alone by "sudo ./sealnic service run".',
      );
      return 3;
    }
    service = await startService();
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
    const child = spawn(electron as unknown as string, [app], {
      stdio: 'inherit',
      env: { ...process.env, ...user.environment, SEALNIC_CONTROL: controlPath },
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      ...(user.gid === undefined ? {} : { gid: user.gid }),
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => child.kill(signal));
    }
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
function desktopUser(home: string): DesktopUser {
  if (!isRoot)
    return { uid: undefined, gid: undefined, environment: { HOME: homedir(), USER: userInfo().username } };
  const uid = Number(process.env.SUDO_UID ?? 65534);
  const gid = Number(process.env.SUDO_GID ?? 65534);
  const runtime = `/run/user/${uid}`;
  const invoked = process.env.SUDO_UID !== undefined;
  return {
    uid,
    gid,
    environment: {
      HOME: home,
      USER: process.env.SUDO_USER ?? 'nobody',
      ...(invoked ? { XDG_RUNTIME_DIR: runtime, DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtime}/bus` } : {}),
    },
  };
}

process.exitCode = await start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
