// Numbers with units in digits of equal width, in room enough that they do not push others about.
import { bytesText, countText, type Quantity, rateText } from '../logic/format.ts';
import { useWords } from '../state/words.ts';

export function NumberWithUnit({ number, unit }: Quantity) {
  return (
    <span className="quantity">
      <span className="number">{number}</span> <span className="unit">{unit}</span>
    </span>
  );
}

export function Bytes({ value }: { readonly value: number }) {
  return <NumberWithUnit {...bytesText(value)} />;
}

export function Rate({ bytesPerSecond }: { readonly bytesPerSecond: number }) {
  return <NumberWithUnit {...rateText(bytesPerSecond)} />;
}

export function Count({ value }: { readonly value: number }) {
  const { language } = useWords();
  return <span className="number">{countText(value, language)}</span>;
}

/** A time span that counts: fixed width digits. */
export function Duration({ milliseconds }: { readonly milliseconds: number }) {
  const { duration } = useWords();
  return <span className="number">{duration(milliseconds)}</span>;
}

interface BarProperties {
  readonly label: string;
  readonly text: string;
  readonly fraction: number;
  readonly mark?: number | undefined;
}

/** How much of something is used up; `mark` shows where it is renewed. */
export function Bar({ label, text, fraction, mark }: BarProperties) {
  const percent = Math.round(fraction * 100);
  return (
    <div className="bar-block">
      <div className="bar-text">
        <span>{label}</span>
        <span className="number">{text}</span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: <meter> cannot show where it is renewed */}
      <div
        className="bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={text}
      >
        <div className="bar-fill" style={{ width: `${fraction * 100}%` }} />
        {mark !== undefined && <div className="bar-mark" style={{ left: `${mark * 100}%` }} />}
      </div>
    </div>
  );
}
