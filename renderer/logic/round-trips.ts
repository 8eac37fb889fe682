// How long each gateway took to answer: what the service measured, one point for each measurement.
import type { Status } from '../../main/control/values.ts';

export interface RoundTripPoint {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly milliseconds: number;
}

export type RoundTripsByProfile = Readonly<Record<string, readonly RoundTripPoint[]>>;

export const longestRoundTripSeconds = 600;
/** The wall clock's reading of one and the same moment may differ a little from look to look. */
const sameMilliseconds = 500;

/** Those of the last ten minutes, oldest first. */
export function advanceRoundTrips(
  before: RoundTripsByProfile,
  status: Status,
  now: number,
): RoundTripsByProfile {
  const after: Record<string, readonly RoundTripPoint[]> = {};
  for (const { profile, state, details } of status.connections) {
    if (state === 'disconnected') continue;
    const known = (before[profile] ?? []).filter(({ at }) => at > now - longestRoundTripSeconds * 1000);
    const { roundTripAt: at, roundTripMilliseconds: milliseconds } = details ?? {};
    const last = known.at(-1);
    const isNew =
      at !== undefined &&
      milliseconds !== undefined &&
      (last === undefined || at > last.at + sameMilliseconds);
    after[profile] = isNew ? [...known, { at, milliseconds }] : known;
  }
  return after;
}
