// The demo's gateway and office, and a laptop with the real service, for tests of the desktop app.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OfficeRequest, PingReport } from './office-process.ts';

/** The pre-shared key that gateway and laptop start with. */
export const officeSecret = 'for this test only';

// The group of the user as whom the desktop runs.
const groupOfNobody = 'nogroup';

export class Office {
  /** Of the laptop's service. */
  readonly controlPath: string;
  readonly #directory: string;
  readonly #process: ChildProcess;

  /** `consent`: polkit's question whether somebody may administer is answered with yes, as an administrator would. */
  static async start(options: { readonly consent?: boolean } = {}): Promise<Office> {
    const office = new Office(options.consent === true);
    const answer = await office.#answer();
    if (answer !== 'ready') throw new Error(`the office said ${answer}`);
    return office;
  }

  private constructor(consent: boolean) {
    this.#directory = mkdtempSync(join(tmpdir(), 'sealnic-office-'));
    chmodSync(this.#directory, 0o755);
    this.controlPath = join(this.#directory, 'laptop', 'control.sock');
    const script = join(import.meta.dirname, 'office-process.ts');
    const words = [
      '--mount',
      '--net',
      ...(consent ? withConsent(join(this.#directory, 'bin')) : []),
      process.execPath,
      script,
      this.#directory,
      groupOfNobody,
      officeSecret,
    ];
    this.#process = spawn('unshare', words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** 5 pings into the office, and what a sniffer at the laptop's wire saw since the last call. */
  async ping(): Promise<PingReport> {
    return (await this.#ask({ type: 'ping' })) as PingReport;
  }

  /** As a crash does: it says nothing to anybody. */
  async kill(who: 'gateway' | 'laptop'): Promise<void> {
    await this.#ask({ type: 'kill', who });
  }

  /** Again, after `kill`. */
  async startAgain(who: 'gateway' | 'laptop'): Promise<void> {
    await this.#ask({ type: 'start', who });
  }

  /** The laptop wakes up after so long. */
  async sleep(milliseconds: number): Promise<void> {
    await this.#ask({ type: 'sleep', milliseconds });
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.disconnect();
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Small UDP packets from the laptop, so many a second; 0 ends it. */
  async flood(destination: string, packetsPerSecond: number): Promise<void> {
    await this.#ask({ type: 'flood', destination, packetsPerSecond });
  }

  /** Of the laptop's service. */
  async processId(): Promise<number> {
    return (await this.#ask({ type: 'process-id' })) as number;
  }

  async #ask(request: OfficeRequest): Promise<unknown> {
    this.#process.send(request);
    return await this.#answer();
  }

  async #answer(): Promise<unknown> {
    const stop = new AbortController();
    const ended = once(this.#process, 'exit', { signal: stop.signal }).then(([code]) => {
      throw new Error(`the office ended with code ${code}`);
    });
    try {
      const [message] = (await Promise.race([once(this.#process, 'message'), ended])) as [unknown];
      return message;
    } finally {
      ended.catch(() => undefined);
      stop.abort();
    }
  }
}

/** Words ahead of a command that runs it where /usr/bin has a pkcheck that says yes; in a mount namespace. */
function withConsent(directory: string): readonly string[] {
  mkdirSync(directory);
  writeFileSync(join(directory, 'pkcheck'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const mount = `mount -t overlay overlay -o lowerdir=${directory}:/usr/bin /usr/bin`;
  return ['sh', '-ec', `${mount}\nexec "$@"`, 'sh'];
}
