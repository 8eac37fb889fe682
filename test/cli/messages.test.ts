// What is said where an argument or a file is wrong: in the command's own words, once, and with advice that fits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemWords } from '../../main/cli/words.ts';
import { ControlError, type ControlFailure } from '../../main/control/failure.ts';
import type { Message } from '../../main/control/messages.ts';
import type { MethodName } from '../../main/control/schema.ts';
import { FakeService, runFake } from '../control/fake-service.ts';
import { fakeWorld } from './fake-world.ts';

/** Exit code and errors of a command whose call the service answers with this failure. */
async function refused(method: MethodName, failure: ControlFailure, ...command: string[]) {
  const answer = () => {
    throw new ControlError(failure);
  };
  await using fake = await runFake(new FakeService({ [method]: answer }));
  const world = fakeWorld({}, fake);
  return { exitCode: await world.run(...command), errors: world.terminal.errors };
}

async function wrong(...command: string[]): Promise<string> {
  const world = fakeWorld();
  assert.equal(await world.run(...command), 2);
  return world.terminal.errors;
}

test('a row that the service refuses is wrong use, named as the option, and said once', async () => {
  const invalid = (field: string, problem: Message) => ({ code: 'row-invalid' as const, field, problem });
  const add = ['filter', 'add', 'DISCARD', '--protocol', 'tcp'];
  assert.deepEqual(
    await refused('filter.add', invalid('destination', { code: 'address-invalid', text: '10.1' }), ...add),
    { exitCode: 2, errors: 'sealnic: The destination is not valid: “10.1” is no IP address.\n' },
  );
  assert.deepEqual(
    await refused('filter.add', invalid('sourcePorts', { code: 'icmp-without-source-ports' }), ...add),
    {
      exitCode: 2,
      errors:
        'sealnic: The source ports (--from-port) are not valid: ICMP has no ports; give its type as the destination port.\n',
    },
  );
  assert.deepEqual(
    await refused(
      'filter.explain',
      invalid('protocol', { code: 'icmp-is-ipv4' }),
      'filter',
      'explain',
      '10.1.0.9',
    ),
    {
      exitCode: 2,
      errors:
        'sealnic: The protocol (--protocol) is not valid: “icmp” belongs to IPv4; for IPv6 addresses use “icmpv6”.\n',
    },
  );
});

test('ports: the option is named, and what is wrong with it', async () => {
  assert.equal(
    await wrong('filter', 'add', 'DISCARD', '--port', '80'),
    'sealnic: --port needs a protocol that has ports: --protocol tcp or --protocol udp\n',
  );
  for (const command of [
    ['filter', 'add', 'DISCARD', '--port', '99999'],
    ['filter', 'explain', '10.1.0.9', '--port', '99999'],
  ]) {
    assert.match(await wrong(...command), /--port .*Ports go from 0 to 65535\./);
  }
});

test('the advice fits the command', async () => {
  assert.equal(
    (await refused('secrets.remove', { code: 'secret-not-found', name: 'x' }, 'secrets', 'remove', 'x'))
      .errors,
    'sealnic: There is no secret "x".\n  See: sealnic secrets list\n',
  );
  assert.equal(
    (await refused('connection.down', { code: 'not-connected', profile: 'x' }, 'down', 'x')).errors,
    'sealnic: "x" is not connected.\n  See what is: sealnic status\n',
  );
  assert.equal(
    (await refused('connection.retry', { code: 'not-connected', profile: 'x' }, 'retry', 'x')).errors,
    'sealnic: "x" is not connected.\n  Connect: sealnic up x\n',
  );
});

test('an SPI that is none', async () => {
  assert.equal(
    await wrong('sa', 'delete', 'zz'),
    'sealnic: "zz" is no SPI: it is given in hexadecimal, as sealnic sa list shows it\n',
  );
});

test('what the system refuses is said in words', async () => {
  assert.equal(
    await wrong('profiles', 'import', '/nonexistent.toml'),
    'sealnic: cannot read /nonexistent.toml: no such file or directory\n',
  );
  assert.equal(
    await wrong('capture', '--output', '/nonexistent/file'),
    'sealnic: cannot write /nonexistent/file: no such file or directory\n',
  );
});

test('a value that is missing in TOML is called so', () => {
  assert.equal(
    problemWords({ line: 2, problem: { code: 'toml-value-missing' } }),
    'line 2: a value is missing after “=”',
  );
});
