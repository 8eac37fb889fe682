// How fast each connection moved bytes, from how its counters moved between two looks at them.
import type { Status } from '../../main/control/values.ts';

/** Bytes per second; `at` in milliseconds since 1970. Oldest first. */
export interface ThroughputPoint {
  readonly at: number;
  readonly received: number;
  readonly sent: number;
}

export interface Throughput {
  readonly points: readonly ThroughputPoint[];
  readonly last: { readonly at: number; readonly bytesIn: number; readonly bytesOut: number } | undefined;
}

export type ThroughputByProfile = Readonly<Record<string, Throughput>>;

/** Two minutes of one sample a second. */
export const longestHistory = 120;
/** Closer together, a sample says more about timing than about traffic. */
const shortestMilliseconds = 400;

export function advanceThroughput(
  before: ThroughputByProfile,
  status: Status,
  at: number,
): ThroughputByProfile {
  const after: Record<string, Throughput> = {};
  for (const { profile, state, details } of status.connections) {
    if (details === undefined || state === 'disconnected') continue;
    const { bytesIn, bytesOut } = details.counters;
    const old = before[profile];
    const last = { at, bytesIn, bytesOut };
    if (old?.last === undefined) {
      after[profile] = { points: [], last };
      continue;
    }
    const milliseconds = at - old.last.at;
    if (milliseconds < shortestMilliseconds) {
      after[profile] = old;
      continue;
    }
    const point: ThroughputPoint = {
      at,
      received: perSecond(bytesIn - old.last.bytesIn, milliseconds),
      sent: perSecond(bytesOut - old.last.bytesOut, milliseconds),
    };
    after[profile] = { points: [...old.points, point].slice(-longestHistory), last };
  }
  return after;
}

/** A counter that began anew counts from zero. */
function perSecond(amount: number, milliseconds: number): number {
  return (Math.max(0, amount) * 1000) / milliseconds;
}
