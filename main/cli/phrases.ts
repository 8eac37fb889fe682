// What words for people are made of, on the command line.

export interface Words {
  /** What happened and why: one sentence. */
  readonly what: string;
  /** What to do next: one sentence, or nothing. */
  readonly next?: string;
}

/** The reason in brackets, where there is one. */
export function because(detail: string | undefined): string {
  return detail === undefined || detail === '' ? '' : ` (${detail})`;
}

/** As a shell takes it. */
export function quoted(name: string): string {
  return /^[\w.@-]+$/.test(name) ? name : `'${name}'`;
}
