// The last two minutes of throughput, in and out.
import { useMemo } from 'react';
import { rateText } from '../logic/format.ts';
import { longestHistory, type ThroughputPoint } from '../logic/throughput.ts';
import { useWords } from '../state/words.ts';
import { type Series, TimeGraph } from './time-graph.tsx';

interface GraphProperties {
  readonly points: readonly ThroughputPoint[];
  readonly now: number;
  /** Changes when the colours do. */
  readonly theme: string;
}

export function ThroughputGraph({ points, now, theme }: GraphProperties) {
  const { say } = useWords();
  const times = useMemo(() => points.map(({ at }) => at), [points]);
  const series = useMemo<Series[]>(
    () => [
      { values: points.map(({ received }) => received), look: 'area' },
      { values: points.map(({ sent }) => sent), look: 'dashed' },
    ],
    [points],
  );
  return (
    <TimeGraph
      label={say('connection.graph')}
      times={times}
      series={series}
      spanSeconds={longestHistory}
      atLeast={1250}
      format={rateLabel}
      now={now}
      theme={theme}
    />
  );
}

function rateLabel(bytesPerSecond: number): string {
  if (bytesPerSecond === 0) return '0';
  const { number, unit } = rateText(bytesPerSecond);
  return `${number.replace(/\.?0+$/, (zeros) => (number.includes('.') ? '' : zeros))} ${unit}`;
}
