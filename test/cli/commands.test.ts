// What each command asks of the service and prints, for people and as JSON.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlError } from '../../main/control/failure.ts';
import { productVersion } from '../../main/control/version.ts';
import { connectedStatus, FakeService, fixtureNow, runFake, statusOf } from '../control/fake-service.ts';
import { type FakeWorldOptions, fakeWorld } from './fake-world.ts';

async function run(commandArguments: string[], options: FakeWorldOptions = {}, api = new FakeService()) {
  await using fake = await runFake(api);
  const world = fakeWorld(options, fake);
  const exitCode = await world.run(...commandArguments);
  const calls = api.calls.map(({ method, parameters, uploads }) => ({ method, parameters, uploads }));
  return { exitCode, output: world.terminal.output, errors: world.terminal.errors, calls, world };
}

test('the version is that of package.json', () => {
  const packageFile = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.equal(productVersion, packageFile.version);
});

test('status tells everything about a connection', async () => {
  const { output, exitCode } = await run(['status']);
  assert.equal(exitCode, 0);
  assert.equal(
    output,
    `● office  connected for 12 min 34 s
  gateway   vpn.example.org (198.51.100.1:4500)
  identity  alice@example.org → vpn.example.org
  address   10.9.0.2, fd00:9::2
  DNS       10.1.0.53
  sealed    10.1.0.0/16, fd00:1::/64
  ESP       aes-256-gcm-16 in UDP (rekeys in 38 min 32 s)
  IKE       aes-256-gcm-16 / hmac-sha2-384 / curve25519 (rekeys in 2 h 45 min)
  adapter   sealnic0 MTU 1400
  received  58.5 MiB in 48 211 packets
  sent      2.3 MiB in 20 417 packets

dropped packets: policy-discard 12, bad-icv 3
`,
  );
});

test('status says why a connection is not up, and that traffic is blocked', async () => {
  const api = new FakeService();
  const { details, ...others } = connectedStatus({
    profile: 'lab',
    state: 'reconnecting',
    since: fixtureNow - 95_000,
    failure: { code: 'dead-peer' },
    nextAttemptAt: fixtureNow + 4000,
    protectedTraffic: 'blocked',
    lockdown: true,
  });
  api.status = { ...statusOf(others), drops: {} };
  const { output } = await run(['status'], {}, api);
  assert.equal(
    output,
    `◐ lab  reconnecting for 1 min 35 s
  The gateway of "lab" has stopped answering.
  Check the network; the gateway may be restarting.
  next attempt in 4 s
  protected traffic is blocked, also after a restart
`,
  );
});

test('status --json is the service’s answer', async () => {
  const { output } = await run(['status', '--json']);
  assert.deepEqual(JSON.parse(output), statusOf(connectedStatus()));
});

test('status with nothing connected says what to do', async () => {
  const api = new FakeService();
  api.status = statusOf();
  const { output } = await run(['status'], {}, api);
  assert.equal(
    output,
    'Nothing is connected.\nConnect: sealnic up PROFILE   Profiles: sealnic profiles list\n',
  );
});

test('colours only on a terminal', async () => {
  const withColours = await run(['status'], { outputIsTerminal: true, colour: true });
  assert.ok(withColours.output.includes('\u001b[32m●\u001b[0m'));
  const piped = await run(['status'], { outputIsTerminal: false, colour: true });
  assert.ok(!piped.output.includes('\u001b'));
});

test('up waits unless told otherwise, and keeps trying where asked', async () => {
  const parametersOf = async (...options: string[]) =>
    (await run(['up', 'office', ...options])).calls.find(({ method }) => method === 'connection.up')
      ?.parameters;
  assert.deepEqual(await parametersOf(), { profile: 'office', wait: true });
  assert.deepEqual(await parametersOf('--no-wait', '--keep-trying'), {
    profile: 'office',
    wait: false,
    keepTrying: true,
  });
});

test('an interrupted up takes the connection down again', async () => {
  const asked = Promise.withResolvers<void>();
  const api = new FakeService({
    'connection.up': () => {
      asked.resolve();
      return new Promise(() => undefined);
    },
  });
  await using fake = await runFake(api);
  const world = fakeWorld({}, fake);
  const exitCode = world.run('up', 'office');
  await asked.promise;
  for (const interrupt of [...world.terminal.interruptListeners]) interrupt();
  assert.equal(await exitCode, 1);
  assert.equal(world.terminal.errors, 'sealnic: Interrupted; office is disconnected again.\n');
  assert.deepEqual(api.calls.at(-1)?.parameters, { profile: 'office' });
  assert.equal(api.calls.at(-1)?.method, 'connection.down');
});

test('down without a name ends what is up or blocked, and nothing else', async () => {
  const api = new FakeService();
  api.status = statusOf(
    connectedStatus(),
    connectedStatus({ profile: 'lab', state: 'failed', protectedTraffic: 'blocked' }),
    connectedStatus({ profile: 'old', state: 'disconnected', protectedTraffic: 'clear' }),
  );
  const { output, calls } = await run(['down'], {}, api);
  assert.equal(output, 'office: disconnected\nlab: disconnected\n');
  assert.deepEqual(
    calls.filter((call) => call.method === 'connection.down').map((call) => call.parameters),
    [{ profile: 'office' }, { profile: 'lab' }],
  );
  api.status = statusOf();
  assert.equal((await run(['down'], {}, api)).output, 'Nothing is connected.\n');
});

test('profiles list', async () => {
  const { output } = await run(['profiles', 'list']);
  assert.equal(
    output,
    `PROFILE  GATEWAY          AUTHENTICATION  STATE
office   vpn.example.org  certificate     connected
lab      203.0.113.9      psk             disconnected
broken                    psk             line 3: is not known here; did you mean “gateway”?
`,
  );
});

test('profiles import sends the file, and asks for the passphrase only when it is needed', async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, 'office.sswan');
    writeFileSync(file, 'content');
    const api = new FakeService({
      'profiles.import': (_parameters, _caller, { passphrase }) => {
        if (passphrase === undefined) throw new ControlError({ code: 'passphrase-needed' });
        return { profiles: ['office'], secrets: ['office key'], remarks: [{ code: 'remark-apps' }] };
      },
    });
    const { output, calls, world } = await run(['profiles', 'import', file], { answers: ['hunter2'] }, api);
    assert.deepEqual(world.terminal.questions, ['Passphrase of office.sswan: ']);
    assert.equal(
      output,
      'Imported office. Connect: sealnic up office\nStored with it: office key\nThe choice of apps was left out: the tunnel serves the whole computer.\n',
    );
    assert.deepEqual(calls.at(-1)?.parameters, { fileName: 'office.sswan', replace: false });
    assert.deepEqual(calls.at(-1)?.uploads, { content: hex('content'), passphrase: hex('hunter2') });

    const piped = await run(['profiles', 'import', file, '--passphrase-stdin'], { input: 'hunter2\n' }, api);
    assert.deepEqual(piped.calls.at(-1)?.uploads.passphrase, hex('hunter2'));
    const nobodyToAsk = await run(['profiles', 'import', file], {}, api);
    assert.equal(nobodyToAsk.exitCode, 1);
    assert.match(nobodyToAsk.errors, /protected by a passphrase/);
  });
});

test('profiles import asks which connections of a file', async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, 'swanctl.conf');
    writeFileSync(file, 'connections { }');
    const api = new FakeService({
      'profiles.import': ({ connections }) => {
        if (connections === undefined)
          throw new ControlError({ code: 'import-choice', connections: ['a', 'b'] });
        return { profiles: connections === 'all' ? ['a', 'b'] : connections, secrets: [], remarks: [] };
      },
    });
    const several = await run(['profiles', 'import', file], {}, api);
    assert.equal(several.exitCode, 1);
    assert.match(several.errors, /several connections: a, b\.\n {2}Choose: --connection NAME/);
    assert.match(
      (await run(['profiles', 'import', file, '--all'], {}, api)).output,
      /Imported a\..*\nImported b\./,
    );
    const one = await run(['profiles', 'import', file, '--connection', 'b'], {}, api);
    assert.match(one.output, /^Imported b\./);
  });
});

test('profiles duplicate and export', async () => {
  const duplicated = await run(['profiles', 'duplicate', 'office', 'office-2']);
  assert.equal(duplicated.output, 'Duplicated office as office-2.\n');
  assert.deepEqual(duplicated.calls.at(-1)?.parameters, {
    fileName: 'office-2.toml',
    name: 'office-2',
    replace: false,
  });
  const text = '[gateway]\naddress = "vpn.example.org"\n';
  assert.deepEqual(duplicated.calls.at(-1)?.uploads, { content: hex(text) });
  assert.equal((await run(['profiles', 'export', 'office'])).output, text);
  await inDirectory(async (directory) => {
    const file = join(directory, 'office.toml');
    assert.equal((await run(['profiles', 'export', 'office', '-o', file])).exitCode, 0);
    assert.equal(readFileSync(file, 'utf8'), text);
    const again = await run(['profiles', 'export', 'office', '-o', file]);
    assert.equal(again.exitCode, 2);
    assert.match(again.errors, /cannot write .*office\.toml/);
  });
});

test('profiles edit-check names the place of every problem and fails', async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, 'office.toml');
    writeFileSync(file, '[gatway]');
    const api = new FakeService({
      'profiles.validate': () => ({
        problems: [
          { line: 1, key: 'gatway', problem: { code: 'key-misspelt', near: 'gateway' } },
          { key: 'authentication', problem: { code: 'missing' } },
        ],
      }),
    });
    const { output, exitCode } = await run(['profiles', 'edit-check', file], {}, api);
    assert.equal(exitCode, 1);
    assert.equal(
      output,
      `${file}: line 1, gatway: is not known here; did you mean “gateway”?\n${file}: authentication: is missing\n`,
    );
    const good = await run(['profiles', 'edit-check', file]);
    assert.equal(good.exitCode, 0);
    assert.equal(good.output, `${file} is a valid profile.\n`);
  });
});

test('filter list', async () => {
  const { output } = await run(['filter', 'list']);
  assert.equal(
    output,
    `ID  ACTION   WHAT                            PACKETS     BYTES  BY           FROM            NOTE
p1  PROTECT  terminal → 10.1.0.0/16           68 628  60.8 MiB  SA c0ffee01  profile office
u1  DISCARD  terminal → 203.0.113.25 tcp 25       12     720 B  firewall     filter          mail only through the office
`,
  );
});

test('filter replace and move', async () => {
  const replaced = await run(
    'filter replace u1 bypass --to 10.1.0.9 --protocol tcp --port 80 --allow-inbound'.split(' '),
  );
  assert.deepEqual(replaced.calls[0]?.parameters, {
    id: 'u1',
    row: {
      source: 'terminal',
      destination: '10.1.0.9',
      protocol: 'tcp',
      destinationPorts: '80',
      action: 'BYPASS',
      allowInbound: true,
    },
  });
  assert.equal(replaced.output, 'Replaced row u1.\n');
  const moved = await run(['filter', 'move', 'u1', '2']);
  assert.deepEqual(moved.calls[0]?.parameters, { id: 'u1', position: 2 });
  const wrong = await run(['filter', 'add', 'DISCARD', '--allow-inbound']);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.errors, /--allow-inbound goes with BYPASS only/);
});

test('filter add says all that a row can say', async () => {
  const { calls, output } = await run(
    'filter add protect --to 10.1.0.0/16 --protocol tcp --port 443 --from-port 1024-65535 --profile office --note web --position 2'.split(
      ' ',
    ),
  );
  assert.deepEqual(calls[0]?.parameters, {
    row: {
      source: 'terminal',
      destination: '10.1.0.0/16',
      protocol: 'tcp',
      sourcePorts: '1024-65535',
      destinationPorts: '443',
      action: 'PROTECT',
      profile: 'office',
      note: 'web',
    },
    position: 2,
  });
  assert.equal(output, 'Added row u2.\n');
});

test('filter explain', async () => {
  const { calls, output } = await run(['filter', 'explain', '10.1.0.9', '--port', '443']);
  assert.deepEqual(calls[0]?.parameters, { destination: '10.1.0.9', protocol: 'tcp', destinationPort: 443 });
  assert.equal(
    output,
    '192.0.2.7 → 10.1.0.9 tcp port 443: PROTECT (sealed, by SA c0ffee01)\n' +
      '  row p1 "office" of profile office: it is the first row that fits the packet\n',
  );
});

test('filter tail', async () => {
  const { output } = await run(['filter', 'tail']);
  assert.equal(
    output,
    '08:00:00.000 ↑ DISCARD 192.0.2.7:40000 → 203.0.113.25:25 tcp  row u1 "no mail"  policy-discard\n',
  );
});

test('sa list', async () => {
  const { output } = await run(['sa', 'list']);
  assert.equal(
    output,
    `IKE office (initiator): established for 12 min 34 s, rekeys in 2 h 45 min
  1122334455667788 / 99aabbccddeeff00  aes-256-gcm-16 / hmac-sha2-384 / curve25519
  192.0.2.7:51812 alice@example.org → 198.51.100.1:4500 vpn.example.org
  we are behind a NAT

ESP in UDP office: 10.9.0.2/32 ⇄ 10.1.0.0/16
     SPI       ALGORITHM       AGE          REKEYS IN    ENDS IN      PACKETS     BYTES  REPLAYED
  ↑  c0ffee01  aes-256-gcm-16  12 min 34 s  38 min 32 s  47 min 26 s   20 417   2.3 MiB
  ↓  c0ffee02  aes-256-gcm-16  12 min 34 s  38 min 32 s  47 min 26 s   48 211  58.5 MiB         2
`,
  );
});

test('sa rekey and delete', async () => {
  assert.deepEqual((await run(['sa', 'rekey', 'office'])).calls[0]?.parameters, {
    profile: 'office',
    layer: 'child',
  });
  assert.deepEqual((await run(['sa', 'rekey', 'office', '--ike'])).calls[0]?.parameters, {
    profile: 'office',
    layer: 'ike',
  });
  assert.deepEqual((await run(['sa', 'delete', '0xC0FFEE01'])).calls[0]?.parameters, { spi: 'c0ffee01' });
});

test('secrets put takes a typed secret twice, a piped one as it is without its line’s end', async () => {
  const typed = await run(['secrets', 'put', 'office psk'], { answers: ['s3cret', 's3cret'] });
  assert.equal(typed.output, 'Stored office psk.\n');
  assert.deepEqual(typed.calls[0], {
    method: 'secrets.put',
    parameters: { name: 'office psk', kind: 'psk' },
    uploads: { secret: hex('s3cret') },
  });
  const different = await run(['secrets', 'put', 'office psk'], { answers: ['s3cret', 'secret'] });
  assert.equal(different.exitCode, 2);
  assert.deepEqual(different.calls, []);
  const interrupted = await run(['secrets', 'put', 'office psk'], { answers: [] });
  assert.equal(interrupted.exitCode, 1);
  assert.deepEqual(interrupted.calls, []);
  const piped = await run(['secrets', 'put', 'x'], { input: 's3cret\r\n' });
  assert.equal(piped.calls[0]?.uploads.secret, hex('s3cret'));
  const hexadecimal = await run(['secrets', 'put', 'x', '--hex'], { input: '00ff 10\n' });
  assert.equal(hexadecimal.calls[0]?.uploads.secret, '00ff10');
  const base64 = await run(['secrets', 'put', 'x', '--base64'], { input: 'AP8Q\n' });
  assert.equal(base64.calls[0]?.uploads.secret, '00ff10');
  const wrong = await run(['secrets', 'put', 'x', '--hex'], { input: 'xyz\n' });
  assert.equal(wrong.exitCode, 2);
  const empty = await run(['secrets', 'put', 'x'], { input: '\n' });
  assert.equal(empty.exitCode, 2);
});

test('secrets put takes a key from a file, byte by byte', async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, 'key.der');
    writeFileSync(file, Buffer.from([0x30, 0x0a, 0x0d, 0x0a, 0x00]));
    const { calls } = await run(['secrets', 'put', 'key', '--kind', 'private-key', '--file', file]);
    assert.deepEqual(calls[0]?.parameters, { name: 'key', kind: 'private-key' });
    assert.equal(calls[0]?.uploads.secret, '300a0d0a00');
  });
});

test('secrets list prints names, never a secret', async () => {
  const { output } = await run(['secrets', 'list']);
  assert.equal(
    output,
    `NAME        KIND  OWNER      STORED         USED BY
office psk  psk   uid 0      1 h 0 min ago  lab
nobody key  psk   uid 65534  2 h 0 min ago
`,
  );
});

test('doctor fails while a problem remains', async () => {
  const { output, exitCode } = await run(['doctor']);
  assert.equal(exitCode, 1);
  assert.equal(
    output,
    '✓ Virtual adapters can be made (/dev/net/tun).\n✗ An earlier connection left changes behind: 2.\n    /etc/resolv.conf\n    Run `sealnic doctor --repair`.\n',
  );
  const repaired = await run(['doctor', '--repair']);
  assert.equal(repaired.exitCode, 0);
  assert.equal(repaired.output, '✓ undone: /etc/resolv.conf\n');
});

test('doctor works without a service, through the service’s own program', async () => {
  const report = {
    repaired: [{ code: 'change-firewall-table', family: 'inet', name: 'sealnic' }],
    findings: [],
  };
  const world = fakeWorld({
    launcher: { runTask: async () => ({ exitCode: 0, output: `a warning\n${JSON.stringify(report)}\n` }) },
  });
  assert.equal(await world.run('doctor', '--repair'), 0);
  assert.equal(
    world.terminal.output,
    '✓ undone: firewall table inet sealnic\n! The service is not running.\n    Start it: systemctl start sealnic\n',
  );
  const broken = fakeWorld();
  assert.equal(await broken.run('doctor'), 3);
  assert.deepEqual(broken.launched, [['task', '--check']]);
});

test('terminal', async () => {
  const { output } = await run(['terminal']);
  assert.equal(
    output,
    `laptop
LINK   STATE        MTU   HARDWARE           ADDRESSES
wlan0  up, default  1500  02:00:00:00:00:07  192.0.2.7/24
`,
  );
});

test('service run and gateway start the service’s program with its options', async () => {
  const world = fakeWorld();
  const config = ['--config', '/etc/sealnic/second.toml'];
  assert.equal(await world.run('service', 'run', ...config, '--up', 'office'), 0);
  assert.equal(await world.run('gateway', '/etc/site.toml', ...config), 0);
  assert.deepEqual(world.launched, [
    ['service', ...config, '--up', 'office'],
    ['service', '--gateway', '/etc/site.toml', ...config],
  ]);
});

test('service install writes a unit, a polkit action and the profiles’ directory', async () => {
  await inDirectory(async (directory) => {
    const world = fakeWorld();
    assert.equal(await world.run('service', 'install', '--root', directory), 0);
    const unit = readFileSync(join(directory, 'etc/systemd/system/sealnic.service'), 'utf8');
    assert.match(unit, new RegExp(`^ExecStart="?${process.execPath}"? "?.*/main/service/main\\.ts"?$`, 'm'));
    assert.match(unit, /^Before=network-pre\.target/m);
    const policy = readFileSync(join(directory, 'usr/share/polkit-1/actions/org.sealnic.policy'), 'utf8');
    assert.match(policy, /<action id="org\.sealnic\.administer">/);
    assert.deepEqual(world.launched, []);
    assert.equal(await world.run('service', 'uninstall', '--root', directory), 0);
    assert.throws(() => readFileSync(join(directory, 'etc/systemd/system/sealnic.service')));
  });
});

test('capture writes what the service sends, until it is interrupted', async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, 'out.pcapng');
    const api = new FakeService();
    await using fake = await runFake(api);
    const world = fakeWorld({}, fake);
    const exitCode = world.run('capture', '--output', file, '--wire');
    await until(() => world.terminal.interruptListeners.size > 0, fake.connect);
    api.captureSink?.write(Buffer.from('block one,'));
    api.captureSink?.write(Buffer.from('block two'));
    for (const interrupt of [...world.terminal.interruptListeners]) interrupt();
    assert.equal(await exitCode, 0);
    assert.equal(readFileSync(file, 'utf8'), 'block one,block two');
  });
});

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'cli-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Lets the event loop turn, by calls to the service, until the condition holds. */
async function until(
  holds: () => boolean,
  connect: () => ReturnType<Awaited<ReturnType<typeof runFake>>['connect']>,
) {
  const client = await connect();
  for (let turn = 0; turn < 1000 && !holds(); turn++) await client.call('service.version', {});
  assert.ok(holds());
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

test('log shows levels, searches and counts', async () => {
  const { output, calls } = await run(['log', '--level', 'warning']);
  assert.equal(
    output,
    '2026-06-12T07:59:01.000Z warning office: alice@example.org at 198.51.100.1 is slow\n',
  );
  assert.deepEqual(calls[0]?.parameters, { after: 0, limit: 2000, level: 'warning', everything: true });
  assert.equal((await run(['log', '--search', 'CONNECT'])).output.split('\n').length, 2);
  assert.match((await run(['log', '-n', '1'])).output, /slow/);
  assert.equal((await run(['log', '--own'])).calls.length, 1);
  assert.equal(JSON.parse((await run(['log', '--json'])).output).lines[1].level, 'warning');
  assert.equal((await run(['log', '--level', 'loud'])).exitCode, 2);
});

test('log --follow goes on after what was shown, until Ctrl-C', async () => {
  const api = new FakeService({
    'log.tail': ({ after }) => ({
      lines: [{ sequence: after + 1, at: fixtureNow, level: 'info', text: `after ${after}` }],
      newest: after + 1,
    }),
  });
  await using fake = await runFake(api);
  const world = fakeWorld({}, fake);
  const ended = world.run('log', '--follow');
  await world.terminal.saying('after 0');
  while (world.scheduled.length === 0) await new Promise((resolve) => setImmediate(resolve));
  world.scheduled.shift()?.();
  await world.terminal.saying('after 1');
  for (const interrupted of world.terminal.interruptListeners) interrupted();
  assert.equal(await ended, 0);
});

test('doctor --bundle writes an archive that the owner alone can read', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
  try {
    const { exitCode, output } = await run(['doctor', '--bundle', `${directory}/`]);
    assert.equal(exitCode, 0);
    const path = join(directory, 'sealnic-20260612-080000.zip');
    assert.match(output, /status\.json/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readFileSync(path).subarray(0, 2), Buffer.from('PK'));
    const refused = await run(['doctor', '--bundle', join(directory, 'nowhere', 'x.zip')]);
    assert.equal(refused.exitCode, 2);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('service allow makes a user a member of the group', { skip: process.geteuid?.() !== 0 }, async () => {
  const { exitCode, output, world } = await run(['service', 'allow', 'alice']);
  assert.equal(exitCode, 0);
  assert.equal(output, 'alice may connect and disconnect from now on.\n');
  assert.deepEqual(world.launched, [
    ['groupadd', '--system', '--force', 'sealnic'],
    ['usermod', '--append', '--groups', 'sealnic', 'alice'],
  ]);
  assert.equal((await run(['service', 'allow', '--', '-rf'])).exitCode, 2);
});
