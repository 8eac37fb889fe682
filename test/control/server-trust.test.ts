// Which control sockets a client believes to be the service's.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { distrustOf } from '../../main/control/server-trust.ts';

const own = { uids: [process.getuid?.() ?? 0] };

test('ownership of the socket and of every directory above it decides', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'trust-'));
  const run = join(directory, 'run');
  const path = join(run, 'control.sock');
  mkdirSync(run, { mode: 0o755 });
  const server = await listen(path);
  try {
    assert.equal(distrustOf(path, own), undefined);
    assert.match(distrustOf(join(run, 'absent'), own) ?? '', /ENOENT/);
    writeFileSync(join(run, 'file'), '');
    assert.match(distrustOf(join(run, 'file'), own) ?? '', /not a socket/);
    symlinkSync(path, join(run, 'link'));
    assert.match(distrustOf(join(run, 'link'), own) ?? '', /not a socket/);

    chmodSync(run, 0o775);
    assert.match(distrustOf(path, own) ?? '', /run can be changed by other users/);
    chmodSync(run, 0o1777);
    assert.equal(distrustOf(path, own), undefined, 'sticky');
    chmodSync(run, 0o755);
    if (process.getuid?.() !== 0) {
      t.diagnostic('SKIPPED: sockets of other users can only be made by root');
      return;
    }
    chownSync(path, 65534, 65534);
    assert.match(distrustOf(path, { uids: [] }) ?? '', /belongs to user 65534/);
    assert.equal(distrustOf(path, { uids: [65534] }), undefined);
    chownSync(path, 0, 0);
    chownSync(run, 65534, 65534);
    assert.match(distrustOf(path, { uids: [] }) ?? '', /run belongs to user 65534/);
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
});

function listen(path: string): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}
