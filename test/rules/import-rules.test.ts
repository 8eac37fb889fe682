// The checker of build/import-rules.ts must find each kind of broken rule, in a tree made for it, and nothing else.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkImportRules } from '../../build/import-rules.ts';

function violationsOf(files: Record<string, string>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), 'sealnic-rules-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return checkImportRules(root).map(({ place, problem }) => `${place}: ${problem}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const allowed: Record<string, string> = {
  'main/engine/esp/a.ts': [
    "import { createHmac } from 'node:crypto';",
    "import { gcm } from '@noble/ciphers/aes.js';",
    "import type { B } from '../packet/b.ts';",
    '// import nothing from Date or process, says this comment',
    "const text = 'not performance.now()';",
    '/* nor setTimeout */',
    "const sample = 'await import(name)';",
    'const bytes = environment.randomBytes(16);',
  ].join('\n'),
  'main/host/c.ts': [
    "import { openat } from '../../native/libc.ts';",
    "import { segmentation } from '../engine/packet/batch.ts';",
    "import type { Reason } from '../engine/path/reasons.ts';",
  ].join('\n'),
  'main/service/d.ts': "import {\n  a,\n  type B,\n} from '../engine/esp/a.ts';\nimport { z } from 'zod';",
  'main/cli/e.ts': "import { Command } from 'commander';\nimport { client } from '../control/client.ts';",
  'main/host/adapter/index.ts': "export const here = process.platform === 'linux';",
  'native/libc.ts': "import koffi from 'koffi';\nimport os from 'node:os';",
};

test('imports that the rules allow pass', () => {
  assert.deepEqual(violationsOf(allowed), []);
});

const broken: readonly [path: string, source: string, problem: RegExp][] = [
  ['main/engine/x.ts', "import { a } from '../host/a.ts';", /engine\/ may not import main\/host\/a\.ts/],
  ['main/engine/x.ts', "import type { A } from '../host/a.ts';", /may not import main\/host\/a\.ts/],
  [
    'main/engine/x.ts',
    "import {\n  a,\n  b,\n} from '../../native/libc.ts';",
    /may not import native\/libc\.ts/,
  ],
  ['main/engine/x.ts', "export { a } from '../service/a.ts';", /may not import main\/service\/a\.ts/],
  ['main/engine/x.ts', "export * from '../service/a.ts';", /may not import main\/service\/a\.ts/],
  ['main/engine/x.ts', "import '../service/a.ts';", /may not import main\/service\/a\.ts/],
  ['main/engine/x.ts', "import fs from 'node:fs';", /may not import node:fs/],
  ['main/engine/x.ts', "import koffi from 'koffi';", /may not import the package koffi/],
  ['main/engine/x.ts', "const a = await import('node:os');", /may not import node:os/],
  ['main/engine/x.ts', 'const a = await import(name);', /cannot be read off the source/],
  ['main/engine/x.ts', 'const now = Date.now();', /"Date" is passed in/],
  ['main/engine/x.ts', 'const a = Math.random();', /"Math\.random" is passed in/],
  ['main/engine/x.ts', "import { randomBytes } from 'node:crypto';", /"randomBytes" is passed in/],
  [
    'main/engine/x.ts',
    "import {\n  createHash,\n  randomBytes,\n} from 'node:crypto';",
    /"randomBytes" is passed in/,
  ],
  ['main/engine/x.ts', "import crypto from 'node:crypto';", /a name for all of node:crypto/],
  ['native/x.ts', "import { a } from '../main/engine/a.ts';", /native\/ may not import main\/engine\/a\.ts/],
  ['native/x.ts', "import { z } from 'zod';", /may not import the package zod/],
  [
    'main/host/x.ts',
    "import { seal } from '../engine/esp/seal.ts';",
    /may import only types of main\/engine/,
  ],
  ['main/host/x.ts', "import type { S } from '../service/s.ts';", /may not import main\/service\/s\.ts/],
  ['main/keys/x.ts', "import { s } from '../service/s.ts';", /may not import main\/service\/s\.ts/],
  ['main/cli/x.ts', "import { s } from '../service/s.ts';", /may not import main\/service\/s\.ts/],
  ['main/tray/x.ts', "import { s } from '../engine/s.ts';", /may not import main\/engine\/s\.ts/],
  ['main/service/x.ts', "import { s } from '../../test/fakes/s.ts';", /may not import test\/fakes\/s\.ts/],
  ['renderer/x.ts', "import fs from 'node:fs';", /renderer\/ may not import node:fs/],
  ['main/host/x.ts', "if (process.platform === 'linux') start();", /only an index\.ts asks for the platform/],
  ['main/elsewhere/x.ts', '', /lies in no room/],
];

for (const [path, source, problem] of broken) {
  test(`found in ${path}: ${source.replaceAll('\n', ' ')}`, () => {
    const violations = violationsOf({ ...allowed, [path]: source });
    assert.equal(violations.length, 1, violations.join('\n'));
    assert.match(violations[0] ?? '', problem);
    assert.ok(violations[0]?.startsWith(path));
  });
}
