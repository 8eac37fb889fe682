// Reads TOML into a validated value; whatever is wrong is reported with line, column and key, all of it at once.
import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import type { z } from 'zod';
import type { Message } from '../../control/messages.ts';
import { InvalidFileError, type TextProblem } from './problem.ts';
import { describeIssues, type KeyPath, type SchemaProblem } from './schema-problems.ts';

const maximumLength = 256 * 1024;

/** A further check: returns what is wrong, each with the path of the key it is about. */
export type FurtherCheck<Value> = (value: Value) => readonly SchemaProblem[];

/**
 * The validated value of a TOML 1.0 text. `source` is what to call it in messages.
 * Throws InvalidFileError.
 */
export function readToml<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  source: string,
  furtherCheck?: FurtherCheck<z.output<Schema>>,
): z.output<Schema> {
  const document = parse(text, source);
  const result = schema.safeParse(document.value);
  const found = result.success
    ? (furtherCheck?.(result.data) ?? [])
    : describeIssues(result.error.issues, schema, document.value);
  if (found.length > 0) {
    const problems = found.map(({ path, problem }) => locate(document, path, problem));
    throw new InvalidFileError(source, problems.sort(byPlace));
  }
  return result.data as z.output<Schema>;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

interface TomlDocument {
  readonly value: Table;
  /** Where each key (or list element) stands, by its path as JSON. */
  readonly places: Map<string, Place>;
}

type Table = { [key: string]: unknown };

function parse(text: string, source: string): TomlDocument {
  if (text.length > maximumLength) {
    throw new InvalidFileError(source, [
      { problem: { code: 'file-too-large', kibibytes: maximumLength / 1024 } },
    ]);
  }
  let program: AST.TOMLProgram;
  try {
    program = parseTOML(text, { tomlVersion: '1.0' });
  } catch (error) {
    if (error instanceof ParseError) {
      throw new InvalidFileError(source, [
        { ...syntaxErrorPlace(error, text), problem: syntaxProblem(error.message) },
      ]);
    }
    if (error instanceof RangeError) {
      throw new InvalidFileError(source, [{ problem: { code: 'nested-too-deeply' } }]);
    }
    throw error;
  }
  const reader: TomlDocument = { value: emptyTable(), places: new Map() };
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') readKeyValue(reader, reader.value, [], node);
    else readTable(reader, node);
  }
  return reader;
}

/** Something that was not finished is noticed at the start of the next line; a person looks for it in its own. */
function syntaxErrorPlace(error: ParseError, text: string): Place {
  const unfinished = /^(Unspecified|Unterminated)/.test(error.message) && error.column === 0;
  if (!unfinished || error.lineNumber === 1) return { line: error.lineNumber, column: error.column + 1 };
  const line = error.lineNumber - 1;
  return { line, column: (text.split('\n')[line - 1]?.trimEnd().length ?? 0) + 1 };
}

/** The parser says what it met in English sentences of its own. */
function syntaxProblem(message: string): Message {
  const known = syntaxProblems.find(([sentence]) => sentence.test(message));
  return { code: known?.[1] ?? 'toml-unexpected' };
}

const syntaxProblems = [
  [/^Unterminated/, 'toml-unterminated'],
  [/^Unspecified values/, 'toml-value-missing'],
  [/^Expected equal/, 'toml-equals-missing'],
  [/^Defining a key multiple times/, 'toml-key-twice'],
  [/bare keys|dots? in keys|dots are|with a dot/, 'toml-key-invalid'],
  [/date|time|Leading zeros|Underscores/, 'toml-number-invalid'],
  [/newline|same line/, 'toml-line-break'],
  [/code point|Control characters|escape sequence|quotes are/, 'toml-character-invalid'],
] as const;

function readTable(document: TomlDocument, node: AST.TOMLTable): void {
  let table = document.value;
  for (const [index, segment] of node.resolvedKey.entries()) {
    const next = node.resolvedKey[index + 1];
    const path = node.resolvedKey.slice(0, index + 1);
    notePlace(document, path, node.key.loc.start);
    table = descend(table, segment, typeof next === 'number' ? [] : emptyTable());
  }
  for (const pair of node.body) readKeyValue(document, table, node.resolvedKey, pair);
}

function readKeyValue(
  document: TomlDocument,
  table: Table,
  tablePath: KeyPath,
  node: AST.TOMLKeyValue,
): void {
  const names = node.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
  let path: KeyPath = tablePath;
  let inner = table;
  for (const [index, name] of names.entries()) {
    path = [...path, name];
    notePlace(document, path, node.key.keys[index]!.loc.start);
    if (index < names.length - 1) inner = descend(inner, name, emptyTable());
    else inner[name] = readContent(document, path, node.value);
  }
}

function readContent(document: TomlDocument, path: KeyPath, node: AST.TOMLContentNode): unknown {
  if (node.type === 'TOMLValue') return node.value;
  if (node.type === 'TOMLArray') {
    return node.elements.map((element, index) => {
      const elementPath = [...path, index];
      notePlace(document, elementPath, element.loc.start);
      return readContent(document, elementPath, element);
    });
  }
  const table = emptyTable();
  for (const pair of node.body) readKeyValue(document, table, path, pair);
  return table;
}

/** Without a prototype, so that a key named "__proto__" is a key like any other. */
function emptyTable(): Table {
  return Object.create(null) as Table;
}

function descend(table: Table, segment: string | number, fresh: unknown): Table {
  table[segment] ??= fresh;
  return table[segment] as Table;
}

function notePlace(document: TomlDocument, path: KeyPath, start: AST.Position): void {
  const key = JSON.stringify(path);
  if (!document.places.has(key)) {
    document.places.set(key, { line: start.line, column: start.column + 1 });
  }
}

/** A missing key is reported at the table that lacks it. */
function locate(document: TomlDocument, path: KeyPath, problem: Message): TextProblem {
  let place: Place | undefined;
  for (let length = path.length; length > 0 && !place; length -= 1) {
    place = document.places.get(JSON.stringify(path.slice(0, length)));
  }
  return { ...place, ...(path.length > 0 && { key: formatPath(path) }), problem };
}

function formatPath(path: KeyPath): string {
  return path
    .map((segment, index) =>
      typeof segment === 'number' ? `[${segment + 1}]` : index === 0 ? segment : `.${segment}`,
    )
    .join('');
}

function byPlace(a: TextProblem, b: TextProblem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
