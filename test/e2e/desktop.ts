// A desktop without a screen for the tray: an X server, a session bus and an unprivileged user with a home of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const nobody = 65534;

export class Desktop {
  /** Belongs to the user. */
  readonly directory: string;
  readonly user: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly busAddress: string;
  readonly #children: ChildProcess[] = [];

  /** What is missing on this machine, or undefined. */
  static async missing(): Promise<string | undefined> {
    const programs = ['Xvfb', 'dbus-daemon', 'setpriv'].filter(
      (program) => spawnSync('which', [program]).status !== 0,
    );
    if (programs.length > 0) return `not installed: ${programs.join(', ')}`;
    try {
      // Downloads it, where that was not done before.
      await import('electron');
      return undefined;
    } catch {
      return 'Electron cannot be downloaded here, and ELECTRON_OVERRIDE_DIST_PATH names none';
    }
  }

  static async start(): Promise<Desktop> {
    const desktop = new Desktop();
    try {
      await desktop.#startBus();
      await desktop.#startDisplay();
    } catch (error) {
      await desktop.close();
      throw error;
    }
    return desktop;
  }

  private constructor() {
    this.user = process.getuid?.() === 0 ? nobody : (process.getuid?.() ?? nobody);
    this.directory = mkdtempSync(join(tmpdir(), 'sealnic-desktop-'));
    chmodSync(this.directory, 0o755);
    const runtime = join(this.directory, 'run');
    mkdirSync(runtime, { mode: 0o700 });
    this.busAddress = `unix:path=${join(this.directory, 'run', 'bus')}`;
    this.environment = {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: this.directory,
      XDG_RUNTIME_DIR: runtime,
      DBUS_SESSION_BUS_ADDRESS: this.busAddress,
      DBUS_SYSTEM_BUS_ADDRESS: this.busAddress,
      LANG: 'C.UTF-8',
    };
    this.giveToUser(this.directory);
    this.giveToUser(runtime);
  }

  giveToUser(path: string): void {
    chownSync(path, this.user, this.user);
  }

  /** The words of a command that runs these as the user. */
  asUser(words: readonly string[]): readonly string[] {
    if (process.getuid?.() !== 0) return words;
    const id = String(this.user);
    return ['setpriv', '--reuid', id, '--regid', id, '--clear-groups', '--', ...words];
  }

  /** Starts a program as the user; it ends with the desktop at the latest. */
  start(
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    fourth: 'pipe' | 'ignore' = 'ignore',
  ): ChildProcess {
    const [program, ...programArguments] = this.asUser(words);
    const child = spawn(program!, programArguments, {
      cwd: this.directory,
      env: { ...this.environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe', fourth],
    });
    this.#children.push(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #startBus(): Promise<void> {
    const configuration = join(this.directory, 'bus.conf');
    // The test is root and the app is not: both may use this bus.
    writeFileSync(
      configuration,
      `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
        "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig>
        <type>session</type>
        <listen>${this.busAddress}</listen>
        <auth>EXTERNAL</auth>
        <policy context="default">
          <allow user="*"/> <allow own="*"/> <allow send_destination="*" eavesdrop="true"/> <allow eavesdrop="true"/>
        </policy>
      </busconfig>`,
    );
    const bus = this.start([
      'dbus-daemon',
      `--config-file=${configuration}`,
      '--nofork',
      '--print-address=1',
    ]);
    await firstOutput(bus, bus.stdout, 'the session bus');
  }

  async #startDisplay(): Promise<void> {
    if (!existsSync('/tmp/.X11-unix')) {
      mkdirSync('/tmp/.X11-unix');
      chmodSync('/tmp/.X11-unix', 0o1777);
    }
    const server = this.start(
      ['Xvfb', '-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'],
      {},
      'pipe',
    );
    const display = await firstOutput(server, server.stdio[3] as NodeJS.ReadableStream, 'the X server');
    (this.environment as Record<string, string>).DISPLAY = `:${display.trim()}`;
  }
}

function firstOutput(
  child: ChildProcess,
  stream: NodeJS.ReadableStream | null,
  what: string,
): Promise<string> {
  let errors = '';
  child.stderr?.on('data', (part) => {
    errors += part;
  });
  return new Promise((resolve, reject) => {
    stream?.once('data', (part) => resolve(String(part)));
    child.once('exit', (code) => reject(new Error(`${what} ended with code ${code}: ${errors}`)));
    child.once('error', reject);
  });
}
