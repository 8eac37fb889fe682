// What the live view shows: the latest answers of the service, and rates from how the counters moved between them.
import type { ChildAssociation, FilterRow, Status } from '../../control/values.ts';

export interface Sample {
  readonly at: number;
  readonly status: Status;
  /** Absent where the caller may not see them. */
  readonly rows: readonly FilterRow[] | undefined;
  readonly children: readonly ChildAssociation[] | undefined;
}

export interface Rates {
  /** Bytes per second, oldest first. */
  readonly inHistory: readonly number[];
  readonly outHistory: readonly number[];
}

export interface LiveModel {
  readonly latest: Sample;
  readonly rates: ReadonlyMap<string, Rates>;
  /** Packets per second by row id. */
  readonly rowRates: ReadonlyMap<string, number>;
}

const longestHistory = 120;
const noRates: Rates = { inHistory: [], outHistory: [] };

/** The model after a further sample. Two samples of the same moment leave the rates as they are. */
export function advance(model: LiveModel | undefined, sample: Sample): LiveModel {
  const seconds = model === undefined ? 0 : (sample.at - model.latest.at) / 1000;
  if (model === undefined || seconds <= 0) {
    return { latest: sample, rates: model?.rates ?? new Map(), rowRates: model?.rowRates ?? new Map() };
  }
  const rates = new Map<string, Rates>();
  for (const { profile, details } of sample.status.connections) {
    const before = model.latest.status.connections.find(
      (connection) => connection.profile === profile,
    )?.details;
    const history = model.rates.get(profile) ?? noRates;
    if (details === undefined || before === undefined) continue;
    rates.set(profile, {
      inHistory: appended(history.inHistory, details.counters.bytesIn - before.counters.bytesIn, seconds),
      outHistory: appended(history.outHistory, details.counters.bytesOut - before.counters.bytesOut, seconds),
    });
  }
  const rowRates = new Map<string, number>();
  for (const row of sample.rows ?? []) {
    const before = model.latest.rows?.find((other) => other.id === row.id);
    if (before !== undefined)
      rowRates.set(row.id, perSecond(row.hits.packets - before.hits.packets, seconds));
  }
  return { latest: sample, rates, rowRates };
}

/** Status changes come between the samples and carry counters of their own; they do not move the rates. */
export function withStatus(model: LiveModel, status: Status): LiveModel {
  const kept = status.connections.map((connection) => {
    const old = model.latest.status.connections.find((other) => other.profile === connection.profile);
    if (connection.details === undefined || old?.details === undefined) return connection;
    return { ...connection, details: { ...connection.details, counters: old.details.counters } };
  });
  return { ...model, latest: { ...model.latest, status: { ...status, connections: kept } } };
}

function appended(history: readonly number[], amount: number, seconds: number): readonly number[] {
  return [...history, perSecond(amount, seconds)].slice(-longestHistory);
}

/** A counter that began anew counts from zero. */
function perSecond(amount: number, seconds: number): number {
  return Math.max(0, amount) / seconds;
}
