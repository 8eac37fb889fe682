// The measurements themselves, each between the terminal and the server of a pair.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { until } from '../interop/lab/command.ts';
import type { OpenContender, Pair } from './contenders/contender.ts';

const probeScript = fileURLToPath(new URL('probe.py', import.meta.url));
const python = '/usr/bin/python3';

export interface TcpFigure {
  readonly gigabitsPerSecond: number;
  /** CPU seconds for each gigabit, by process. */
  readonly cpuSecondsPerGigabit: Readonly<Record<string, number>>;
}

export interface UdpFigure {
  /** Megabits a second that arrived, at the highest tried rate that lost at most 1 %. */
  readonly megabitsPerSecond: number;
  readonly lossPercent: number;
}

export interface Figures {
  readonly tcpUp: TcpFigure;
  readonly tcpDown: TcpFigure;
  readonly udpUp: UdpFigure;
  readonly udpDown: UdpFigure;
  readonly pingMedianMilliseconds: number;
  /** From the request to connect until the first packet is through; the median of several. */
  readonly connectMedianMilliseconds: number | undefined;
}

export interface MeasureOptions {
  readonly tcpSeconds: number;
  readonly udpSeconds: number;
  readonly connections: number;
  /** Told what is measured next. */
  readonly progress: (what: string) => void;
}

export async function measure(
  pair: Pair,
  contender: OpenContender,
  options: MeasureOptions,
): Promise<Figures> {
  const echo = pair.server.start([python, probeScript, 'server', contender.serverAddress]);
  await echo.says('ready');
  try {
    // The first packets may pay for an agreement or for warming up.
    await pair.terminal.attempt(['ping', '-n', '-c', '3', '-i', '0.1', contender.serverAddress]);
    const { tcpSeconds, udpSeconds, connections, progress } = options;
    progress('ping');
    const pingMedianMilliseconds = await measurePing(pair, contender.serverAddress);
    progress('TCP up');
    const tcpUp = await measureTcp(pair, contender, tcpSeconds, []);
    progress('TCP down');
    const tcpDown = await measureTcp(pair, contender, tcpSeconds, ['--reverse']);
    progress('UDP up');
    const udpUp = await measureUdp(pair, contender, udpSeconds, []);
    progress('UDP down');
    const udpDown = await measureUdp(pair, contender, udpSeconds, ['--reverse']);
    progress('connecting');
    const connectMedianMilliseconds = await measureConnect(pair, contender, connections);
    return { tcpUp, tcpDown, udpUp, udpDown, pingMedianMilliseconds, connectMedianMilliseconds };
  } finally {
    await echo.stop();
  }
}

async function measurePing(pair: Pair, address: string): Promise<number> {
  const text = await pair.terminal.run(['ping', '-n', '-c', '200', '-i', '0.005', '-W', '2', address]);
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
  return median(times);
}

async function measureTcp(
  pair: Pair,
  contender: OpenContender,
  seconds: number,
  words: readonly string[],
): Promise<TcpFigure> {
  const before = contender.processes.map((each) => cpuSeconds(each.processId));
  const report = await withIperfServer(pair, contender, () =>
    iperf(pair, ['--client', contender.serverAddress, '--time', String(seconds), ...words]),
  );
  const received = report.end.sum_received;
  if (received === undefined) throw new Error('iperf3 reports no TCP sum');
  const gigabits = (received.bytes * 8) / 1e9;
  return {
    gigabitsPerSecond: received.bits_per_second / 1e9,
    cpuSecondsPerGigabit: Object.fromEntries(
      contender.processes.map((each, index) => [
        each.label,
        (cpuSeconds(each.processId) - before[index]!) / gigabits,
      ]),
    ),
  };
}

/** Offers more and more until over 1 % is lost or late, then narrows the step down. */
async function measureUdp(
  pair: Pair,
  contender: OpenContender,
  seconds: number,
  words: readonly string[],
): Promise<UdpFigure> {
  let best: UdpFigure = { megabitsPerSecond: 0, lossPercent: 100 };
  let [good, bad] = [0, Number.POSITIVE_INFINITY];
  for (let offered = 200; bad / Math.max(good, 1) > 1.15 && offered < 100_000; ) {
    let figure = await tryUdp(pair, contender, offered, seconds, words);
    // Once more: something else on this computer may have taken the processor for a moment.
    if (figure.lossPercent > 1) figure = await tryUdp(pair, contender, offered, seconds, words);
    // The sender itself may not reach the rate: going on would offer the same again.
    const exhausted = figure.lossPercent <= 1 && figure.megabitsPerSecond < offered * 0.9;
    if (figure.lossPercent > 1) {
      bad = offered;
    } else {
      good = offered;
      if (figure.megabitsPerSecond > best.megabitsPerSecond) best = figure;
    }
    if (exhausted) break;
    offered = bad === Number.POSITIVE_INFINITY ? good * 2 : (Math.max(good, 20) + bad) / 2;
    if (bad < 30) break;
  }
  return best;
}

/** A backlog that takes more than a second to arrive counts as lost: a queue is not a rate. */
async function tryUdp(
  pair: Pair,
  contender: OpenContender,
  megabitsPerSecond: number,
  seconds: number,
  words: readonly string[],
): Promise<UdpFigure> {
  const began = performance.now();
  const outcome = await withIperfServer(pair, contender, () =>
    iperf(pair, [
      ...['--client', contender.serverAddress, '--udp', '--length', '1300', '--time', String(seconds)],
      // A burst of the default 1 ms would fill the receiver's socket buffer.
      ...['--bitrate', `${Math.round(megabitsPerSecond)}M`, '--pacing-timer', '100', ...words],
    ]).catch(() => undefined),
  );
  const [sent, received] = [outcome?.end.sum_sent, outcome?.end.sum_received];
  const late = performance.now() - began > (seconds + 1.5) * 1000;
  if (sent === undefined || received === undefined || late) return { megabitsPerSecond: 0, lossPercent: 100 };
  const lost = received.packets === 0 ? 100 : received.lost_percent;
  const duration = Math.max(sent.seconds, received.seconds);
  return { megabitsPerSecond: (received.bytes * 8 * (1 - lost / 100)) / duration / 1e6, lossPercent: lost };
}

async function withIperfServer<T>(
  pair: Pair,
  { serverAddress }: OpenContender,
  run: () => Promise<T>,
): Promise<T> {
  const server = pair.server.start(['iperf3', '--server', '--bind', serverAddress]);
  await until('the iperf3 server', 5000, async () => {
    const listeners = await pair.server.run(['ss', '-Hltn', 'sport = :5201']);
    return listeners === '' ? undefined : true;
  });
  try {
    return await run();
  } finally {
    await server.stop('SIGKILL');
  }
}

async function measureConnect(
  pair: Pair,
  contender: OpenContender,
  times: number,
): Promise<number | undefined> {
  if (contender.connect === undefined || contender.disconnect === undefined) return undefined;
  const milliseconds: number[] = [];
  for (let round = 0; round < times; round += 1) {
    await contender.disconnect();
    const probe = pair.terminal.start([python, probeScript, 'client', contender.serverAddress]);
    await probe.says('probing');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = process.hrtime.bigint();
    await contender.connect();
    const code = await probe.ended;
    const answered = /answered (\d+)/.exec(probe.stdout)?.[1];
    if (code !== 0 || answered === undefined) throw new Error(`no packet came through: ${probe.stdout}`);
    // Both clocks are the system's monotonic one.
    milliseconds.push(Number(BigInt(answered) - began) / 1e6);
  }
  return median(milliseconds);
}

interface IperfSum {
  readonly seconds: number;
  readonly bytes: number;
  readonly bits_per_second: number;
  /** UDP only. */
  readonly packets: number;
  readonly lost_percent: number;
}

interface IperfReport {
  readonly error?: string;
  readonly end: {
    readonly sum_sent?: IperfSum;
    readonly sum_received?: IperfSum;
  };
}

async function iperf(pair: Pair, words: readonly string[]): Promise<IperfReport> {
  const outcome = await pair.terminal.attempt(['nice', '-n', '-10', 'iperf3', '--json', ...words], {
    timeoutMilliseconds: 10_000,
  });
  const report = JSON.parse(outcome.stdout) as IperfReport;
  if (report.error !== undefined) throw new Error(`iperf3: ${report.error}`);
  return report;
}

/** User and system time of a process with all its threads (proc(5), fields 14 and 15, in ticks of 10 ms). */
function cpuSeconds(processId: number): number {
  const text = readFileSync(`/proc/${processId}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
