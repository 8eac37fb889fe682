// From the engine's effects to calls, and from answers to events; the engine here is a script.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChildKeys, IkeEffect, IkeEvent } from '../../../main/engine/ike/contract.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import { Agreement, type AgreementParty } from '../../../main/service/agreement/agreement.ts';
import type { KeySetter } from '../../../main/service/keying/key-setter.ts';

const endpoint = { address: parseAddress('192.0.2.1')!, port: 4500 };
const identity = { type: 'fqdn', value: 'a.test' } as const;

function start() {
  const calls: unknown[][] = [];
  const events: IkeEvent[] = [];
  let effects: IkeEffect[] = [];
  const timers: { at: number; call: () => void; cancelled: boolean }[] = [];
  const recorder = <T extends object>(whose: string) =>
    new Proxy({} as T, {
      get:
        (_target, name) =>
        (...parameters: unknown[]) =>
          void calls.push([`${whose}.${String(name)}`, ...parameters]),
    });
  const agreement = new Agreement({
    engine: {
      step(event) {
        events.push(event);
        return effects.splice(0);
      },
      setResponder: (responder) => void calls.push(['engine.setResponder', responder]),
      snapshot: () => [{ connection: 1, role: 'initiator', state: 'established' } as never],
    },
    dataPlane: recorder('dataPlane'),
    keys: recorder<KeySetter>('keys'),
    sendIke: (...parameters) => void calls.push(['sendIke', ...parameters]),
    sendKeepalive: (...parameters) => void calls.push(['sendKeepalive', ...parameters]),
    now: () => 500,
    schedule: (at, call) => {
      const timer = { at, call, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
  });
  return {
    agreement,
    calls,
    events,
    timers,
    /** What the engine asks for at its next step, which a datagram brings about. */
    ask(...next: IkeEffect[]) {
      effects = next;
      agreement.receive(new Uint8Array(1), endpoint, endpoint);
    },
  };
}

function party(changes: Partial<AgreementParty> = {}): AgreementParty & { readonly heard: unknown[][] } {
  const heard: unknown[][] = [];
  return {
    heard,
    keyed: { lifetime: {}, replayWindow: 64 },
    preSharedKey: async () => new Uint8Array([1]),
    password: async () => undefined,
    sign: async () => new Uint8Array([2]),
    verifyPeer: async () => ({ valid: true }),
    assignAddresses: () => ({ dns: [] }),
    established: (...all) => void heard.push(['established', ...all]),
    childInstalled: (...all) => void heard.push(['childInstalled', ...all]),
    childRemoved: (...all) => void heard.push(['childRemoved', ...all]),
    childFailed: (...all) => void heard.push(['childFailed', ...all]),
    closed: (...all) => void heard.push(['closed', ...all]),
    ...changes,
  };
}

test('every effect is carried out, in its order', () => {
  const { agreement, calls, ask, timers } = start();
  const one = party();
  const connection = agreement.adopt(one);
  calls.length = 0;
  const child = { association: 9 } as ChildKeys;
  const details = { remote: endpoint } as never;
  ask(
    { type: 'send', connection, bytes: new Uint8Array(1), local: endpoint, remote: endpoint, marker: true },
    { type: 'send-keepalive', local: endpoint, remote: endpoint },
    { type: 'expect-inbound', spi: 1 },
    { type: 'cancel-expected', spi: 2 },
    { type: 'established', connection, details },
    { type: 'install-child', connection, child, direction: 'both' },
    { type: 'remove-child', connection, association: 9, inboundSpi: 3, outboundSpi: 4, lingerSeconds: 5 },
    { type: 'child-failed', connection, association: 9, reason: { code: 'dead-peer' } },
    { type: 'peer-moved', connection, remote: endpoint },
    { type: 'set-timer', atMilliseconds: 700 },
    { type: 'closed', connection, reason: { code: 'requested' } },
  );
  assert.deepEqual(
    calls.map(([name]) => name),
    [
      'sendIke',
      'sendKeepalive',
      'dataPlane.expectInbound',
      'dataPlane.cancelExpected',
      'keys.movePeer',
      'keys.install',
      'keys.remove',
      'keys.movePeer',
      'keys.release',
    ],
  );
  assert.deepEqual(one.heard, [
    ['established', details],
    ['childInstalled', child, 'both'],
    ['childRemoved', 9],
    ['childFailed', 9, { code: 'dead-peer' }],
    ['closed', { code: 'requested' }],
  ]);
  assert.equal(timers[0]?.at, 700);
  assert.equal(agreement.partyCount, 0);
});

test('answers come back as events, failures too', async () => {
  const { agreement, ask, events } = start();
  const one = agreement.adopt(party());
  const broken = agreement.adopt(
    party({
      preSharedKey: () => Promise.reject(new Error('no')),
      sign: () => Promise.reject(new Error('card removed')),
      verifyPeer: () => Promise.reject(new Error('odd')),
    }),
  );
  const psk = (request: number, connection: number): IkeEffect => ({
    type: 'get-psk',
    request,
    connection,
    localIdentity: identity,
    remoteIdentity: identity,
  });
  const sign = {
    type: 'sign',
    request: 3,
    connection: broken,
    scheme: {} as never,
    data: new Uint8Array(0),
  } as const;
  const verify = {
    ...sign,
    type: 'verify-peer',
    request: 4,
    certificates: [],
    identity,
    signature: new Uint8Array(0),
  } as const;
  const assign = {
    type: 'assign-addresses',
    request: 5,
    connection: one,
    remoteIdentity: identity,
    wants4: true,
    wants6: false,
  } as const;
  ask(psk(1, one), psk(2, broken), sign, verify, assign, psk(6, 99));
  await nextTurn();
  const byRequest = new Map(events.flatMap((event) => ('request' in event ? [[event.request, event]] : [])));
  assert.deepEqual(byRequest.get(1), { type: 'psk', request: 1, secret: new Uint8Array([1]) });
  assert.deepEqual(byRequest.get(2), { type: 'psk', request: 2, secret: undefined });
  assert.deepEqual(byRequest.get(3), {
    type: 'signed',
    request: 3,
    signature: undefined,
    problem: 'card removed',
  });
  assert.partialDeepStrictEqual(byRequest.get(4), { type: 'peer-verified', valid: false, detail: 'odd' });
  assert.deepEqual(byRequest.get(5), { type: 'addresses-assigned', request: 5, dns: [] });
  assert.deepEqual(
    byRequest.get(6),
    { type: 'psk', request: 6, secret: undefined },
    'nobody is asked for one that is gone',
  );
});

test('who was forgotten hears nothing more', () => {
  const { agreement, ask, calls } = start();
  const one = party();
  const connection = agreement.adopt(one);
  agreement.forget(connection);
  ask({ type: 'closed', connection, reason: { code: 'requested' } });
  assert.deepEqual(one.heard, []);
  assert.ok(calls.some(([name]) => name === 'keys.release'));
});

test('one timer at a time; it rings once', () => {
  const { ask, timers, events } = start();
  ask({ type: 'set-timer', atMilliseconds: 600 }, { type: 'set-timer', atMilliseconds: 700 });
  assert.deepEqual(
    timers.map(({ cancelled }) => cancelled),
    [true, false],
  );
  timers[1]!.call();
  assert.equal(events.at(-1)?.type, 'timer');
  ask({ type: 'set-timer', atMilliseconds: 800 }, { type: 'set-timer', atMilliseconds: undefined });
  assert.equal(timers[2]?.cancelled, true);
});

test('closing ends every SA, lets half-open ones run out, and takes no orders afterwards', () => {
  const { agreement, ask, events, calls, timers } = start();
  const one = party();
  agreement.adopt(one);
  ask({ type: 'set-timer', atMilliseconds: 600 });
  agreement.close();
  assert.ok(timers.every(({ cancelled }) => cancelled));
  assert.deepEqual(
    events.slice(1).map(({ type }) => type),
    ['disconnect', 'timer'],
  );
  assert.deepEqual(
    calls.find(([name]) => name === 'engine.setResponder'),
    ['engine.setResponder', undefined],
  );
  calls.length = 0;
  ask(
    { type: 'set-timer', atMilliseconds: 900 },
    { type: 'closed', connection: 1, reason: { code: 'requested' } },
  );
  assert.equal(timers.length, 1);
  assert.deepEqual(calls, []);
  assert.deepEqual(one.heard, []);
});
