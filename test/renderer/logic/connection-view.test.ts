// What the connection page shows for each state.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionViews } from '../../../renderer/logic/connection-view.ts';
import { remedyOf } from '../../../renderer/logic/failures.ts';
import { advanceThroughput, longestHistory } from '../../../renderer/logic/throughput.ts';
import { type Scenario, serviceState } from '../fixtures.ts';

const now = 1_700_000_000_000;

function viewsOf(scenario: Scenario) {
  const state = serviceState(scenario, now);
  assert.equal(state.service, 'present');
  return state.service === 'present' ? connectionViews(state.status, state.profiles) : [];
}

test('each state offers what helps in it', () => {
  const first = (scenario: Scenario) => {
    const { state, buttons, showsFailure } = viewsOf(scenario)[0]!;
    return { state, buttons, showsFailure };
  };
  assert.deepEqual(first('connected'), { state: 'connected', buttons: ['disconnect'], showsFailure: false });
  assert.deepEqual(first('connecting'), { state: 'connecting', buttons: ['cancel'], showsFailure: false });
  assert.deepEqual(first('reconnecting'), {
    state: 'reconnecting',
    buttons: ['retry', 'disconnect-and-allow'],
    showsFailure: true,
  });
  assert.deepEqual(first('failed'), {
    state: 'failed',
    buttons: ['retry', 'disconnect'],
    showsFailure: true,
  });
  assert.deepEqual(first('blocked'), {
    state: 'blocked',
    buttons: ['retry', 'disconnect-and-allow'],
    showsFailure: true,
  });
  assert.deepEqual(first('invalid'), { state: 'invalid', buttons: [], showsFailure: false });
});

test('what is active comes first, then by name', () => {
  assert.deepEqual(
    viewsOf('connected').map(({ profile }) => profile),
    ['office', 'laboratory-tokyo'],
  );
  assert.deepEqual(
    viewsOf('disconnected').map(({ profile }) => profile),
    ['laboratory-tokyo', 'office'],
  );
});

test('a connection whose profile is gone is still shown', () => {
  const state = serviceState('connected', now);
  assert.ok(state.service === 'present');
  assert.deepEqual(
    connectionViews(state.status, []).map(({ profile, state: shown }) => [profile, shown]),
    [['office', 'connected']],
  );
});

test('a failure that a secret mends asks for the secret', () => {
  assert.equal(remedyOf({ code: 'secret-missing', name: 'office' }), 'store-secret');
  assert.equal(remedyOf({ code: 'peer-authentication-failed', problem: 'wrong-psk' }), 'store-secret');
  assert.equal(remedyOf({ code: 'peer-authentication-failed', problem: 'untrusted' }), 'edit-profile');
  assert.equal(remedyOf({ code: 'requested' }), 'none');
});

function statusWith(bytesIn: number) {
  const state = serviceState('connected', now);
  assert.ok(state.service === 'present');
  const [connection] = state.status.connections;
  const details = connection!.details!;
  const counters = { ...details.counters, bytesIn };
  return { ...state.status, connections: [{ ...connection!, details: { ...details, counters } }] };
}

test('throughput is what the counters moved by, over the time between', () => {
  let history = advanceThroughput({}, statusWith(1000), now);
  assert.deepEqual(history.office?.points, []);
  history = advanceThroughput(history, statusWith(3000), now + 2000);
  assert.deepEqual(history.office?.points, [{ at: now + 2000, received: 1000, sent: 0 }]);
  const same = advanceThroughput(history, statusWith(9000), now + 2100);
  assert.equal(same.office, history.office);
  const restarted = advanceThroughput(history, statusWith(10), now + 4000);
  assert.equal(restarted.office?.points.at(-1)?.received, 0);
});

test('throughput keeps two minutes and forgets connections that are gone', () => {
  let history = advanceThroughput({}, statusWith(0), now);
  for (let second = 1; second <= longestHistory + 30; second++) {
    history = advanceThroughput(history, statusWith(second * 100), now + second * 1000);
  }
  assert.equal(history.office?.points.length, longestHistory);
  assert.deepEqual(advanceThroughput(history, { ...statusWith(0), connections: [] }, now), {});
});
