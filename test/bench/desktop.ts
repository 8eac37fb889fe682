// The desktop app's part of the benchmark: how soon its window is usable, how soon the tray follows the command, and
// what a window on the live tail costs the data thread at 100,000 verdicts a second.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { type ControlClient, connectToService } from '../../main/control/client.ts';
import { Desktop } from '../e2e/desktop.ts';
import { Office } from '../e2e/office.ts';
import { TrayHost } from '../e2e/status-notifier.ts';
import { bundleFor, endApp, pageOf, startWindowApp } from '../e2e/window-app.ts';

export interface DesktopFigures {
  /** From the start of Electron to a button that can be pressed; each start. */
  readonly usableMilliseconds: readonly number[];
  /** From the service's word of a change to the menu that shows it; each change. */
  readonly trayMilliseconds: readonly number[];
  readonly tail: TailFigures;
}

export interface TailFigures {
  /** What the filter really decided. */
  readonly verdictsPerSecond: number;
  /** Of one core, each measurement; the same load without and with a window on the tail. */
  readonly dataThreadPercent: { readonly off: readonly number[]; readonly on: readonly number[] };
  readonly samplesPerSecond: number;
  /** Tasks of the page over 50 ms while the tail was open. */
  readonly longTasksMilliseconds: readonly number[];
}

const patienceMilliseconds = 60_000;
const starts = 5;
const changes = 5;
const alternations = 4;
const measureMilliseconds = 5000;
/** The service stops sampling by itself once nobody has asked for so long (service/methods/verdict-tail.ts). */
const samplingEndsMilliseconds = 16_000;
const packetsPerSecond = 100_000;
/** In the office's network, and refused by a row of the filter. */
const refusedAddress = '10.20.0.99';

/** undefined: it can be measured here. */
export async function desktopIsMissing(): Promise<string | undefined> {
  return process.getuid?.() === 0 ? await Desktop.missing() : 'network namespaces need root';
}

export async function measureDesktop(progress: (what: string) => void): Promise<DesktopFigures> {
  const ends = new AsyncDisposableStack();
  try {
    const office = await Office.start({ consent: true });
    ends.defer(() => office.close());
    const desktop = await Desktop.start();
    ends.defer(() => desktop.close());
    const host = await TrayHost.start(desktop.busAddress);
    ends.defer(() => host.close());
    const service = await connectToService({ path: office.controlPath });
    ends.defer(() => service.close());
    await bundleFor(desktop);
    const usableMilliseconds: number[] = [];
    for (let turn = 1; turn < starts; turn += 1) {
      progress('starting the app');
      const { app, milliseconds } = await startTimed(desktop, office);
      usableMilliseconds.push(milliseconds);
      await endApp(app);
    }
    const { app, page, milliseconds } = await startTimed(desktop, office);
    ends.defer(() => endApp(app));
    usableMilliseconds.push(milliseconds);
    await host.item(patienceMilliseconds);
    progress('the tray after a change elsewhere');
    const trayMilliseconds = await measureTray(service, host);
    const tail = await measureTail(service, office, page, progress);
    return { usableMilliseconds, trayMilliseconds, tail };
  } finally {
    await ends.disposeAsync();
  }
}

export function renderDesktop({ usableMilliseconds, trayMilliseconds, tail }: DesktopFigures): string {
  const { off, on } = tail.dataThreadPercent;
  const rise = ((median(on) - median(off)) / median(off)) * 100;
  const all = (values: readonly number[], digits = 0) =>
    values.map((value) => value.toFixed(digits)).join(' ');
  return [
    'Desktop app',
    `  window usable after start      ${median(usableMilliseconds).toFixed(0)} ms (${all(usableMilliseconds)}); wanted: 1500`,
    `  tray after a change elsewhere  ${median(trayMilliseconds).toFixed(0)} ms (${all(trayMilliseconds)}); wanted: 200`,
    `  live tail at ${Math.round(tail.verdictsPerSecond)} verdicts a second, ${tail.samplesPerSecond.toFixed(1)} of them shown:`,
    `    data thread, % of a core     ${median(off).toFixed(1)} without (${all(off, 1)}), ${median(on).toFixed(1)} with (${all(on, 1)})`,
    `    rise                         ${rise.toFixed(1)} % of that, ${(median(on) - median(off)).toFixed(2)} % of a core; wanted: below 2`,
    `    tasks of the page over 50 ms ${tail.longTasksMilliseconds.length === 0 ? 'none' : all(tail.longTasksMilliseconds)}`,
    '',
  ].join('\n');
}

async function startTimed(desktop: Desktop, office: Office) {
  const began = performance.now();
  const app = await startWindowApp(desktop, { controlPath: office.controlPath });
  const page = await pageOf(app);
  page.setDefaultTimeout(patienceMilliseconds);
  await page.getByRole('button', { name: 'Connect', exact: true }).waitFor();
  return { app, page, milliseconds: performance.now() - began };
}

async function measureTray(service: ControlClient, host: TrayHost): Promise<readonly number[]> {
  const milliseconds: number[] = [];
  await host.menuWith('Connect office', patienceMilliseconds);
  for (let turn = 0; turn < changes; turn += 1) {
    const told = Promise.withResolvers<number>();
    const stop = await service.subscribe(({ connections }) => {
      const up = connections.some(({ profile, state }) => profile === 'office' && state === 'connected');
      if (up) told.resolve(performance.now());
    });
    const shown = host.menuWith('office: connected', patienceMilliseconds).then(() => performance.now());
    await service.call('connection.up', { profile: 'office', wait: true });
    milliseconds.push((await shown) - (await told.promise));
    await stop();
    await service.call('connection.down', { profile: 'office' });
    await host.menuWith('Connect office', patienceMilliseconds);
  }
  return milliseconds;
}

async function measureTail(
  service: ControlClient,
  office: Office,
  page: Page,
  progress: (what: string) => void,
): Promise<TailFigures> {
  await service.call('connection.up', { profile: 'office', wait: true });
  const { id } = await service.call('filter.add', {
    row: { action: 'DISCARD', source: 'terminal', destination: refusedAddress, protocol: 'udp' },
  });
  await watchLongTasks(page);
  await office.flood(refusedAddress, packetsPerSecond);
  const processId = await office.processId();
  await wait(1000);
  const thread = await busiestThread(processId);
  const off: number[] = [];
  const on: number[] = [];
  const longTasks: number[] = [];
  let [verdicts, samples, seconds] = [0, 0, 0];
  const open = (name: string) => page.getByRole('button', { name, exact: true }).click();
  for (let turn = 0; turn < alternations; turn += 1) {
    progress('the live tail, closed and open');
    await open('Connection');
    await wait(samplingEndsMilliseconds);
    off.push(await percentOf(processId, thread));
    await open('Filter');
    await page.getByRole('tab', { name: 'Live verdicts' }).click();
    await page.locator('tbody tr').first().waitFor();
    await takeLongTasks(page);
    const [hitsBefore, sampledBefore, began] = [
      await hits(service, id),
      await sampled(service),
      performance.now(),
    ];
    on.push(await percentOf(processId, thread));
    verdicts += (await hits(service, id)) - hitsBefore;
    samples += (await sampled(service)) - sampledBefore;
    seconds += (performance.now() - began) / 1000;
    longTasks.push(...(await takeLongTasks(page)));
  }
  await office.flood(refusedAddress, 0);
  await service.call('filter.remove', { id });
  return {
    verdictsPerSecond: verdicts / seconds,
    dataThreadPercent: { off, on },
    samplesPerSecond: samples / seconds,
    longTasksMilliseconds: longTasks,
  };
}

async function hits(service: ControlClient, id: string): Promise<number> {
  const { rows } = await service.call('filter.list', {});
  return rows.find((row) => row.id === id)?.hits.packets ?? 0;
}

async function sampled(service: ControlClient): Promise<number> {
  const { samples } = await service.call('verdicts.tail', { after: 0, limit: 1000 });
  return samples.at(-1)?.sequence ?? 0;
}

/** Of one core, over the measuring time. */
async function percentOf(processId: number, thread: string): Promise<number> {
  const [cpuBefore, began] = [nanosecondsOf(processId, thread), performance.now()];
  await wait(measureMilliseconds);
  return ((nanosecondsOf(processId, thread) - cpuBefore) / 1e6 / (performance.now() - began)) * 100;
}

/** Under this load the data thread. */
async function busiestThread(processId: number): Promise<string> {
  const threads = readdirSync(`/proc/${processId}/task`);
  const before = new Map(threads.map((thread) => [thread, nanosecondsOf(processId, thread)]));
  await wait(1000);
  const grown = threads.map((thread) => ({
    thread,
    by: nanosecondsOf(processId, thread) - before.get(thread)!,
  }));
  return grown.toSorted((first, second) => second.by - first.by)[0]!.thread;
}

/** Time on a processor (schedstat's first number). */
function nanosecondsOf(processId: number, thread: string): number {
  return Number(readFileSync(`/proc/${processId}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
}

async function watchLongTasks(page: Page): Promise<void> {
  await page.evaluate(`
    window.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longTasks.push(duration);
    }).observe({ type: 'longtask' });
  `);
}

async function takeLongTasks(page: Page): Promise<readonly number[]> {
  return await page.evaluate<number[]>('window.longTasks.splice(0)');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((first, second) => first - second);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
