// Traffic between the terminal and the protected host, with a verdict on each kind.
import { fileURLToPath } from 'node:url';
import type { Namespace, RunningProcess } from './lab.ts';

const serversScript = fileURLToPath(new URL('scripts/servers.ts', import.meta.url));
export const transferScript = fileURLToPath(new URL('scripts/transfer.ts', import.meta.url));
const numberedScript = fileURLToPath(new URL('scripts/numbered.py', import.meta.url));
const python = '/usr/bin/python3';
const NUMBERED_PORT = 5003;

/** Starts what answers on the protected host; see scripts/servers.ts for the ports. */
export async function startServers(host: Namespace): Promise<void> {
  const servers = host.start([process.execPath, serversScript]);
  const numbered = host.start([python, numberedScript, 'server', String(NUMBERED_PORT)]);
  await Promise.all([servers.says('ready'), numbered.says('ready')]);
}

/** Throws unless every echo request is answered. */
export async function ping(from: Namespace, address: string, count = 3): Promise<void> {
  await from.run(['ping', '-n', '-c', String(count), '-i', '0.1', '-W', '2', address]);
}

/** True when one echo request is answered within a second. */
export async function answersPing(from: Namespace, address: string): Promise<boolean> {
  const outcome = await from.attempt(['ping', '-n', '-c', '1', '-W', '1', address]);
  return outcome.code === 0;
}

/** Moves the bytes from the host ("GET") or to it ("PUT") over one TCP connection; throws unless the hashes agree. */
export async function transfer(
  from: Namespace,
  direction: 'GET' | 'PUT',
  address: string,
  count: number,
  timeoutMilliseconds = 60_000,
): Promise<void> {
  await from.run([process.execPath, transferScript, direction, address, String(count)], {
    timeoutMilliseconds,
  });
}

/** Sends UDP datagrams of growing length one after the other; throws unless each comes back unchanged. */
export async function exchangeDatagrams(from: Namespace, address: string, count = 50): Promise<void> {
  await from.run([process.execPath, transferScript, 'ECHO', address, String(count)]);
}

/** Fetches by HTTP and resolves to the body, or undefined when there is no answer within the limit. */
export async function fetchPage(
  from: Namespace,
  address: string,
  port: number,
  limitSeconds = 2,
): Promise<string | undefined> {
  const host = address.includes(':') ? `[${address}]` : address;
  // Not `fetch`, which refuses port 25 by itself.
  const program =
    `require('node:http').get('http://${host}:${port}/', { timeout: ${limitSeconds * 1000} }, (answer) => {` +
    " answer.pipe(process.stdout); }).on('timeout', () => process.exit(7)).on('error', () => process.exit(8))";
  const outcome = await from.attempt([process.execPath, '-e', program]);
  return outcome.code === 0 ? outcome.stdout : undefined;
}

/** What every row of the suite passes: ping, TCP of `megabytes` each way, and UDP. */
export async function exerciseTunnel(from: Namespace, address: string, megabytes = 20): Promise<void> {
  await ping(from, address);
  await exchangeDatagrams(from, address);
  await transfer(from, 'PUT', address, megabytes * 1_000_000);
  await transfer(from, 'GET', address, megabytes * 1_000_000);
}

export interface NumberedDirection {
  readonly received: number;
  readonly duplicates: number;
  readonly lost: number;
  /** The first twenty ranges [first, last] of lost numbers. */
  readonly missing: readonly (readonly [number, number])[];
  readonly longestGapMilliseconds: number;
  readonly gapAtSeconds: number;
}

export interface NumberedReport {
  readonly seconds: number;
  readonly sent: number;
  readonly peerSent: number;
  /** Sends that the system refused at once. */
  readonly refused: number;
  readonly outbound: NumberedDirection;
  readonly inbound: NumberedDirection;
}

/** Numbered datagrams both ways at a steady pace. */
export class NumberedTraffic {
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.#process = process;
  }

  /** Resolves when both sides send. */
  static async start(
    from: Namespace,
    address: string,
    packetsPerSecond = 2000,
    lengthBytes = 200,
  ): Promise<NumberedTraffic> {
    const process = from.start([
      ...[python, numberedScript, 'client', address, String(NUMBERED_PORT)],
      ...[String(packetsPerSecond), String(lengthBytes)],
    ]);
    await process.says('begun', 12_000);
    return new NumberedTraffic(process);
  }

  /** Ends both sides, waits for stragglers, and says what was lost. */
  async stop(): Promise<NumberedReport> {
    this.#process.child.stdin?.end();
    const code = await this.#process.ended;
    const last = this.#process.stdout.trim().split('\n').at(-1) ?? '';
    if (code !== 0) throw new Error(`numbered traffic: ${last} ${this.#process.stderr}`);
    return JSON.parse(last) as NumberedReport;
  }
}
