// What moves while the download runs: filter rows with their hits, SAs with their bytes, and the sniffer's counts.
import type { ControlClient } from '../../main/control/client.ts';
import type { ChildAssociation, FilterRow } from '../../main/control/values.ts';
import { frameKinds, sealedKinds } from './frame-kind.ts';
import type { Sniffer } from './helpers.ts';
import { fileBytes } from './office.ts';
import { bytesText, countedText, countText, type Screen } from './screen.ts';
import type { SnifferReport } from './sniffer.ts';

export class LiveView {
  readonly #screen: Screen;
  readonly #client: ControlClient;
  readonly #sniffer: Sniffer;
  #received = 0;
  #over = false;
  #running: Promise<void> = Promise.resolve();
  #atStart: SnifferReport | undefined;

  constructor(screen: Screen, client: ControlClient, sniffer: Sniffer) {
    this.#screen = screen;
    this.#client = client;
    this.#sniffer = sniffer;
  }

  start(): void {
    this.#running = this.#run();
  }

  setReceived(bytes: number): void {
    this.#received = bytes;
  }

  /** Draws a last time and leaves the block as it is. */
  async stop(): Promise<void> {
    this.#over = true;
    this.#received = fileBytes;
    await this.#running;
    this.#screen.endLive();
  }

  async #run(): Promise<void> {
    this.#atStart = await this.#sniffer.report();
    const pauseMilliseconds = this.#screen.redraws ? 100 : 500;
    while (!this.#over) {
      await this.#draw(false);
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
    }
    await this.#draw(true);
  }

  async #draw(isLast: boolean): Promise<void> {
    const [{ rows }, { children }, wire] = await Promise.all([
      this.#client.call('filter.list', {}),
      this.#client.call('sa.list', {}),
      this.#sniffer.report(),
    ]);
    const hits = rows
      .filter((row) => row.action === 'PROTECT')
      .reduce((sum, row) => sum + row.hits.packets, 0);
    this.#screen.live(
      `${bytesText(this.#received).padStart(7)} received   PROTECT ${countText(hits)} packets   ${this.#wireText(wire)}`,
      [
        'filter',
        ...rows.filter((row) => row.hits.packets > 0 || row.action !== 'BYPASS').map(rowText),
        'security associations',
        ...children.map(associationText),
      ],
      isLast,
    );
  }

  #wireText(now: SnifferReport): string {
    const since = (kind: (typeof frameKinds)[number]) =>
      now.frames[kind] - (this.#atStart?.frames[kind] ?? 0);
    const readable = frameKinds
      .filter((kind) => !sealedKinds.includes(kind))
      .reduce((sum, kind) => sum + since(kind), 0);
    return `wire: ${countText(since('ESP'))} ESP frames, ${countText(readable)} in the clear`;
  }
}

function rowText(row: FilterRow): string {
  const ports = row.destinationPorts === undefined ? '' : ` port ${row.destinationPorts}`;
  const what = `${row.source} → ${row.destination} ${row.protocol}${ports}`;
  return `  ${row.action.padEnd(8)} ${what.padEnd(44)} ${countedText(row.hits.packets, 'packet').padStart(17)} ${bytesText(row.hits.bytes).padStart(8)}`;
}

function associationText(child: ChildAssociation): string {
  const direction = child.direction === 'inbound' ? 'in ' : 'out';
  return `  ${direction} ${child.spi.padStart(8, '0')} ${child.algorithm.padEnd(40)} ${countedText(child.packets, 'packet').padStart(17)} ${bytesText(child.bytes).padStart(8)}`;
}
