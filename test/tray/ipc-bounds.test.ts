// What the window may send is bounded in every part: no unknown keys, no text, list or number without an end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { commands } from '../../main/tray/ipc.ts';

type Part = z.core.JSONSchema.BaseSchema;

test('every parameter of every command has an end', () => {
  for (const [name, { parameters }] of Object.entries(commands)) {
    const schema = z.toJSONSchema(parameters, { unrepresentable: 'any', io: 'input' });
    assert.deepEqual([...unbounded(schema as Part, name)], []);
  }
});

test('secrets that no service would take are refused', () => {
  const put = (bytes: number) =>
    commands['secrets.put'].parameters.safeParse({ name: 'a', kind: 'psk', secret: new Uint8Array(bytes) });
  assert.equal(put(64 * 1024 - 4).success, true);
  assert.equal(put(64 * 1024).success, false);
  const answer = { id: 'a', answer: new Uint8Array(64 * 1024) };
  assert.equal(commands['prompts.answer'].parameters.safeParse(answer).success, false);
});

/** The places that have no end. Bytes have no counterpart in JSON: they are tried below. */
function* unbounded(part: Part, place: string): Generator<string> {
  const { properties, additionalProperties, items, maxItems, enum: values, const: value } = part;
  for (const each of [...(part.anyOf ?? []), ...(part.oneOf ?? []), ...(part.allOf ?? [])]) {
    yield* unbounded(each as Part, place);
  }
  if (values !== undefined || value !== undefined) return;
  switch (part.type) {
    case 'object':
      if (additionalProperties !== false) yield `${place}: unknown keys`;
      for (const [key, each] of Object.entries(properties ?? {})) {
        yield* unbounded(each as Part, `${place}.${key}`);
      }
      return;
    case 'array':
      if (maxItems === undefined) yield `${place}: items`;
      yield* unbounded(items as Part, `${place}[]`);
      return;
    case 'string':
      if (part.maxLength === undefined && !endsByPattern(part.pattern)) yield `${place}: length`;
      return;
    case 'number':
    case 'integer':
      if (part.maximum === undefined && part.exclusiveMaximum === undefined) yield `${place}: maximum`;
      if (part.minimum === undefined && part.exclusiveMinimum === undefined) yield `${place}: minimum`;
  }
}

/** Anchored, and without a quantifier that has no end. */
function endsByPattern(pattern: string | undefined): boolean {
  if (pattern === undefined || !pattern.startsWith('^') || !pattern.endsWith('$')) return false;
  const outside = pattern.replace(/\\./g, '').replace(/\[[^\]]*\]/g, '');
  return !/[*+]|\{\d+,\}/.test(outside);
}
