// Colours of the terminal, or none.

export interface Style {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
}

const colour = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const plain = (text: string) => text;

export const coloured: Style = {
  strong: colour(1),
  faint: colour(2),
  good: colour(32),
  warning: colour(33),
  bad: colour(31),
  accent: colour(36),
};

export const uncoloured: Style = {
  strong: plain,
  faint: plain,
  good: plain,
  warning: plain,
  bad: plain,
  accent: plain,
};
