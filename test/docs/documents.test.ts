// What the documents say must stay true where a machine can tell.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type MethodName, methods } from '../../main/control/schema.ts';
import { dropReasons } from '../../main/engine/path/reasons.ts';

const root = join(import.meta.dirname, '..', '..');
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => join('docs', name)),
];

function textOf(document: string): string {
  return readFileSync(join(root, document), 'utf8');
}

test('links within the documents lead somewhere', () => {
  for (const document of documents) {
    for (const [, target] of textOf(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(join(root, dirname(document), target!)), `${document}: ${target}`);
    }
  }
});

test('files and folders that ARCHITECTURE.md names exist', () => {
  for (const [, path] of textOf('ARCHITECTURE.md').matchAll(
    /`((?:main|native|test|build|docs)\/[\w./-]*)`/g,
  )) {
    assert.ok(existsSync(join(root, path!)), path);
  }
});

test('every reason of a drop is explained', () => {
  const page = textOf('docs/TROUBLESHOOTING.md');
  for (const reason of dropReasons) assert.ok(page.includes(`\`${reason}\``), reason);
});

test('what any local user may ask for is told in SECURITY.md', () => {
  const told: Partial<Record<MethodName, RegExp>> = {
    'service.version': /./,
    status: /see the state of the connections/,
    'status.subscribe': /see the state of the connections/,
    'status.unsubscribe': /./,
    'profiles.list': /names of the profiles with their gateways/,
    'profiles.validate': /./,
    'rights.mine': /what they themselves may do/,
    'terminal.information': /the computer's links with their\s+addresses/,
  };
  const observed = Object.entries(methods).filter(([, { right }]) => right === 'observe');
  assert.deepEqual(observed.map(([name]) => name).sort(), Object.keys(told).sort());
  const page = textOf('docs/SECURITY.md');
  for (const pattern of Object.values(told)) assert.match(page, pattern);
});

test("the README's commands are those of the program", () => {
  const program = join(root, 'main', 'cli', 'sealnic.ts');
  const help = execFileSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
  const offered = [...help.matchAll(/^ {2}([a-z]+) .*/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help');
  const table = /\| command \| what it does \|\n(.*?)\n\n/s.exec(textOf('README.md'))?.[1] ?? '';
  const documented = table.split('\n').flatMap((row) => {
    const cell = row.split('|')[1] ?? '';
    return [...cell.matchAll(/`([a-z]+)/g)].map(([, name]) => name);
  });
  assert.deepEqual([...new Set(documented)].sort(), [...new Set(offered)].sort());
});
