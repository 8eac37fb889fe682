// Each way in which an attempt ends: the reason that is told, what stays shut, and whether it is tried again.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Failure } from '../../../main/control/failure.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import { connectionStatus } from '../../../main/service/methods/status.ts';
import {
  gatewayText,
  type Office,
  openOffice,
  profileFrom,
  settle,
  startGateway,
  type TestService,
  terminalText,
} from './office.ts';

/** Within it every first attempt has ended, one way or the other. */
const firstAttemptMilliseconds = 10_100;

let office: Office;
beforeEach(() => {
  office = openOffice();
});
afterEach(() => office.close());

interface Case {
  readonly what: string;
  readonly failure: Failure;
  readonly gateway?: readonly (readonly [string, string])[];
  readonly terminal?: readonly (readonly [string, string])[];
  readonly before?: (terminal: TestService) => void;
  /** False: without a gateway. */
  readonly answers?: boolean;
  /** Asked to keep trying, it does. */
  readonly triedAgain: boolean;
}

const cases: readonly Case[] = [
  {
    what: 'a gateway that is silent',
    failure: { code: 'no-answer', milliseconds: 10_000 },
    answers: false,
    triedAgain: true,
  },
  {
    what: 'a wrong secret',
    failure: { code: 'authentication-failed' },
    terminal: [['"office"', '"wrong"']],
    triedAgain: false,
  },
  {
    what: 'a secret that is not there',
    failure: { code: 'secret-missing', name: 'nowhere' },
    terminal: [['"office"', '"nowhere"']],
    triedAgain: false,
  },
  {
    what: 'a gateway that is someone else',
    failure: { code: 'peer-authentication-failed', problem: 'wrong-identity' },
    terminal: [['identity = "vpn.office.test"', 'identity = "other.office.test"']],
    triedAgain: false,
  },
  {
    what: 'no proposal of IKE in common',
    failure: { code: 'no-proposal-chosen', layer: 'ike' },
    terminal: [['[gateway]', '[ike]\nproposals = ["aes256gcm16-prfsha384-ecp256"]\n[gateway]']],
    gateway: [['[responder]', '[ike]\nproposals = ["aes128gcm16-prfsha256-x25519"]\n[responder]']],
    triedAgain: false,
  },
  {
    what: 'no proposal of ESP in common',
    failure: { code: 'no-proposal-chosen', layer: 'esp' },
    terminal: [['[gateway]', '[esp]\nproposals = ["aes256gcm16"]\n[gateway]']],
    gateway: [['[responder]', '[esp]\nproposals = ["aes128gcm16"]\n[responder]']],
    triedAgain: false,
  },
  {
    what: 'networks that the gateway does not have',
    failure: { code: 'selectors-unacceptable' },
    terminal: [['10.1.0.0/24', '10.7.0.0/24']],
    triedAgain: false,
  },
  {
    what: 'a gateway whose addresses are all given away',
    failure: { code: 'no-address-assigned' },
    gateway: [['10.99.0.0/24', '10.99.0.0/32']],
    triedAgain: false,
  },
  {
    what: 'a name that nobody knows',
    failure: { code: 'name-not-resolved', name: 'vpn.office.test' },
    terminal: [['address = "192.0.2.1"', 'address = "vpn.office.test"']],
    before: (terminal) => {
      terminal.resolve = () => Promise.reject(new Error('ENOTFOUND'));
    },
    triedAgain: true,
  },
  {
    what: 'no way to the gateway',
    failure: { code: 'no-network' },
    before: (terminal) => {
      terminal.host.route = undefined;
    },
    triedAgain: true,
  },
];

for (const each of cases) {
  test(`${each.what}: ${each.failure.code}, and what is protected stays shut`, async () => {
    if (each.answers !== false) await startGateway(office, profileFrom(gatewayText, ...(each.gateway ?? [])));
    const { terminal, clock } = office;
    each.before?.(terminal);
    const profile = profileFrom(terminalText, ...(each.terminal ?? []));
    const connection = terminal.connections.up(profile, 0, false) as Connection;
    const settled = terminal.connections.settled(connection);
    await clock.advance(firstAttemptMilliseconds);
    assert.deepEqual(await settled, each.failure);
    assert.equal(connection.model.state, 'failed');
    assert.equal(terminal.host.failClosed?.protectedPrefixes.length, 1);
    assert.equal(connectionStatus(connection, terminal.tunnel).protectedTraffic, 'blocked');
    const { attempts } = connection.model;
    await clock.advance(120_000);
    assert.equal(connection.model.attempts, attempts, 'not asked to, it does not try again');
    await terminal.connections.down('office');
    assert.equal(terminal.host.failClosed, undefined);
    assert.equal(terminal.secrets.liveCount, 0);
  });

  test(`${each.what}, asked to keep trying: ${each.triedAgain ? 'it does' : 'no use'}`, async () => {
    if (each.answers !== false) await startGateway(office, profileFrom(gatewayText, ...(each.gateway ?? [])));
    const { terminal, clock } = office;
    each.before?.(terminal);
    const profile = profileFrom(terminalText, ...(each.terminal ?? []));
    const connection = terminal.connections.up(profile, 0, true) as Connection;
    const settled = terminal.connections.settled(connection);
    await clock.advance(firstAttemptMilliseconds);
    assert.deepEqual(await settled, each.failure, 'the first failure is told while it goes on');
    assert.equal(connection.model.state, each.triedAgain ? 'connecting' : 'failed');
    await clock.advance(120_000);
    assert.equal(connection.model.attempts > 3, each.triedAgain);
    await terminal.connections.down('office');
    await settle();
    assert.equal(terminal.secrets.liveCount, 0);
  });
}

test('with every attempt another address of the gateway comes first', async () => {
  await startGateway(office);
  const { terminal, clock } = office;
  const { resolve } = terminal;
  terminal.resolve = async () => [...(await resolve('192.0.2.99')), ...(await resolve('192.0.2.1'))];
  const profile = profileFrom(terminalText, ['address = "192.0.2.1"', 'address = "vpn.office.test"']);
  const connection = terminal.connections.up(profile, 0, true) as Connection;
  await clock.advance(12_000);
  assert.equal(connection.model.state, 'connected');
});

test('whoever waits for a connection hears of its end by down', async () => {
  const { terminal, clock } = office;
  const connection = terminal.connections.up(profileFrom(terminalText), 0, true);
  const settled = terminal.connections.settled(connection);
  await clock.advance(100);
  await terminal.connections.down('office');
  assert.deepEqual(await settled, { code: 'requested' });
  await assert.rejects(terminal.connections.down('office'), {
    failure: { code: 'not-connected', profile: 'office' },
  });
});
