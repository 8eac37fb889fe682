// The round trips to the gateway of the last ten minutes.
import { useMemo } from 'react';
import { longestRoundTripSeconds, type RoundTripPoint } from '../logic/round-trips.ts';
import { useWords } from '../state/words.ts';
import { type Series, TimeGraph } from './time-graph.tsx';

interface GraphProperties {
  readonly points: readonly RoundTripPoint[];
  readonly now: number;
  /** Changes when the colours do. */
  readonly theme: string;
}

export function RoundTripGraph({ points, now, theme }: GraphProperties) {
  const { say } = useWords();
  const times = useMemo(() => points.map(({ at }) => at), [points]);
  const series = useMemo<Series[]>(
    () => [{ values: points.map(({ milliseconds }) => milliseconds), look: 'marked' }],
    [points],
  );
  return (
    <TimeGraph
      label={say('connection.round-trip-graph')}
      times={times}
      series={series}
      spanSeconds={longestRoundTripSeconds}
      atLeast={1}
      format={label}
      now={now}
      theme={theme}
    />
  );
}

function label(milliseconds: number): string {
  return milliseconds === 0 ? '0' : `${Number(milliseconds.toPrecision(3))} ms`;
}
