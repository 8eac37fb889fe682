// The service's own process where it ends by itself: files that it cannot use, and tasks for a dead service.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../main/cli/sealnic.ts', import.meta.url));
const service = fileURLToPath(new URL('../../main/service/main.ts', import.meta.url));

const clientProfile = `[gateway]
address = "192.0.2.1"
identity = "vpn.example.org"

[local]
identity = "alice@example.org"

[authentication]
method = "psk"
secret = "office"
`;

describe('the service’s process', () => {
  let directory = '';
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'service-process-'));
    mkdirSync(join(directory, 'state'));
    const places = {
      control_socket: 'control.sock',
      profile_directory: 'profiles',
      state_directory: 'state',
      filter: 'filter.toml',
    };
    const lines = Object.entries(places).map(([key, name]) => `${key} = "${join(directory, name)}"`);
    writeFileSync(join(directory, 'service.toml'), `[service]\n${lines.join('\n')}\n`);
  });
  after(() => rmSync(directory, { recursive: true }));

  /** A process that serves instead of ending is killed, and its status is null. */
  function run(program: string, ...given: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...given], {
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, SEALNIC_CONFIGURATION: join(directory, 'service.toml') },
    });
    return { status, stdout, stderr };
  }

  test('gateway: a file that is missing, not valid or of a client is one line and exit code 2', () => {
    const missing = join(directory, 'missing.toml');
    assert.deepEqual(run(command, 'gateway', missing), {
      status: 2,
      stdout: '',
      stderr: `sealnic service: ${missing} cannot be read: no such file or directory\n`,
    });
    const client = join(directory, 'office.toml');
    writeFileSync(client, clientProfile);
    assert.deepEqual(run(command, 'gateway', client), {
      status: 2,
      stdout: '',
      stderr: `sealnic service: ${client} is a profile of a client; a gateway needs role = "gateway"\n`,
    });
    const broken = join(directory, 'broken.toml');
    writeFileSync(broken, '[gatway]\n[autentication]\n');
    const outcome = run(command, 'gateway', broken);
    assert.equal(outcome.status, 2);
    assert.equal(outcome.stderr.trimEnd().split('\n').length, 1, outcome.stderr);
    assert.ok(outcome.stderr.includes(`${broken}:1:`), outcome.stderr);
  });

  test('a further profile that is missing fails the start with exit code 2', () => {
    const { status, stderr } = run(service, '--profile', join(directory, 'missing.toml'));
    assert.equal(status, 2);
    assert.match(stderr, /^sealnic service: .*missing\.toml cannot be read: no such file or directory\n$/);
  });

  test('a place that the system refuses is said in words', () => {
    const configuration = join(directory, 'elsewhere.toml');
    writeFileSync(configuration, `[service]\nstate_directory = "${configuration}/state"\n`);
    assert.deepEqual(run(service, '--check', '--config', configuration), {
      status: 1,
      stdout: '',
      stderr: `sealnic service: ${configuration}/state cannot be used: not a directory\n`,
    });
  });

  test('repair gives up what a dead service was doing: the next one does not connect again', () => {
    const remembered = join(directory, 'state', 'wanted.json');
    writeFileSync(remembered, JSON.stringify([{ profile: 'office', owner: 0, text: clientProfile }]));
    const { status, stdout, stderr } = run(service, '--repair');
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(readFileSync(remembered, 'utf8')), []);
    const { repaired } = JSON.parse(stdout);
    assert.deepEqual(repaired, [{ code: 'change-wanted', profile: 'office' }]);
  });
});
