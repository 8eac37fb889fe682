// Every text of the window is there in both languages, with the same placeholders, and none is there for nothing.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dropReasons } from '../../main/engine/path/reasons.ts';
import english from '../../resources/translations/en.json' with { type: 'json' };
import japanese from '../../resources/translations/ja.json' with { type: 'json' };

const renderer = join(import.meta.dirname, '..', '..', 'renderer');

function texts(value: object, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, each] of Object.entries(value)) {
    if (typeof each === 'string') found.set(prefix + key, each);
    else for (const [inner, text] of texts(each, `${prefix}${key}.`)) found.set(inner, text);
  }
  return found;
}

const en = texts(english);
const ja = texts(japanese);
const source = readdirSync(renderer, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => readFileSync(join(renderer, path), 'utf8'))
  .join('\n');

test('both languages say the same things, with the same placeholders', () => {
  assert.deepEqual([...en.keys()].sort(), [...ja.keys()].sort());
  const placeholders = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort();
  for (const [key, text] of en) assert.deepEqual(placeholders(ja.get(key)!), placeholders(text), key);
});

test('Japanese is Japanese', () => {
  const alike = ['IKE SA', 'ESP', 'SealNIC'];
  for (const [key, text] of ja) {
    if (
      !key.startsWith('window.') ||
      alike.includes(text) ||
      !/[a-z]{3}/i.test(text.replaceAll(/\{\{\w+\}\}|MTU/g, ''))
    )
      continue;
    assert.match(text, /[\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Han}]/u, `${key}: ${text}`);
  }
});

test('every text that the window asks for by name is there', () => {
  const asked = [...source.matchAll(/\bsay\(\s*'([^']+)'/g)].map(([, key]) => key!);
  assert.ok(asked.length > 100);
  for (const key of asked) assert.ok(en.has(`window.${key}`), key);
});

test('every text of the window is used', () => {
  const begun = [...source.matchAll(/`([a-z-]+(?:\.[a-z-]+)*[.-])\$\{/g)].map(([, prefix]) => prefix!);
  for (const key of en.keys()) {
    if (!key.startsWith('window.')) continue;
    const name = key.slice('window.'.length);
    const used = source.includes(`'${name}'`) || begun.some((prefix) => name.startsWith(prefix));
    assert.ok(used, `${key} is never said`);
  }
});

test('every reason for a drop has words', () => {
  for (const reason of dropReasons) assert.ok(en.has(`window.drop.${reason}`), reason);
});
