// Values over the last minutes, drawn up to now. uPlot draws on a canvas; the colours are those of the theme.
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useWords } from '../state/words.ts';

const height = 160;

export interface Series {
  readonly values: readonly number[];
  readonly look: keyof typeof looks;
}

interface TimeGraphProperties {
  /** For those who do not see it. */
  readonly label: string;
  /** Milliseconds since 1970, oldest first; one for each value of each series. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly spanSeconds: number;
  /** The scale reaches at least so far. */
  readonly atLeast: number;
  readonly format: (value: number) => string;
  readonly now: number;
  /** Changes when the colours do. */
  readonly theme: string;
}

export function TimeGraph(properties: TimeGraphProperties) {
  const { label, times, series, spanSeconds, atLeast, format, now, theme } = properties;
  const { language } = useWords();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const kinds = series.map(({ look }) => look).join(' ');

  // biome-ignore lint/correctness/useExhaustiveDependencies: language and theme change what is drawn
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const empty = [[], ...series.map(() => [])] as unknown as uPlot.AlignedData;
    const drawn = new uPlot(optionsOf(element, series, format), empty, element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [theme, language, kinds]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a plot drawn anew needs its data again
  useEffect(() => {
    const data = [times.map((at) => at / 1000), ...series.map(({ values }) => [...values])];
    const end = now / 1000;
    plot.current?.batch(() => {
      plot.current?.setData(data as uPlot.AlignedData, false);
      plot.current?.setScale('x', { min: end - spanSeconds, max: end });
      const most = Math.max(atLeast, ...series.flatMap(({ values }) => values));
      plot.current?.setScale('y', { min: 0, max: most * 1.1 });
    });
  }, [times, series, now, theme, language]);

  return <div className="graph" ref={place} role="img" aria-label={label} />;
}

const looks = {
  area: { stroke: '--accent', fill: '--accent-soft', width: 2 },
  dashed: { stroke: '--second', width: 2, dash: [5, 4] },
  /** For values that come seldom: each is seen. */
  marked: { stroke: '--accent', width: 2, marks: 5 },
} as const;

function optionsOf(
  element: HTMLElement,
  series: readonly Series[],
  format: (value: number) => string,
): uPlot.Options {
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
      { ...axis, grid, size: 84, space: 36, values: (_, splits) => splits.map(format) },
    ],
    series: [{}, ...series.map(({ look }) => seriesOf(looks[look], colour))],
  };
}

interface Look {
  readonly stroke: string;
  readonly fill?: string;
  readonly width: number;
  readonly dash?: readonly number[];
  readonly marks?: number;
}

function seriesOf(
  { stroke, fill, width, dash, marks }: Look,
  colour: (name: string) => string,
): uPlot.Series {
  return {
    stroke: colour(stroke),
    width,
    points: marks === undefined ? { show: false } : { show: true, size: marks, fill: colour(stroke) },
    ...(fill !== undefined && { fill: colour(fill) }),
    ...(dash !== undefined && { dash: [...dash] }),
  };
}
