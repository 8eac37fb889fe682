// strongSwan's settings format: what it may look like, what is refused, and that bad input costs little.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  readSettings,
  SettingsError,
  type SettingsView,
  wipeSettings,
} from '../../../main/service/profile/settings.ts';

const read = (text: string): SettingsView => readSettings(Buffer.from(text));

function refused(text: string, code: string, line: number): void {
  assert.throws(
    () => walk(read(text)),
    (error) => {
      assert.ok(error instanceof SettingsError, String(error));
      assert.deepEqual([error.problem.code, error.line], [code, line], text);
      return true;
    },
  );
}

/** Everything, so that all references are followed. */
function walk(view: SettingsView): unknown {
  return {
    ...Object.fromEntries(view.keys().map((key) => [key, view.text(key)])),
    ...Object.fromEntries(view.sectionNames().map((name) => [name, walk(view.section(name)!)])),
  };
}

test('sections, values, comments and quotation marks', () => {
  assert.deepEqual(
    walk(
      read(`# a comment
a = b c   # another
empty =
section-one {
  key = "  two
lines \\"quoted\\" \\t\\\\ \\
joined " and more
  sub { x = 1 }
  path = /etc/x{y=z
}
section-one { key2 = v }
last = include
include = no`),
    ),
    {
      a: 'b c',
      empty: undefined,
      last: 'include',
      include: 'no',
      'section-one': {
        key: '  two\nlines "quoted" \t\\ joined  and more',
        path: '/etc/x{y=z',
        key2: 'v',
        sub: { x: '1' },
      },
    },
  );
});

test('references: own values first, then those of the references from left to right, through several levels', () => {
  const settings = read(`
base { a = base
  b = base
  local { auth = psk
    id = x } }
other { b = other
  c = other }
connections {
  one : base, other {
    a =
    local { id = me }
  }
  two : connections.one { c = two }
}`);
  assert.deepEqual(walk(settings.section('connections')!), {
    one: { a: undefined, b: 'base', c: 'other', local: { id: 'me', auth: 'psk' } },
    two: { a: undefined, b: 'base', c: 'two', local: { id: 'me', auth: 'psk' } },
  });
});

test('what is wrong is told with its line', () => {
  refused('a = 1\nsection {\n b = 2\n', 'settings-brace-missing', 2);
  refused('}', 'settings-unexpected', 1);
  refused('\n\na', 'settings-unfinished', 3);
  refused('a . b', 'settings-unexpected', 1);
  refused('x = "open\n\n', 'toml-unterminated', 1);
  refused('a = 1\ninclude conf.d/*.conf\n', 'settings-include', 2);
  refused('\na : none { }', 'settings-reference-unknown', 2);
  refused('a : b { }\nb : a { }', 'settings-references-endless', 2);
  refused('a { '.repeat(40), 'nested-too-deeply', 1);
  refused(`a = ${'x'.repeat(300 * 1024)}`, 'file-too-large', 1);
});

test('references that stand for ever more of each other are refused in short time', () => {
  const levels = Array.from({ length: 15 }, (_, level) => {
    const inherits = Array.from({ length: 30 }, () => `s${level + 1}`).join(', ');
    return `s${level} : ${inherits} { }`;
  });
  refused(`${levels.join('\n')}\ns15 { a = 1 }`, 'settings-references-endless', 16);
});

test('the values are wiped', () => {
  const settings = read('secrets { ike { secret = "top" } }');
  const value = settings.section('secrets')!.section('ike')!.value('secret')!;
  assert.equal(Buffer.from(value).toString(), 'top');
  wipeSettings(settings);
  assert.deepEqual([...value], [0, 0, 0]);
});

test('nothing but its own error comes of any text', () => {
  const pieces = fc.constantFrom(
    ...['a', 'b', 'include', '{', '}', '=', ':', ',', '.', '#', '"', '\\', '\n', ' ', '\t', 'é', '\0'],
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      try {
        walk(read(parts.join('')));
      } catch (error) {
        assert.ok(error instanceof SettingsError, String(error));
      }
    }),
    { numRuns: 3000, seed: 7 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        walk(readSettings(bytes));
      } catch (error) {
        assert.ok(error instanceof SettingsError, String(error));
      }
    }),
    { numRuns: 1000, seed: 8 },
  );
});

test('values come back from quotation marks', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (value) => {
      const quoted = value.replace(/[\\"]/g, (each) => `\\${each}`);
      assert.equal(read(`key = "${quoted}"`).text('key') ?? '', value);
    }),
    { numRuns: 500, seed: 9 },
  );
});
