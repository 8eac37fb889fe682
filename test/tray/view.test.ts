// What the tray shows: the icon for the state that most wants to be seen, and only the actions that make sense.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionStatus, ProfileSummary, Status } from '../../main/control/values.ts';
import { type TrayModel, viewOf } from '../../main/tray/view.ts';

function profile(name: string, more: Partial<ProfileSummary> = {}): ProfileSummary {
  return { name, role: 'client', authentication: 'psk', state: 'disconnected', ...more };
}

function connection(name: string, more: Partial<ConnectionStatus>): ConnectionStatus {
  return {
    profile: name,
    state: 'connected',
    since: 0,
    owner: 1000,
    protectedTraffic: 'sealed',
    lockdown: false,
    ...more,
  };
}

function model(profiles: readonly ProfileSummary[], connections: readonly ConnectionStatus[]): TrayModel {
  const status: Status = { version: '1', startedAt: 0, connections: [...connections], drops: {} };
  return { status, profiles, problem: undefined };
}

function texts({ menu }: ReturnType<typeof viewOf>): readonly string[] {
  return menu.flatMap((entry) => (entry.type === 'text' ? [entry.label] : []));
}

function actions({ menu }: ReturnType<typeof viewOf>): readonly string[] {
  return menu.flatMap((entry) => (entry.type === 'action' ? [entry.label] : []));
}

const quit = 'Quit (connections stay as they are)';

test('without the service there is nothing to do but to quit', () => {
  const view = viewOf({ status: undefined, profiles: [profile('office')], problem: undefined });
  assert.equal(view.icon, 'no-service');
  assert.deepEqual(actions(view), [quit]);
  assert.deepEqual(texts(view), ['The SealNIC service is not running']);
});

test('a profile that is not connected can be connected', () => {
  const view = viewOf(model([profile('office')], []));
  assert.equal(view.icon, 'disconnected');
  assert.equal(view.tooltip, 'SealNIC: not connected');
  assert.deepEqual(actions(view), ['Connect office', quit]);
});

test('the action names the profile', () => {
  const { menu } = viewOf(model([profile('office'), profile('lab')], [connection('lab', {})]));
  assert.deepEqual(
    menu.flatMap((entry) => (entry.type === 'action' ? [entry.action] : [])),
    [{ type: 'connect', profile: 'office' }, { type: 'disconnect', profile: 'lab' }, { type: 'quit' }],
  );
});

test('a gateway is no business of the tray', () => {
  const view = viewOf(model([profile('hub', { role: 'gateway' })], [connection('hub', {})]));
  assert.equal(view.icon, 'disconnected');
  assert.deepEqual(actions(view), [quit]);
});

test('a failed connection says why, and that its traffic is blocked', () => {
  const failed = connection('office', {
    state: 'failed',
    failure: { code: 'authentication-failed' },
    protectedTraffic: 'blocked',
  });
  const view = viewOf(model([profile('office'), profile('lab')], [failed, connection('lab', {})]));
  assert.equal(view.icon, 'failed');
  assert.deepEqual(actions(view), ['Try again: office', 'Disconnect office', 'Disconnect lab', quit]);
  const lines = texts(view);
  assert.equal(lines[0], 'office: failed');
  assert.match(lines[1] ?? '', /office/);
  assert.equal(lines[2], 'Protected traffic is blocked until then');
  assert.equal(lines[3], 'lab: connected');
});

test('connecting can be cancelled', () => {
  for (const state of ['connecting', 'connected'] as const) {
    const view = viewOf(model([profile('office')], [connection('office', { state })]));
    assert.equal(view.icon, state);
    assert.deepEqual(actions(view), ['Disconnect office', quit]);
  }
});

test('an invalid profile cannot be connected', () => {
  const view = viewOf(model([profile('office', { problem: 'line 3' })], []));
  assert.deepEqual(actions(view), [quit]);
  assert.ok(view.menu.some((entry) => entry.type === 'text' && entry.label.includes('not valid')));
});

test('a problem with the last wish is shown', () => {
  const view = viewOf({ ...model([profile('office')], []), problem: 'You may not connect.' });
  assert.deepEqual(texts(view), ['Not connected', 'You may not connect.']);
});
