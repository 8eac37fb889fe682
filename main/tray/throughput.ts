// How fast each connection is, from two readings of its counters, and how that is written.
import type { Status } from '../control/values.ts';

/** Bytes a second of inner traffic. */
export interface Throughput {
  readonly inward: number;
  readonly outward: number;
}

export interface Reading {
  readonly atMilliseconds: number;
  readonly status: Status;
}

/** By profile; only connections that both readings know, and whose counters did not start anew between them. */
export function throughputBetween(earlier: Reading, later: Reading): ReadonlyMap<string, Throughput> {
  const seconds = (later.atMilliseconds - earlier.atMilliseconds) / 1000;
  const rates = new Map<string, Throughput>();
  if (seconds <= 0) return rates;
  for (const { profile, since, details } of later.status.connections) {
    const before = earlier.status.connections.find(
      (each) => each.profile === profile && each.since === since,
    );
    if (details === undefined || before?.details === undefined) continue;
    const inward = (details.counters.bytesIn - before.details.counters.bytesIn) / seconds;
    const outward = (details.counters.bytesOut - before.details.counters.bytesOut) / seconds;
    if (inward >= 0 && outward >= 0) rates.set(profile, { inward, outward });
  }
  return rates;
}

export function throughputText({ inward, outward }: Throughput): { down: string; up: string } {
  return { down: rateText(inward), up: rateText(outward) };
}

const units = ['B/s', 'kB/s', 'MB/s', 'GB/s'] as const;

function rateText(bytesPerSecond: number): string {
  let value = bytesPerSecond;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
