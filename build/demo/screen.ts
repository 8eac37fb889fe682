// What the demo prints: headings, results with a mark, and a block that is redrawn in place where there is a terminal.

const colours = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

export class Screen {
  readonly #out = process.stdout;
  readonly #redraws = process.stdout.isTTY === true && process.env.TERM !== 'dumb';
  readonly #coloured = this.#redraws && process.env.NO_COLOR === undefined;
  #liveLines = 0;
  #failures = 0;

  get failures(): number {
    return this.#failures;
  }

  /** Whether `live` is worth calling often. */
  get redraws(): boolean {
    return this.#redraws;
  }

  title(text: string): void {
    this.#print(`\n${this.#paint('bold', text)}\n`);
  }

  heading(text: string): void {
    this.#print(`\n${this.#paint('cyan', text)}`);
  }

  text(text: string): void {
    this.#print(text === '' ? '' : `  ${text}`);
  }

  detail(label: string, value: string): void {
    this.#print(`  ${this.#paint('dim', label.padEnd(22))} ${value}`);
  }

  /** A thing that was to be shown, and whether it was. */
  result(good: boolean, label: string, value: string): void {
    if (!good) this.#failures++;
    const mark = good ? this.#paint('green', '✔') : this.#paint('red', '✖');
    this.#print(`${mark} ${label.padEnd(22)} ${value}`);
  }

  /** Replaces the block that the previous call drew. Without a terminal the line is printed, and the block at the end. */
  live(line: string, block: readonly string[], isLast: boolean): void {
    if (!this.#redraws) {
      const lines = isLast ? [line, ...block] : [line];
      for (const each of lines) this.#out.write(`  ${each}\n`);
      return;
    }
    this.#erase();
    const width = Math.max(20, (this.#out.columns || 80) - 1);
    const lines = [line, ...block];
    for (const each of lines) this.#out.write(`  ${each}`.slice(0, width).concat('\n'));
    this.#liveLines = lines.length;
  }

  /** Leaves the block as it is; what follows is printed below it. */
  endLive(): void {
    this.#liveLines = 0;
  }

  #erase(): void {
    if (this.#liveLines > 0) this.#out.write(`\u001b[${this.#liveLines}A\u001b[0J`);
    this.#liveLines = 0;
  }

  #print(line: string): void {
    this.endLive();
    this.#out.write(`${line}\n`);
  }

  #paint(colour: keyof typeof colours, text: string): string {
    return this.#coloured ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
  }
}

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** "1 packet", "2,345 packets". */
export function countedText(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

export function countText(count: number): string {
  return count.toLocaleString('en-GB');
}
