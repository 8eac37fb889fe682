// The latest verdict samples, for whoever looks: sampling runs only while somebody asks.
import type { VerdictSample as VerdictValue } from '../../control/values.ts';
import { formatAddress } from '../../engine/packet/address.ts';
import { hasPorts, protocolName } from '../../engine/packet/protocol.ts';
import type { PolicyAction } from '../../engine/policy/row.ts';
import type { VerdictSample } from '../data/messages.ts';
import { labelOf } from '../filter/compile.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';

const kept = 1000;
/** Without a question for so long, sampling ends. */
const idleMilliseconds = 15_000;

export class VerdictTail {
  readonly #samples: VerdictValue[] = [];
  readonly #tunnel: () => Tunnel;
  #sequence = 0;
  #idle: NodeJS.Timeout | undefined;

  /** `tunnel` is asked for late, since tunnel and tail know each other. */
  constructor(tunnel: () => Tunnel) {
    this.#tunnel = tunnel;
  }

  record({ direction, packet, verdict, rowId }: VerdictSample): void {
    this.#sequence += 1;
    const { filter } = this.#tunnel().state;
    const { table } = filter;
    const rows = [...table.rows, table.defaultInside, table.defaultOutside];
    const row = rows.find(({ id }) => id === rowId);
    const dropReason = isAction(verdict) ? undefined : verdict;
    this.#samples.push({
      sequence: this.#sequence,
      at: Date.now(),
      direction,
      source: formatAddress(packet.source),
      destination: formatAddress(packet.destination),
      protocol: protocolName(packet.protocol),
      ...(hasPorts(packet.protocol) && {
        sourcePort: packet.sourcePort,
        destinationPort: packet.destinationPort,
      }),
      action: isAction(verdict) ? verdict : (row?.action ?? 'DISCARD'),
      ...(rowId !== undefined && { rowId }),
      ...(row !== undefined && { rowLabel: labelOf(filter, row.id) }),
      ...(dropReason !== undefined && { dropReason }),
    });
    if (this.#samples.length > kept) this.#samples.shift();
  }

  /** Oldest first. */
  after(sequence: number, limit: number): VerdictValue[] {
    this.#keepSampling();
    return this.#samples.filter((sample) => sample.sequence > sequence).slice(0, limit);
  }

  close(): void {
    clearTimeout(this.#idle);
  }

  #keepSampling(): void {
    this.#tunnel().session?.data.sampleVerdicts(true);
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#tunnel().session?.data.sampleVerdicts(false), idleMilliseconds);
  }
}

function isAction(verdict: string): verdict is PolicyAction {
  return verdict === 'PROTECT' || verdict === 'BYPASS' || verdict === 'DISCARD';
}
