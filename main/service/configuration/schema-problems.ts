// Puts words to what a zod schema found wrong with a person's file, with a suggestion where a key is unknown.
import type { z } from 'zod';

export type KeyPath = readonly (string | number)[];

export interface SchemaProblem {
  readonly path: KeyPath;
  readonly message: string;
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
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, path, schema) }));
  }
  return [{ path, message: describe(issue, valueAt(value, path)) }];
}

function describe(issue: z.core.$ZodIssue, found: unknown): string {
  if (found === undefined) {
    return issue.code === 'invalid_union' && issue.discriminator !== undefined && 'options' in issue
      ? `is missing; it may be ${alternatives(issue.options ?? [])}`
      : 'is missing';
  }
  switch (issue.code) {
    case 'invalid_type':
      return `should be ${typeWords[issue.expected] ?? issue.expected}, not ${describeValue(found)}`;
    case 'invalid_value':
      return `may be ${alternatives(issue.values)}, not ${describeValue(found)}`;
    case 'invalid_union':
      if ('options' in issue && issue.options)
        return `may be ${alternatives(issue.options)}, not ${describeValue(found)}`;
      return Array.isArray(found) ? issue.message : `${issue.message}, not ${describeValue(found)}`;
    case 'too_small':
      return `should be at least ${issue.minimum}${countWords(issue.origin)}`;
    case 'too_big':
      return `should be at most ${issue.maximum}${countWords(issue.origin)}`;
    case 'not_multiple_of':
      return `should be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return `should be ${issue.message}, not ${describeValue(found)}`;
    default:
      return issue.message;
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list, [ … ]',
  object: 'a table',
};

function countWords(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries' : '';
}

function describeValue(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  return typeof value === 'object' ? 'a table' : String(value);
}

function alternatives(values: readonly unknown[]): string {
  const texts = values.map((value) => (typeof value === 'string' ? `"${value}"` : String(value)));
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let inner: unknown = value;
  for (const segment of path) {
    if (typeof inner !== 'object' || inner === null) return undefined;
    inner = (inner as Record<string | number, unknown>)[segment];
  }
  return inner;
}

function unknownKey(key: string, path: KeyPath, schema: z.core.$ZodType): string {
  const known = schemasAt(schema, path).flatMap((inner) => Object.keys(shapeOf(inner)));
  const near = nearest(key, known);
  if (near !== undefined) return `is not known here; did you mean "${near}"?`;
  const elsewhere = homesOf(key, schema);
  if (elsewhere.includes('')) return 'belongs at the top of the file, ahead of the first [table]';
  if (elsewhere.length > 0) return `belongs in the table [${elsewhere.join('] or [')}]`;
  return `is not known here; known are ${known.join(', ')}`;
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
