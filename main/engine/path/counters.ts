// Figures of the packet path in memory that two threads may share: the path writes, anyone reads them live.
// Every figure is one aligned 64-bit float, so that a reader never sees half of one.
import { rowCountersBytes } from '../policy/counters.ts';
import type { AssociationId, EspAlgorithm } from '../sa/parameters.ts';
import { dropReasons } from './reasons.ts';

/** What the path counts beside drops; the position is the index. Append only. */
export const totals = [
  'outboundPackets', // sealed inner packets, after segmentation
  'outboundBytes', // of the inner packets
  'inboundPackets', // opened and accepted inner packets
  'inboundBytes',
  'bypassOutboundPackets',
  'bypassOutboundBytes',
  'bypassInboundPackets',
  'bypassInboundBytes',
  'ikeDatagrams', // received
  'keepalives', // received
  'dummyPackets', // traffic flow confidentiality, next header 59 (RFC 4303 section 2.6)
  'datagramsSent',
  'datagramsReceived',
  'adapterReads', // packets and super-packets
  'adapterWrites',
  'answersWritten', // ICMP that the path gave to the terminal
  'heldPackets', // waiting for an SA now
  'flows', // in the flow table now
  'sendErrors', // single datagrams that the system refused
] as const;

export type Total = (typeof totals)[number];

export const totalIndex = Object.fromEntries(totals.map((name, index) => [name, index])) as Record<
  Total,
  number
>;

/** Rows (with the two defaults) that have counters of their own. */
export const rowCapacity = 2048;
/** SAs of either direction at one time. */
export const associationCapacity = 2048;

/** Figures of one SA; the position is the index. `spi` 0 marks a free slot. */
export const associationFigures = [
  'spi',
  'association',
  'direction', // 1 inbound, 2 outbound
  'algorithm', // index in espAlgorithms
  'packets',
  'bytes', // of the inner packets
  'sequence', // outbound: last used; inbound: highest received
  'installedAt', // milliseconds of the caller's clock
  'lastUsed', // milliseconds; inbound: last authentic packet; 0 never
  'replayed',
  'badIcv',
] as const;

export type AssociationFigure = (typeof associationFigures)[number];

export const associationFigureIndex = Object.fromEntries(
  associationFigures.map((name, index) => [name, index]),
) as Record<AssociationFigure, number>;

export const espAlgorithms: readonly EspAlgorithm[] = [
  'aes-128-gcm-16',
  'aes-256-gcm-16',
  'chacha20-poly1305',
];

export interface PathCounters {
  readonly buffer: ArrayBufferLike;
  /** Hits of filter rows: see policy/counters.ts. */
  readonly rowBuffer: ArrayBufferLike;
  readonly totals: Float64Array;
  readonly drops: Float64Array;
  /** `associationFigures.length` figures an SA slot. */
  readonly associations: Float64Array;
}

const totalsStart = 0;
const dropsStart = totalsStart + 64;
const associationsStart = dropsStart + 64;
const figureCount = associationsStart + associationCapacity * associationFigures.length;

/** Makes the views over existing buffers, or over new ones that threads can share. */
export function createPathCounters(
  buffer: ArrayBufferLike = new SharedArrayBuffer(figureCount * 8),
  rowBuffer: ArrayBufferLike = new SharedArrayBuffer(rowCountersBytes(rowCapacity)),
): PathCounters {
  return {
    buffer,
    rowBuffer,
    totals: new Float64Array(buffer, totalsStart * 8, totals.length),
    drops: new Float64Array(buffer, dropsStart * 8, dropReasons.length),
    associations: new Float64Array(
      buffer,
      associationsStart * 8,
      associationCapacity * associationFigures.length,
    ),
  };
}

/** One SA's figures as an object, for `sa list`. Never on the hot path. */
export interface AssociationCounters {
  readonly spi: number;
  readonly association: AssociationId;
  readonly direction: 'inbound' | 'outbound';
  readonly algorithm: EspAlgorithm;
  readonly packets: number;
  readonly bytes: number;
  readonly sequence: number;
  readonly installedAtMilliseconds: number;
  /** undefined: never. */
  readonly lastUsedMilliseconds: number | undefined;
  readonly replayed: number;
  readonly badIcv: number;
}

/** The SAs that exist now. */
export function readAssociations(counters: PathCounters): AssociationCounters[] {
  const found: AssociationCounters[] = [];
  const stride = associationFigures.length;
  for (let slot = 0; slot < associationCapacity; slot++) {
    const figure = (name: AssociationFigure): number =>
      counters.associations[slot * stride + associationFigureIndex[name]]!;
    if (figure('spi') === 0) continue;
    found.push({
      spi: figure('spi'),
      association: figure('association'),
      direction: figure('direction') === 1 ? 'inbound' : 'outbound',
      algorithm: espAlgorithms[figure('algorithm')]!,
      packets: figure('packets'),
      bytes: figure('bytes'),
      sequence: figure('sequence'),
      installedAtMilliseconds: figure('installedAt'),
      lastUsedMilliseconds: figure('lastUsed') === 0 ? undefined : figure('lastUsed'),
      replayed: figure('replayed'),
      badIcv: figure('badIcv'),
    });
  }
  return found;
}
