// Who may do what: the table of rights, logind's sessions, whose connection it is, and what of it others see.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlError } from '../../../main/control/failure.ts';
import { type MethodName, methods } from '../../../main/control/schema.ts';
import { type Peer, type RightsSources, rightsFrom } from '../../../main/service/endpoint/rights.ts';
import { hasActiveLocalSession } from '../../../main/service/endpoint/session.ts';
import { connectedStatus, FakeService, runFake, statusOf } from '../../control/fake-service.ts';
import { keyExamples } from '../../control/key-examples.ts';

const alice = 1000;
const bob = 1001;
const sealnicGroup = 990;
const { signal } = new AbortController();

function peer(uid: number, groups: readonly number[] = []): Peer {
  return { pid: 1, uid, gid: uid, groups, startTime: '1' };
}

function sources(changes: Partial<RightsSources> = {}): RightsSources {
  return {
    groupName: 'sealnic',
    controlGroup: () => sealnicGroup,
    listedInGroup: () => false,
    userName: (uid) => (uid === alice ? 'alice' : undefined),
    standing: async () => 'after-asking',
    hasActiveLocalSession: (uid) => uid === alice,
    consent: async () => false,
    ...changes,
  };
}

test('consent holds for a moment on its connection, and a refusal does not', async () => {
  let [asked, given, now] = [0, false, 0];
  const consent = async () => {
    asked += 1;
    return given;
  };
  const rights = rightsFrom(sources({ consent }), () => now);
  const [first, second] = [peer(alice), peer(alice)];
  const administers = (each: Peer) => rights.allows(each, 'administer', signal);
  assert.deepEqual([await administers(first), await administers(first), asked], [false, false, 2]);
  given = true;
  assert.deepEqual([await administers(first), await administers(first), asked], [true, true, 3]);
  assert.deepEqual([await administers(second), asked], [true, 4]);
  given = false;
  now = 4999;
  assert.equal(await administers(first), true);
  now = 5000;
  assert.deepEqual([await administers(first), asked], [false, 5]);
});

test('the table of rights', async () => {
  const table: [string, Peer, Partial<RightsSources>, boolean, boolean, boolean][] = [
    ['root', peer(0), {}, true, true, true],
    ['who sits at the computer', peer(alice), {}, true, true, false],
    ['another user', peer(bob), {}, true, false, false],
    ['a member of the group', peer(bob, [27, sealnicGroup]), {}, true, true, false],
    ['whose first group it is', { ...peer(bob), gid: sealnicGroup }, {}, true, true, false],
    [
      'a member, but there is no such group',
      peer(bob, [sealnicGroup]),
      { controlGroup: () => undefined },
      true,
      false,
      false,
    ],
    [
      'who was made a member a moment ago',
      peer(bob),
      { listedInGroup: (uid) => uid === bob },
      true,
      true,
      false,
    ],
    ['whom polkit lets', peer(alice), { consent: async ({ uid }) => uid === alice }, true, true, true],
    ['whom polkit lets, elsewhere', peer(bob), { consent: async () => true }, true, false, true],
  ];
  for (const [who, someone, changes, ...expected] of table) {
    const rights = rightsFrom(sources(changes));
    const allowed = await Promise.all(
      (['observe', 'control', 'administer'] as const).map((right) => rights.allows(someone, right, signal)),
    );
    assert.deepEqual(allowed, expected, who);
  }
});

test('every method refuses whoever lacks its right, before the service hears of it', async () => {
  const uid = { now: bob };
  await using fake = await runFake(undefined, { peerOf: () => peer(uid.now), sources: sources() });
  const observer = await fake.connect();
  uid.now = alice;
  const controller = await fake.connect();
  const order = ['observe', 'control', 'administer'];
  for (const name of Object.keys(methods) as MethodName[]) {
    for (const [client, right] of [[observer, 'observe'] as const, [controller, 'control'] as const]) {
      const mayNot = order.indexOf(methods[name].right) > order.indexOf(right);
      const failure = await failureOf(
        client.call(name as 'secrets.put', exampleOf(name) as never, uploadsOf(name)),
      );
      const refused = failure?.code === 'refused';
      assert.equal(refused, mayNot, `${name} for one who may ${right}`);
      if (failure?.code === 'refused') assert.equal(failure.right, methods[name].right);
    }
  }
  const reached = fake.api.calls.filter(
    ({ caller, method }) => caller.uid === bob && methods[method].right !== 'observe',
  );
  assert.deepEqual(reached, []);
  const administered = fake.api.calls.filter(({ method }) => methods[method].right === 'administer');
  assert.deepEqual(administered, []);
});

test('a caller learns what it may do, without anybody being asked', async () => {
  const uid = { now: alice };
  let asked = 0;
  await using fake = await runFake(undefined, {
    peerOf: () => peer(uid.now),
    sources: sources({
      consent: async () => {
        asked += 1;
        return true;
      },
    }),
  });
  const mine = async () => (await fake.connect()).call('rights.mine', {});
  assert.deepEqual(await mine(), {
    uid: alice,
    user: 'alice',
    control: 'session',
    administer: 'after-asking',
    group: 'sealnic',
    groupExists: true,
  });
  uid.now = bob;
  assert.equal((await mine()).control, 'no');
  uid.now = 0;
  const { control, administer } = await mine();
  assert.deepEqual([control, administer], ['root', 'yes']);
  assert.equal(asked, 0);
});

test('the whole log is for administrators', async () => {
  let consent = false;
  await using fake = await runFake(undefined, {
    peerOf: () => peer(alice),
    sources: sources({ consent: async () => consent }),
  });
  const client = await fake.connect();
  const tail = (everything: boolean) =>
    failureOf(client.call('log.tail', { after: 0, limit: 10, level: 'info', everything }));
  assert.equal(await tail(false), undefined);
  assert.deepEqual(await tail(true), { code: 'refused', method: 'log.tail', right: 'administer' });
  consent = true;
  assert.equal(await tail(true), undefined);
});

test('a connection belongs to whoever opened it', async () => {
  const uid = { now: bob };
  let consent = false;
  const api = new FakeService();
  api.owners.set('office', alice);
  await using fake = await runFake(api, {
    peerOf: () => peer(uid.now),
    sources: sources({ hasActiveLocalSession: () => true, consent: async () => consent }),
  });
  const other = await fake.connect();
  uid.now = alice;
  const owner = await fake.connect();
  for (const method of [
    'connection.down',
    'connection.retry',
    'connection.measure',
    'connection.allowPortal',
  ] as const) {
    assert.deepEqual(await failureOf(other.call(method, { profile: 'office' })), {
      code: 'refused',
      method,
      right: 'administer',
      owner: alice,
    });
    assert.equal(await failureOf(owner.call(method, { profile: 'office' })), undefined);
    assert.equal(await failureOf(other.call(method, { profile: 'nobodys' })), undefined);
  }
  const up = other.call('connection.up', { profile: 'office', wait: false });
  assert.equal((await failureOf(up))?.code, 'refused');
  consent = true;
  assert.equal(await failureOf(other.call('connection.down', { profile: 'office' })), undefined);
});

test('others see that a connection is there, its owner and root see all of it', async () => {
  const uid = { now: bob };
  const api = new FakeService();
  api.status = statusOf(connectedStatus({ owner: alice }), connectedStatus({ profile: 'lab', owner: bob }));
  await using fake = await runFake(api, { peerOf: () => peer(uid.now), sources: sources() });
  const client = await fake.connect();
  const seen = (await client.call('status', {})).connections;
  assert.deepEqual(
    seen.map(({ profile, state, details }) => [profile, state, details !== undefined]),
    [
      ['office', 'connected', false],
      ['lab', 'connected', true],
    ],
  );
  assert.equal(JSON.stringify(seen[0]).includes('vpn.example.org'), false);
  const pushed = await new Promise((resolve) => void client.subscribe(resolve));
  assert.deepEqual((pushed as { connections: unknown }).connections, seen);
  uid.now = 0;
  const root = await fake.connect();
  assert.ok((await root.call('status', {})).connections.every(({ details }) => details !== undefined));
});

test('the names of secrets are their owner’s', async () => {
  const uid = { now: 65534 };
  await using fake = await runFake(undefined, {
    peerOf: () => peer(uid.now),
    sources: sources({ hasActiveLocalSession: () => true }),
  });
  const names = async () =>
    (await (await fake.connect()).call('secrets.list', {})).secrets.map(({ name }) => name);
  assert.deepEqual(await names(), ['nobody key']);
  uid.now = 0;
  assert.deepEqual(await names(), ['office psk', 'nobody key']);
});

test('whoever leaves while polkit asks is not asked for any longer', async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  await using fake = await runFake(undefined, {
    peerOf: () => peer(alice),
    sources: sources({
      consent: (_peer, aborted) => {
        asked.resolve(aborted);
        return new Promise((resolve) => aborted.addEventListener('abort', () => resolve(false)));
      },
    }),
  });
  const client = await fake.connect();
  const failure = failureOf(client.call('filter.remove', { id: 'u1' }));
  const aborted = await asked.promise;
  assert.equal(aborted.aborted, false);
  const ended = new Promise((resolve) => aborted.addEventListener('abort', resolve));
  client.close();
  await ended;
  assert.equal((await failure)?.code, 'connection-lost');
  assert.deepEqual(fake.api.calls, []);
});

test('an active local session is one at a seat, in the foreground, of a person', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sessions-'));
  try {
    const session = (name: string, changes: Record<string, string>) => {
      const entries = {
        UID: String(alice),
        ACTIVE: '1',
        REMOTE: '0',
        SEAT: 'seat0',
        CLASS: 'user',
        ...changes,
      };
      const text = Object.entries(entries).map(([key, value]) => `${key}=${value}\n`);
      writeFileSync(join(directory, name), `# This is private data. Do not parse.\n${text.join('')}`);
    };
    mkdirSync(join(directory, '9.ref'));
    assert.equal(hasActiveLocalSession(alice, directory), false);
    session('1', { ACTIVE: '0' });
    session('2', { REMOTE: '1' });
    session('3', { SEAT: '' });
    session('4', { CLASS: 'greeter' });
    session('5', { UID: '10000' });
    assert.equal(hasActiveLocalSession(alice, directory), false);
    session('6', {});
    assert.equal(hasActiveLocalSession(alice, directory), true);
    assert.equal(hasActiveLocalSession(100, directory), false);
    assert.equal(hasActiveLocalSession(alice, join(directory, 'absent')), false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the pipe that logind holds open beside a session does not hold up the service', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sessions-'));
  const pipe = join(directory, '1.ref');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const logind = openSync(pipe, constants.O_RDWR);
  try {
    const session = new URL('../../../main/service/endpoint/session.ts', import.meta.url).href;
    const script = `import { hasActiveLocalSession } from ${JSON.stringify(session)};
      process.stdout.write(String(hasActiveLocalSession(1000, ${JSON.stringify(directory)})));`;
    // In a process of its own, which can be ended when it waits.
    const { stdout, error } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(error, undefined);
    assert.equal(stdout, 'false');
  } finally {
    closeSync(logind);
    rmSync(directory, { recursive: true });
  }
});

function uploadsOf(name: MethodName): object {
  return Object.fromEntries(Object.keys(methods[name].uploads).map((upload) => [upload, Buffer.from('x')]));
}

function exampleOf(name: MethodName): object {
  const examples: { [Name in MethodName]?: object } = {
    'connection.up': { profile: 'office', wait: true },
    'connection.down': { profile: 'office' },
    'connection.retry': { profile: 'office' },
    'connection.measure': { profile: 'office' },
    'connection.allowPortal': { profile: 'office' },
    'profiles.show': { profile: 'office' },
    'profiles.import': { fileName: 'a', replace: false },
    'profiles.validate': { fileName: 'a' },
    'profiles.lockdown': { profile: 'office', on: true },
    'profiles.remove': { profile: 'office' },
    'filter.add': { row: { source: 'any', destination: 'any', protocol: 'any', action: 'BYPASS' } },
    'filter.replace': {
      id: 'u1',
      row: { source: 'any', destination: 'any', protocol: 'any', action: 'BYPASS' },
    },
    'filter.move': { id: 'u1', position: 0 },
    'filter.remove': { id: 'u1' },
    'filter.explain': { destination: '10.1.0.1' },
    'sa.rekey': { profile: 'office', layer: 'ike' },
    'sa.delete': { spi: 'c0ffee01' },
    'secrets.put': { name: 'x', kind: 'psk' },
    'secrets.remove': { name: 'x' },
    ...keyExamples(),
    'card.test': { slot: '9a' },
    'card.setup': {
      slot: '9a',
      algorithm: 'ecc-p256',
      subject: 'CN=alice',
      names: [],
      kind: 'request',
      days: 365,
      replace: false,
    },
    'card.put-certificate': { slot: '9a', replace: false },
    'card.store': { profile: 'office' },
    'prompts.answer': { id: 'prompt-1' },
    'prompts.cancel': { id: 'prompt-1' },
    'capture.start': { side: 'wire', snapLength: 65535 },
    'capture.stop': { stream: 1 },
    'log.tail': { after: 0, limit: 1, level: 'info', everything: false },
    'verdicts.tail': { after: 0, limit: 1 },
  };
  return examples[name] ?? {};
}

async function failureOf(call: Promise<unknown>) {
  try {
    await call;
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ControlError, String(error));
    return error.failure;
  }
}
