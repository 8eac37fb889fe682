// Exit codes 0 to 6 of DESIGN section 5, and the words that go with every failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionWords } from '../../main/cli/connection-words.ts';
import { wordsOf } from '../../main/cli/words.ts';
import { ControlError, type ControlFailure, exitCodeOf, type Failure } from '../../main/control/failure.ts';
import { FakeService, runFake } from '../control/fake-service.ts';
import { fakeWorld } from './fake-world.ts';

const profile = 'office';
const failures: { [Code in Failure['code']]: [Extract<Failure, { code: Code }>, number] } = {
  requested: [{ code: 'requested' }, 1],
  'no-answer': [{ code: 'no-answer', milliseconds: 10_000 }, 6],
  'dead-peer': [{ code: 'dead-peer' }, 6],
  'deleted-by-peer': [{ code: 'deleted-by-peer' }, 1],
  'authentication-failed': [{ code: 'authentication-failed' }, 5],
  'peer-authentication-failed': [{ code: 'peer-authentication-failed', problem: 'untrusted' }, 5],
  'no-proposal-chosen': [{ code: 'no-proposal-chosen', layer: 'ike' }, 1],
  'selectors-unacceptable': [{ code: 'selectors-unacceptable' }, 1],
  'no-address-assigned': [{ code: 'no-address-assigned' }, 1],
  'secret-missing': [{ code: 'secret-missing', name: 'office psk' }, 5],
  'card-missing': [{ code: 'card-missing', reader: 'ready' }, 5],
  'card-removed': [{ code: 'card-removed' }, 5],
  'card-blocked': [{ code: 'card-blocked' }, 5],
  'card-failed': [{ code: 'card-failed', problem: 'busy', detail: 'x' }, 5],
  'signing-failed': [{ code: 'signing-failed', detail: 'wrong key' }, 5],
  'invalid-message': [{ code: 'invalid-message', detail: 'too short' }, 1],
  'refused-by-peer': [{ code: 'refused-by-peer', notify: 'NO_ADDITIONAL_SAS' }, 1],
  replaced: [{ code: 'replaced' }, 1],
  'vault-locked': [{ code: 'vault-locked', vault: 'Travel', compartment: 'secrets' }, 5],
  'medium-removed': [{ code: 'medium-removed', vault: 'Travel' }, 5],
  'vault-rolled-back': [{ code: 'vault-rolled-back', vault: 'Travel', detail: 'It is older.' }, 5],
  'vault-problem': [
    { code: 'vault-problem', vault: 'Travel', problem: 'damaged', detail: 'Neither copy is whole.' },
    5,
  ],
  'prompt-cancelled': [{ code: 'prompt-cancelled', kind: 'eap-password' }, 5],
  'prompt-timed-out': [{ code: 'prompt-timed-out', kind: 'pin' }, 5],
  'name-not-resolved': [{ code: 'name-not-resolved', name: 'vpn.example.org' }, 6],
  'no-network': [{ code: 'no-network' }, 6],
  'adapter-failed': [{ code: 'adapter-failed', detail: 'EBUSY' }, 1],
  'network-failed': [{ code: 'network-failed', detail: 'EPERM' }, 1],
  'network-changed': [{ code: 'network-changed' }, 1],
  'woke-up': [{ code: 'woke-up', sleptSeconds: 3600 }, 6],
  'captive-portal': [{ code: 'captive-portal', url: 'http://192.0.2.1/login' }, 6],
  'networks-overlap': [{ code: 'networks-overlap', other: 'lab', prefixes: ['10.1.0.0/16'] }, 1],
  'address-taken': [{ code: 'address-taken', other: 'lab', address: '10.9.0.2' }, 1],
  'defaults-differ': [{ code: 'defaults-differ', other: 'lab' }, 1],
  'service-stopping': [{ code: 'service-stopping' }, 1],
  unexpected: [{ code: 'unexpected', detail: 'x' }, 1],
};

const controlFailures: {
  [Code in ControlFailure['code']]: [Extract<ControlFailure, { code: Code }>, number];
} = {
  'connection-failed': [{ code: 'connection-failed', profile, failure: { code: 'dead-peer' } }, 6],
  refused: [{ code: 'refused', method: 'filter.add', right: 'administer' }, 4],
  'invalid-request': [{ code: 'invalid-request', method: 'x', detail: 'y' }, 1],
  'unknown-method': [{ code: 'unknown-method', method: 'x' }, 1],
  'too-much': [{ code: 'too-much', limit: { code: 'limit-captures' } }, 1],
  'not-supported': [{ code: 'not-supported', feature: 'capture' }, 1],
  internal: [{ code: 'internal', detail: 'x' }, 1],
  stopping: [{ code: 'stopping' }, 1],
  'profile-not-found': [{ code: 'profile-not-found', profile, known: ['lab'] }, 1],
  'profile-exists': [{ code: 'profile-exists', profile }, 1],
  'profile-in-use': [{ code: 'profile-in-use', profile }, 1],
  'profile-invalid': [
    { code: 'profile-invalid', name: 'a', problems: [{ line: 3, problem: { code: 'missing' } }] },
    1,
  ],
  'import-unsupported': [
    { code: 'import-unsupported', problem: { problem: { code: 'import-not-json' } } },
    1,
  ],
  'import-choice': [{ code: 'import-choice', connections: ['a', 'b'] }, 1],
  'passphrase-needed': [{ code: 'passphrase-needed' }, 1],
  'passphrase-wrong': [{ code: 'passphrase-wrong' }, 1],
  'not-connected': [{ code: 'not-connected', profile }, 1],
  'no-portal': [{ code: 'no-portal', profile }, 1],
  'portal-shielded': [{ code: 'portal-shielded', profile, host: 'portal.test' }, 1],
  'connection-exists': [{ code: 'connection-exists', profile }, 1],
  'networks-overlap': [{ code: 'networks-overlap', profile, other: 'lab', prefixes: ['10.1.0.0/16'] }, 1],
  'address-taken': [{ code: 'address-taken', profile, other: 'lab', address: '10.9.0.2' }, 1],
  'defaults-differ': [{ code: 'defaults-differ', profile, other: 'lab' }, 1],
  'gateway-first': [{ code: 'gateway-first', profile, other: 'lab' }, 1],
  'row-invalid': [{ code: 'row-invalid', field: 'source', problem: { code: 'ports-need-protocol' } }, 1],
  'row-not-found': [{ code: 'row-not-found', id: 'u9' }, 1],
  'row-not-removable': [{ code: 'row-not-removable', id: 'p1', origin: 'profile office' }, 1],
  'association-not-found': [{ code: 'association-not-found', spi: 'c0ffee01' }, 1],
  'secret-not-found': [{ code: 'secret-not-found', name: 'office psk' }, 1],
  'secret-invalid': [{ code: 'secret-invalid', name: 'office psk', problem: { code: 'secret-empty' } }, 1],
  'name-not-resolved': [{ code: 'name-not-resolved', name: 'x' }, 1],
  'vault-not-found': [{ code: 'vault-not-found', vault: 'Travel', known: [] }, 1],
  'compartment-not-found': [
    { code: 'compartment-not-found', vault: 'Travel', compartment: 'x', known: ['secrets'] },
    1,
  ],
  'vault-locked': [{ code: 'vault-locked', vault: 'Travel', compartment: 'secrets' }, 5],
  'vault-rolled-back': [{ code: 'vault-rolled-back', vault: 'Travel', detail: 'It is older.' }, 1],
  'vault-problem': [
    { code: 'vault-problem', vault: 'Travel', problem: 'full', detail: 'Its medium is full.' },
    1,
  ],
  'keychain-unusable': [{ code: 'keychain-unusable', detail: 'It is locked' }, 1],
  'prompt-not-found': [{ code: 'prompt-not-found' }, 1],
  'card-problem': [{ code: 'card-problem', problem: 'pin-blocked', detail: 'x' }, 5],
  'prompt-refused': [{ code: 'prompt-refused', reason: 'not-yours' }, 4],
  'prompt-cancelled': [{ code: 'prompt-cancelled', kind: 'passphrase' }, 5],
  'prompt-timed-out': [{ code: 'prompt-timed-out', kind: 'puk' }, 5],
  'no-service': [{ code: 'no-service', path: '/x', detail: 'ENOENT' }, 3],
  'connection-lost': [{ code: 'connection-lost', path: '/x' }, 3],
  'server-not-trusted': [{ code: 'server-not-trusted', path: '/x', detail: 'y' }, 4],
  'file-not-written': [{ code: 'file-not-written', path: '/x', detail: 'y' }, 1],
  'bad-answer': [{ code: 'bad-answer', method: 'x', detail: 'y' }, 1],
};

test('every reason why a connection is not up has its exit code and its words', () => {
  for (const [failure, exitCode] of Object.values(failures)) {
    assert.equal(exitCodeOf({ code: 'connection-failed', profile, failure }), exitCode, failure.code);
    assertWords(connectionWords(profile, failure), failure.code);
  }
});

test('every failure of a call has its exit code and its words', () => {
  for (const [failure, exitCode] of Object.values(controlFailures)) {
    assert.equal(exitCodeOf(failure), exitCode, failure.code);
    assertWords(wordsOf(failure), failure.code);
  }
});

test('0: done', async () => {
  await using fake = await runFake();
  const world = fakeWorld({}, fake);
  assert.equal(await world.run('up', 'office'), 0);
  assert.equal(
    world.terminal.output,
    '● office: connected to vpn.example.org as 10.9.0.2, fd00:9::2; sealed: 10.1.0.0/16, fd00:1::/64\n',
  );
  assert.equal(world.terminal.errors, '');
});

test('1: failed', async () => {
  await using fake = await runFake(
    failing({ code: 'profile-not-found', profile: 'ofice', known: ['office', 'lab'] }),
  );
  const world = fakeWorld({}, fake);
  assert.equal(await world.run('up', 'ofice'), 1);
  assert.equal(world.terminal.errors, 'sealnic: There is no profile "ofice".\n  There is: office, lab.\n');
});

test('2: wrong usage', async () => {
  for (const wrong of [
    ['up'],
    ['up', 'a', 'b'],
    ['connect'],
    ['status', '--nonsense'],
    ['filter', 'add', 'ALLOW'],
    ['filter', 'add', 'PROTECT'],
    ['filter', 'explain', 'x', '--port', 'http'],
    ['secrets', 'put', 'x', '--kind', 'password'],
    ['profiles', 'import', '/nonexistent.toml'],
    ['service', 'run', '--config'],
    ['service', 'run', '--nonsense'],
    ['capture', '--output', '/nonexistent/file'],
    ['sa', 'delete', 'zz'],
    ['filter', 'add', 'DISCARD', '--port', '80'],
    ['filter', 'add', 'DISCARD', '--protocol', 'tcp', '--from-port', '1-99999'],
    ['filter', 'explain', '10.1.0.9', '--port', '99999'],
    ['profiles'],
  ]) {
    const world = fakeWorld();
    assert.equal(await world.run(...wrong), 2, wrong.join(' '));
    assert.notEqual(world.terminal.errors, '', wrong.join(' '));
    assert.equal(world.terminal.output, '');
  }
});

test('3: no service', async () => {
  const world = fakeWorld({ control: '/nonexistent/control.sock' });
  assert.equal(await world.run('status'), 3);
  assert.equal(
    world.terminal.errors,
    'sealnic: The SealNIC service is not running (nothing answers on /nonexistent/control.sock).\n' +
      '  Start it: systemctl start sealnic, or as root: sealnic service run\n',
  );
});

test('4: refused', async () => {
  await using fake = await runFake(undefined, {
    peerOf: () => ({ pid: 1, uid: 65534, gid: 65534, groups: [], startTime: '1' }),
  });
  const world = fakeWorld({}, fake);
  assert.equal(await world.run('up', 'office'), 4);
  assert.match(world.terminal.errors, /You may not connect or disconnect from here.*\n.*group "sealnic"/);
  assert.equal(await world.run('filter', 'add', 'DISCARD', '--to', '203.0.113.25'), 4);
  assert.match(world.terminal.errors, /This needs an administrator\.\n {2}Run the command with sudo\.\n$/);
});

test('5: authentication failed', async () => {
  await using fake = await runFake(
    failing({
      code: 'connection-failed',
      profile,
      failure: { code: 'peer-authentication-failed', problem: 'name-mismatch', detail: 'CN=other' },
    }),
  );
  const world = fakeWorld({}, fake);
  fake.api.status = { ...fake.api.status, connections: [] };
  assert.equal(await world.run('up', 'office'), 5);
  assert.equal(
    world.terminal.errors,
    'sealnic: The gateway of "office" did not prove who it is: its certificate is for another name (CN=other).\n' +
      '  Check gateway.identity in the profile; if it is right, somebody may be in between.\n',
  );
});

test('6: gateway unreachable, and what the failed attempt leaves behind', async () => {
  await using fake = await runFake(
    failing({ code: 'connection-failed', profile, failure: { code: 'no-answer', milliseconds: 10_000 } }),
  );
  const [connection] = fake.api.status.connections;
  fake.api.status = {
    ...fake.api.status,
    connections: [{ ...connection!, state: 'failed', protectedTraffic: 'blocked' }],
  };
  const world = fakeWorld({}, fake);
  assert.equal(await world.run('up', 'office'), 6);
  assert.equal(
    world.terminal.errors,
    'sealnic: The gateway of "office" did not answer for 10 s.\n' +
      '  Check its address and that UDP ports 500 and 4500 are not blocked on the way.\n' +
      '  Protected traffic stays blocked until: sealnic down office\n',
  );
});

test('with --json an error is JSON, and the exit code stays', async () => {
  await using fake = await runFake(failing({ code: 'profile-not-found', profile: 'x', known: [] }));
  const world = fakeWorld({}, fake);
  assert.equal(await world.run('--json', 'up', 'x'), 1);
  assert.deepEqual(JSON.parse(world.terminal.output), {
    error: { code: 'profile-not-found', profile: 'x', known: [], message: 'There is no profile "x".' },
  });
  assert.equal(world.terminal.errors, '');
});

test('help and version are not errors', async () => {
  for (const asked of [['--help'], ['--version'], ['up', '--help'], ['service', 'run', '--help']]) {
    const world = fakeWorld();
    assert.equal(await world.run(...asked), 0, asked.join(' '));
    assert.notEqual(world.terminal.output, '');
  }
});

function failing(failure: ControlFailure): FakeService {
  return new FakeService({
    'connection.up': () => {
      throw new ControlError(failure);
    },
  });
}

function assertWords(words: { what: string; next?: string }, code: string): void {
  assert.match(words.what, /^[A-Z"].*[.)]$/, code);
  for (const text of [words.what, words.next ?? '']) assert.doesNotMatch(text, /undefined|\n|NaN/, code);
}
