// Uninstalling leaves no computer behind that is shut without a service to open it.
import assert from 'node:assert/strict';
import files from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { ControlError } from '../../main/control/failure.ts';
import { connectedStatus, FakeService, runFake, statusOf } from '../control/fake-service.ts';
import { fakeWorld } from './fake-world.ts';

describe('service uninstall', () => {
  const removed: string[] = [];
  const unit = '/etc/systemd/system/sealnic.service';
  const owner = process.getuid?.() ?? 0;
  let restore: () => void = () => {};

  // As root, and without touching the files of the computer that the test runs on.
  beforeEach(() => {
    removed.length = 0;
    const asRoot = mock.method(process as { geteuid(): number }, 'geteuid', () => 0);
    const { rmSync } = files;
    files.rmSync = (path, options) => {
      if (/^\/(etc|usr)\//.test(String(path))) removed.push(String(path));
      else rmSync(path, options);
    };
    syncBuiltinESMExports();
    restore = () => {
      asRoot.mock.restore();
      files.rmSync = rmSync;
      syncBuiltinESMExports();
    };
  });
  afterEach(() => restore());

  test('connections that are up or blocked are ended first', async () => {
    const api = new FakeService();
    api.status = statusOf(
      connectedStatus({ owner }),
      connectedStatus({ profile: 'lab', owner, state: 'failed', protectedTraffic: 'blocked' }),
    );
    await using fake = await runFake(api);
    const events: string[] = [];
    const world = fakeWorld(
      {
        launcher: {
          runProgram: async (_program, [step = '']) => {
            const ended = api.calls.filter(({ method }) => method === 'connection.down').length;
            events.push(`${step} after ${ended}`);
            return 0;
          },
        },
      },
      fake,
    );
    assert.equal(await world.run('service', 'uninstall'), 0, world.terminal.errors);
    assert.deepEqual(events, ['disable after 2', 'daemon-reload after 2']);
    assert.match(world.terminal.output, /^office: disconnected\nlab: disconnected\nThe service is removed\./);
    assert.ok(removed.includes(unit));
  });

  test('with a dead service, what it left behind is undone', async () => {
    const report = {
      repaired: [{ code: 'change-firewall-table', family: 'inet', name: 'sealnic' }],
      findings: [],
    };
    const tasks: string[] = [];
    const world = fakeWorld({
      launcher: {
        runTask: async (given) => {
          tasks.push(...given);
          return { exitCode: 0, output: `${JSON.stringify(report)}\n` };
        },
      },
    });
    assert.equal(await world.run('service', 'uninstall'), 0, world.terminal.errors);
    assert.deepEqual(tasks, ['--repair']);
    assert.match(world.terminal.output, /^undone: firewall table inet sealnic\nThe service is removed\./);
    assert.ok(removed.includes(unit));
  });

  test('nothing is removed where the computer would stay shut', async () => {
    const failure = { code: 'network-failed', detail: 'nft failed' } as const;
    const api = new FakeService({
      'connection.down': () => {
        throw new ControlError({ code: 'connection-failed', profile: 'office', failure });
      },
    });
    api.status = statusOf(connectedStatus({ owner }));
    await using fake = await runFake(api);
    for (const world of [fakeWorld({}, fake), fakeWorld()]) {
      assert.equal(await world.run('service', 'uninstall'), 1);
      assert.match(world.terminal.errors, /nothing is removed\.\n {2}Try: sealnic down/);
      assert.deepEqual(
        world.launched.filter(([program]) => program === 'systemctl'),
        [],
      );
      assert.deepEqual(removed, []);
    }
  });
});
