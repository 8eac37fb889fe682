// The last two minutes of throughput. uPlot draws on a canvas; the colours are those of the theme.
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { rateText } from '../logic/format.ts';
import { longestHistory, type ThroughputPoint } from '../logic/throughput.ts';
import { useWords } from '../state/words.ts';

const height = 160;

interface GraphProperties {
  readonly points: readonly ThroughputPoint[];
  readonly now: number;
  /** Changes when the colours do. */
  readonly theme: string;
}

export function ThroughputGraph({ points, now, theme }: GraphProperties) {
  const { say, language } = useWords();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);

  // biome-ignore lint/correctness/useExhaustiveDependencies: language and theme change what is drawn
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const drawn = new uPlot(optionsOf(element), [[], [], []], element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [theme, language]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a plot drawn anew needs its data again
  useEffect(() => {
    const seconds = points.map(({ at }) => at / 1000);
    const data: uPlot.AlignedData = [
      seconds,
      points.map(({ received }) => received),
      points.map(({ sent }) => sent),
    ];
    const end = now / 1000;
    plot.current?.batch(() => {
      plot.current?.setData(data, false);
      plot.current?.setScale('x', { min: end - longestHistory, max: end });
      const most = Math.max(1250, ...points.map(({ received, sent }) => Math.max(received, sent)));
      plot.current?.setScale('y', { min: 0, max: most * 1.1 });
    });
  }, [points, now, theme, language]);

  return <div className="graph" ref={place} role="img" aria-label={say('connection.graph')} />;
}

function optionsOf(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: colour('--text-quiet'), font, ticks: { show: false } } as const;
  const grid = { stroke: colour('--line'), width: 1 } as const;
  return {
    width: element.clientWidth,
    height,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, auto: false }, y: { auto: false } },
    axes: [
      { ...axis, grid: { show: false }, size: 8, values: (_, splits) => splits.map(() => '') },
      { ...axis, grid, size: 84, space: 36, values: (_, splits) => splits.map(rateLabel) },
    ],
    series: [
      {},
      { stroke: colour('--accent'), width: 2, fill: colour('--accent-soft'), points: { show: false } },
      { stroke: colour('--second'), width: 2, dash: [5, 4], points: { show: false } },
    ],
  };
}

function rateLabel(bytesPerSecond: number): string {
  if (bytesPerSecond === 0) return '0';
  const { number, unit } = rateText(bytesPerSecond);
  return `${number.replace(/\.?0+$/, (zeros) => (number.includes('.') ? '' : zeros))} ${unit}`;
}
