// What is shipped: the entry by which tests get at keys must not be in it.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundleService } from '../../build/bundle.ts';

test('the bundle holds the service, and not the entry that shows keys to tests', async () => {
  const output = mkdtempSync(join(tmpdir(), 'sealnic-bundle-'));
  try {
    const inputs = await bundleService(output);
    assert.ok(inputs.includes('main/service/main.ts'));
    assert.ok(inputs.includes('main/engine/ike/engine.ts'));
    assert.ok(inputs.includes('main/engine/path/path.ts'));
    assert.deepEqual(
      inputs.filter((path) => path.startsWith('test/') || path.includes('key-observer')),
      [],
    );
    const programs = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.js'),
    );
    assert.ok(programs.length >= 3);
    for (const program of programs) {
      assert.doesNotMatch(readFileSync(join(output, program), 'utf8'), /key-?observer/i, program);
    }
  } finally {
    rmSync(output, { recursive: true });
  }
});
