// docs/SERVICE.md shows the defaults; it must show the true ones.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfiguration } from '../../main/service/configuration/configuration.ts';

test('the documented configuration is the default one', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'SERVICE.md'), 'utf8');
  const documented = /```toml\n(.*?)```/s.exec(page)?.[1] ?? '';
  assert.deepEqual(parseConfiguration(documented), parseConfiguration(''));
});
