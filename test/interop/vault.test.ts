// A pre-shared key in a vault on a medium, against strongSwan: it connects, ends at once when the medium is taken out,
// stays shut, comes back when it is in and open again, and takes over what was changed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from './lab/command.ts';
import { officeSecret } from './lab/gateway.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel } from './lab/traffic.ts';

describe('a secret on a stick', { skip: skipUnless() }, () => {
  let stage: Stage;
  let mountPoint = '';
  /** Where the service sees it: it has mounts of its own. */
  const mounts = (...words: string[]) => {
    execFileSync('nsenter', ['-t', String(servicePid(stage)), '-m', ...words]);
  };
  const plug = () => mounts('mount', '-t', 'tmpfs', '-o', 'size=4m', 'stick', mountPoint);
  /** Something else covers it, so that it can come back as it was. */
  const pull = () => mounts('mount', '-t', 'tmpfs', 'nothing', mountPoint);
  const plugAgain = () => mounts('umount', mountPoint);
  before(async () => {
    stage = await Stage.open();
    mountPoint = join(stage.client.directory, 'stick');
    mkdirSync(mountPoint);
  });
  after(async () => {
    await stage?.close();
  });

  test('taken out it ends and stays shut, in again and open it comes back', async () => {
    const { client, office } = stage;
    await stage.prepare({});
    await client.run(['secrets', 'remove', 'office']);
    plug();
    const vault = join(mountPoint, 'sealnic.vault');
    const create = ['vault', 'create', 'Stick', '--path', vault, '--removable', '--passphrase-stdin'];
    await client.run(create, 'correct horse');
    await client.run(['keys', 'add', 'office', '--vault', 'Stick'], officeSecret);
    await client.up('office');
    await exerciseTunnel(office.terminal, office.hostAddress);

    const pulledAt = performance.now();
    pull();
    await until('the end', 20_000, async () =>
      (await client.connection('office'))?.state === 'failed' ? true : undefined,
    );
    const took = performance.now() - pulledAt;
    const ended = await client.connection('office');
    assert.equal(ended?.failure?.code, 'medium-removed');
    assert.equal(ended?.protectedTraffic, 'blocked');
    assert.equal(await answersPing(office.terminal, office.hostAddress), false);
    console.log(`removal to a connection that has ended, seen by the command: ${Math.round(took)} ms`);

    plugAgain();
    await until('the stick is seen', 20_000, async () => {
      const { vaults } = JSON.parse(await client.run(['vault', 'list', '--json']));
      return vaults[0].present === true ? true : undefined;
    });
    await client.run(['vault', 'open', 'Stick', '--passphrase-stdin'], 'correct horse');
    await until('the return', 30_000, async () =>
      (await client.connection('office'))?.state === 'connected' ? true : undefined,
    );
    await exerciseTunnel(office.terminal, office.hostAddress);
    await client.down('office');
  });
});

function servicePid({ client }: Stage): number {
  const pid = readdirSync('/proc').find((name) => {
    try {
      const command = readFileSync(join('/proc', name, 'cmdline'), 'utf8');
      return command.includes('service/main.ts') && command.includes(client.directory);
    } catch {
      return false;
    }
  });
  assert.ok(pid !== undefined, 'the service runs');
  return Number(pid);
}
