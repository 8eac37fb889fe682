// What is wrong with a file that a person wrote, with the place where it is wrong.
import { englishOf } from '../../control/english.ts';
import type { Message } from '../../control/messages.ts';

export interface TextProblem {
  /** From 1. Absent where something is missing from the file as a whole. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** Dotted, "gateway.address"; rows of a list count from 1, "filter[2].action". */
  readonly key?: string;
  readonly problem: Message;
}

/** A file that cannot be used; carries everything that is wrong with it, in the order of the file. */
export class InvalidFileError extends Error {
  readonly source: string;
  readonly problems: readonly TextProblem[];

  /** `source`: what to call the file, e.g. its path. */
  constructor(source: string, problems: readonly TextProblem[]) {
    super(problems.map((problem) => formatProblem(source, problem)).join('\n'));
    this.name = 'InvalidFileError';
    this.source = source;
    this.problems = problems;
  }
}

/** English, for the log: "office.toml:3:1: gateway.address: is missing". */
export function formatProblem(source: string, problem: TextProblem): string {
  const place = problem.line === undefined ? '' : `:${problem.line}:${problem.column ?? 1}`;
  const key = problem.key === undefined ? '' : `${problem.key}: `;
  return `${source}${place}: ${key}${englishOf(problem.problem)}`;
}
