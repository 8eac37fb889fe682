// "Install service" of the AppImage: the copy is whole, in its place, and installed from there.
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linuxSetup } from '../../main/tray/setup/linux.ts';

test('the service is copied out of the image and installed from the copy', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-image-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const image = join(directory, 'image', 'service');
  const bin = join(directory, 'bin');
  const prefix = join(directory, 'usr-local');
  for (const folder of [join(image, 'dist'), bin]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(image, 'dist', 'main.js'), 'x'.repeat(1_000_000));
  program(join(image, 'sealnic'), `echo "$0 $*" > ${directory}/installed`);
  program(join(bin, 'pkexec'), 'exec "$@"');
  const path = `${bin}:${process.env.PATH}`;
  const setup = linuxSetup(join(image, 'sealnic'), 'alice', path, [], image, prefix);
  // Twice: an image that is newer replaces what was copied before.
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await setup.run(setup.commands.install), { outcome: 'done' });
  }
  const copy = join(prefix, 'lib', 'sealnic');
  assert.equal(readFileSync(join(directory, 'installed'), 'utf8'), `${copy}/sealnic service install\n`);
  assert.equal(readFileSync(join(copy, 'dist', 'main.js'), 'utf8').length, 1_000_000);
  assert.equal(lstatSync(join(copy, 'sealnic')).mode & 0o022, 0);
  assert.equal(readlinkSync(join(prefix, 'bin', 'sealnic')), join(copy, 'sealnic'));
  assert.match(setup.typed(setup.commands.install), /^tar -C \S+ -cf - \. \| sudo \/bin\/sh -c /);

  program(join(bin, 'pkexec'), 'exit 126');
  assert.deepEqual(await setup.run(setup.commands.install), { outcome: 'dismissed' });
});

function program(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}
