// What a zod schema found wrong with a person's file, as messages, with a suggestion where a key is unknown.
import type { z } from 'zod';
import { isMessage, type Message, type MessageCode } from '../../control/messages.ts';

export type KeyPath = readonly (string | number)[];

export interface SchemaProblem {
  readonly path: KeyPath;
  readonly problem: Message;
}

/** One or more problems for each issue. `value` is what was validated. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  schema: z.core.$ZodType,
  value: unknown,
): SchemaProblem[] {
  return issues.flatMap((issue) => describeIssue(issue, schema, value));
}

function describeIssue(issue: z.core.$ZodIssue, schema: z.core.$ZodType, value: unknown): SchemaProblem[] {
  const path = issue.path.map((segment) => (typeof segment === 'symbol' ? String(segment) : segment));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], problem: unknownKey(key, path, schema) }));
  }
  return [{ path, problem: describe(issue, valueAt(value, path)) }];
}

function describe(issue: z.core.$ZodIssue, value: unknown): Message {
  const found = describeValue(value);
  if (value === undefined) {
    return issue.code === 'invalid_union' && issue.discriminator !== undefined && 'options' in issue
      ? { code: 'missing-one-of', alternatives: alternatives(issue.options ?? []) }
      : { code: 'missing' };
  }
  switch (issue.code) {
    case 'invalid_type':
      return { code: typeCodes[issue.expected as keyof typeof typeCodes] ?? 'value-unusable', found };
    case 'invalid_value':
      return { code: 'not-among', alternatives: alternatives(issue.values), found };
    case 'invalid_union':
      if (!('options' in issue) || !issue.options)
        return problemInside(issue) ?? stated(issue.message, found);
      return { code: 'not-among', alternatives: alternatives(issue.options), found };
    case 'too_small':
      return { code: tooLittle(issue.origin), limit: Number(issue.minimum) };
    case 'too_big':
      return { code: tooMuch(issue.origin), limit: Number(issue.maximum) };
    case 'not_multiple_of':
      return { code: 'not-a-multiple', divisor: issue.divisor };
    case 'custom':
      return isMessage(issue.params?.problem) ? issue.params.problem : stated(issue.message, found);
    default:
      return stated(issue.message, found);
  }
}

/** A check that fails with this message. The schema's own `error` texts are codes, with `found` as the only parameter. */
export function problemIssue(input: unknown, problem: Message) {
  return { code: 'custom' as const, input, params: { problem } };
}

/** What is wrong with an entry of the alternative that is a list. */
function problemInside(issue: z.core.$ZodIssueInvalidUnion): Message | undefined {
  for (const inner of issue.errors.flat()) {
    if (inner.code === 'custom' && isMessage(inner.params?.problem)) return inner.params.problem;
  }
  return undefined;
}

function stated(code: string, found: string): Message {
  const candidates: readonly unknown[] = [{ code }, { code, found }];
  return candidates.find(isMessage) ?? { code: 'value-unusable', found };
}

const typeCodes = {
  string: 'should-be-text',
  number: 'should-be-number',
  int: 'should-be-whole-number',
  boolean: 'should-be-boolean',
  array: 'should-be-list',
  object: 'should-be-table',
} as const satisfies Readonly<Record<string, MessageCode>>;

function tooLittle(origin: string): 'too-short' | 'too-few' | 'too-small' {
  if (origin === 'string') return 'too-short';
  return origin === 'array' ? 'too-few' : 'too-small';
}

function tooMuch(origin: string): 'too-long' | 'too-many' | 'too-large' {
  if (origin === 'string') return 'too-long';
  return origin === 'array' ? 'too-many' : 'too-large';
}

/** In the notation of the file, whatever the language. */
function describeValue(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  if (Array.isArray(value)) return '[ … ]';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '—' : value.toISOString();
  return typeof value === 'object' ? '{ … }' : String(value);
}

function alternatives(values: readonly unknown[]): string {
  const texts = values.map((value) => (typeof value === 'string' ? `"${value}"` : String(value)));
  return texts.join(', ');
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let inner: unknown = value;
  for (const segment of path) {
    if (typeof inner !== 'object' || inner === null) return undefined;
    inner = (inner as Record<string | number, unknown>)[segment];
  }
  return inner;
}

function unknownKey(key: string, path: KeyPath, schema: z.core.$ZodType): Message {
  const known = schemasAt(schema, path).flatMap((inner) => Object.keys(shapeOf(inner)));
  const near = nearest(key, known);
  if (near !== undefined) return { code: 'key-misspelt', near };
  const elsewhere = homesOf(key, schema);
  if (elsewhere.includes('')) return { code: 'key-belongs-at-top' };
  const tables = elsewhere.map((table) => `[${table}]`).join(', ');
  return tables === ''
    ? { code: 'key-unknown', known: known.join(', ') }
    : { code: 'key-belongs-elsewhere', tables };
}

function nearest(key: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(plain(key), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(1, Math.floor(key.length / 3)) ? best.candidate : undefined;
}

/** Levenshtein's; the key is cut so that the work stays bounded. */
function editDistance(long: string, to: string): number {
  const from = long.slice(0, 64);
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(changed, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}

/** The tables of the schema that have this key, dotted; '' is the top. */
function homesOf(key: string, schema: z.core.$ZodType, path = ''): string[] {
  const homes = new Set<string>();
  for (const table of objectsOf(schema)) {
    const shape = shapeOf(table);
    if (Object.hasOwn(shape, key)) homes.add(path);
    for (const [name, inner] of Object.entries(shape)) {
      for (const home of homesOf(key, inner, path === '' ? name : `${path}.${name}`)) homes.add(home);
    }
  }
  return [...homes];
}

function schemasAt(schema: z.core.$ZodType, path: KeyPath): z.core.$ZodType[] {
  let schemas = objectsOf(schema);
  for (const segment of path) {
    if (typeof segment === 'number') continue;
    schemas = schemas.flatMap((inner) => {
      const next = shapeOf(inner)[segment];
      return next ? objectsOf(next) : [];
    });
  }
  return schemas;
}

/** The table schemas behind optional, default, list and union wrappers. */
function objectsOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      return [schema];
    case 'optional':
    case 'default':
    case 'prefault':
      return objectsOf(def.innerType);
    case 'array':
      return objectsOf(def.element);
    case 'union':
      return def.options.flatMap(objectsOf);
    case 'pipe':
      return objectsOf(def.in);
    default:
      return [];
  }
}

function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'object' ? def.shape : {};
}
