// What the tray shows: the icon for the state that most wants to be seen, and only the actions that make sense.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConnectionStatus, ProfileSummary, Status } from '../../main/control/values.ts';
import { translateTo } from '../../main/tray/text/translate.ts';
import { type TrayModel, trayIcons, viewOf } from '../../main/tray/view.ts';

const english = translateTo('en');

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

const nothing: TrayModel = {
  state: { service: 'away', controlPath: '/x' },
  throughput: new Map(),
  lastUsed: [],
  startAtLogin: undefined,
  problem: undefined,
};

function model(profiles: readonly ProfileSummary[], connections: readonly ConnectionStatus[]): TrayModel {
  const status: Status = {
    version: '1',
    startedAt: 0,
    connections: [...connections],
    drops: {},
    prompts: [],
    vaults: [],
  };
  return { ...nothing, state: { service: 'present', status, profiles: [...profiles] } };
}

function texts({ menu }: ReturnType<typeof viewOf>): readonly string[] {
  return menu.flatMap((entry) => (entry.type === 'text' ? [entry.label] : []));
}

function actions({ menu }: ReturnType<typeof viewOf>): readonly string[] {
  return menu.flatMap((entry) => (entry.type === 'action' ? [entry.label] : []));
}

const always = ['Open SealNIC', 'Copy diagnostics'];
const quit = 'Quit';
const quitConnected = 'Quit (connections stay as they are)';

test('without the service nothing can be connected', () => {
  const view = viewOf(nothing, english);
  assert.equal(view.icon, 'no-service');
  assert.deepEqual(actions(view), [...always, quit]);
  assert.deepEqual(texts(view), ['The SealNIC service is not running']);
});

test('before the service was heard of it is not said to be away', () => {
  const view = viewOf({ ...nothing, state: { service: 'starting' } }, english);
  assert.deepEqual(texts(view), ['Looking for the SealNIC service …']);
});

test('a profile that is not connected can be connected', () => {
  const view = viewOf(model([profile('office')], []), english);
  assert.equal(view.icon, 'disconnected');
  assert.equal(view.tooltip, 'SealNIC: not connected');
  assert.deepEqual(actions(view), ['Connect office', ...always, quit]);
});

test('the action names the profile', () => {
  const { menu } = viewOf(model([profile('office'), profile('lab')], [connection('lab', {})]), english);
  assert.deepEqual(
    menu.flatMap((entry) => (entry.type === 'action' ? [entry.action] : [])),
    [
      { type: 'connect', profile: 'office' },
      { type: 'disconnect', profile: 'lab' },
      { type: 'open-window' },
      { type: 'copy-diagnostics' },
      { type: 'quit' },
    ],
  );
});

test('what was used last comes first', () => {
  const profiles = [profile('a'), profile('b'), profile('c')];
  const view = viewOf({ ...model(profiles, []), lastUsed: ['c', 'gone', 'b'] }, english);
  assert.deepEqual(actions(view).slice(0, 3), ['Connect c', 'Connect b', 'Connect a']);
});

test('a gateway is no business of the tray', () => {
  const view = viewOf(model([profile('hub', { role: 'gateway' })], [connection('hub', {})]), english);
  assert.equal(view.icon, 'disconnected');
  assert.deepEqual(actions(view), [...always, quit]);
});

test('a failed connection says why, and that its traffic is blocked', () => {
  const failed = connection('office', {
    state: 'failed',
    failure: { code: 'authentication-failed' },
    protectedTraffic: 'blocked',
  });
  const view = viewOf(model([profile('office'), profile('lab')], [failed, connection('lab', {})]), english);
  assert.equal(view.icon, 'blocked');
  assert.deepEqual(actions(view), [
    'Retry office',
    'Disconnect office',
    'Disconnect lab',
    ...always,
    quitConnected,
  ]);
  assert.deepEqual(texts(view), [
    'office: failed',
    'The gateway refused to authenticate us for “office”.',
    'Traffic to its networks is blocked meanwhile',
    'lab: connected',
  ]);
});

test('an icon for each state, and a picture for each icon', () => {
  const seen = new Set<string>(['no-service']);
  for (const state of ['disconnected', 'connecting', 'connected', 'reconnecting', 'failed'] as const) {
    const open = connection('office', { state, protectedTraffic: 'clear' });
    assert.equal(viewOf(model([profile('office')], [open]), english).icon, state);
    seen.add(state);
  }
  seen.add('blocked');
  for (const code of ['card-removed', 'card-missing'] as const) {
    const failure = code === 'card-missing' ? ({ code, reader: 'ready' } as const) : { code };
    const waiting = connection('office', { state: 'failed', protectedTraffic: 'blocked', failure });
    const view = viewOf(model([profile('office')], [waiting]), english);
    assert.equal(view.icon, 'card-missing');
    assert.ok(texts(view).includes('Insert the card to connect office'));
  }
  seen.add('card-missing');
  assert.deepEqual([...seen].sort(), [...trayIcons].sort());
  const folder = join(import.meta.dirname, '..', '..', 'resources', 'tray');
  for (const icon of trayIcons) {
    for (const ending of ['.svg', '.png', '@2x.png', 'Template.png', 'Template@2x.png']) {
      assert.ok(existsSync(join(folder, `${icon}${ending}`)), `${icon}${ending}`);
    }
  }
});

test('connecting can be cancelled', () => {
  for (const state of ['connecting', 'connected'] as const) {
    const view = viewOf(model([profile('office')], [connection('office', { state })]), english);
    assert.deepEqual(actions(view), ['Disconnect office', ...always, quitConnected]);
  }
});

test('the tooltip has the throughput of what is connected', () => {
  const throughput = new Map([['office', { inward: 1_250_000, outward: 930 }]]);
  const connected = { ...model([profile('office')], [connection('office', {})]), throughput };
  assert.equal(viewOf(connected, english).tooltip, 'SealNIC: office connected, ↓ 1.3 MB/s ↑ 930 B/s');
});

test('an invalid profile cannot be connected', () => {
  const view = viewOf(
    model([profile('office', { problem: { line: 3, problem: { code: 'missing' } } })], []),
    english,
  );
  assert.deepEqual(actions(view), [...always, quit]);
  assert.ok(texts(view).includes('office: the profile is not valid'));
});

test('a problem with the last wish is shown', () => {
  const view = viewOf({ ...model([profile('office')], []), problem: 'You may not connect.' }, english);
  assert.deepEqual(texts(view), ['Not connected', 'You may not connect.']);
});

test('starting at login is an entry with a check mark, where it is possible', () => {
  for (const on of [true, false]) {
    const { menu } = viewOf({ ...nothing, startAtLogin: on }, english);
    const entry = menu.find((each) => each.type === 'action' && each.action.type === 'start-at-login');
    assert.deepEqual(entry, {
      type: 'action',
      label: 'Start at login',
      checked: on,
      action: { type: 'start-at-login', on: !on },
    });
  }
});

test('the menu speaks Japanese', () => {
  const view = viewOf(model([profile('office')], []), translateTo('ja'));
  assert.deepEqual(actions(view), ['office に接続', 'SealNIC を開く', '診断情報をコピー', '終了']);
});

test('what the service asks leads to the window', () => {
  const shown = model([profile('office')], [connection('office', { state: 'connecting' })]);
  assert.equal(shown.state.service, 'present');
  if (shown.state.service !== 'present') return;
  const prompt = {
    id: 'prompt-1',
    kind: 'eap-password' as const,
    owner: 1000,
    lastTry: false,
    pinPad: false,
    storable: false,
    openedAt: 0,
    expiresAt: 1,
  };
  const status = { ...shown.state.status, prompts: [prompt, { ...prompt, id: '2', kind: 'card' as const }] };
  const view = viewOf({ ...shown, state: { ...shown.state, status } }, english);
  assert.deepEqual(actions(view).slice(0, 2), ['Enter the password …', 'Insert the card …']);
  const [entry] = view.menu.filter(({ type }) => type === 'action');
  assert.deepEqual(entry?.type === 'action' && entry.action, { type: 'open-window' });
});

test('cards have a line: what is in, or what is missing where a profile wants one', () => {
  const withCards = (cards: Status['cards'], authentication: ProfileSummary['authentication']) => {
    const shown = model([profile('office', { authentication })], []);
    if (shown.state.service !== 'present' || cards === undefined) return texts(viewOf(shown, english));
    const status = { ...shown.state.status, cards };
    return texts(viewOf({ ...shown, state: { ...shown.state, status } }, english));
  };
  const alice = { label: 'alice', reader: 'reader', usable: true };
  assert.ok(withCards({ state: 'ready', cards: [alice] }, 'psk').includes('Card: alice'));
  const unusable = { state: 'ready' as const, cards: [{ ...alice, usable: false }] };
  assert.ok(withCards(unusable, 'psk').includes('Card: alice (cannot be used)'));
  assert.ok(withCards({ state: 'ready', cards: [] }, 'card').includes('No card is in the reader'));
  assert.ok(withCards({ state: 'no-reader', cards: [] }, 'card').includes('There is no card reader'));
  assert.deepEqual(withCards({ state: 'no-library', cards: [] }, 'psk'), ['Not connected']);
});

test('a vault that is locked can be unlocked, unless that is asked for already or it cannot be used', () => {
  const compartment = { name: 'a', kind: 'ordinary', rule: 'any', protectors: [] } as const;
  const of = (name: string, open: boolean, more: Partial<Status['vaults'][number]> = {}) => ({
    ...{ id: name, name, owner: 1000, default: false, removable: false, present: true, wanted: false },
    compartments: [{ ...compartment, open, protectors: [] }],
    ...more,
  });
  const shown = model([], []);
  assert.equal(shown.state.service, 'present');
  if (shown.state.service !== 'present') return;
  const vaults = [
    of('Travel', false),
    of('Open', true),
    of('Out', false, { present: false }),
    of('Old', false, { problem: { problem: 'rolled-back', detail: '' } }),
    of('Asked', false),
  ];
  const prompt = {
    ...{ id: 'p', kind: 'passphrase' as const, owner: 1000, vault: 'Asked' },
    ...{ lastTry: false, pinPad: false, storable: false, openedAt: 0, expiresAt: 1 },
  };
  const status = { ...shown.state.status, vaults, prompts: [prompt] };
  const view = viewOf({ ...shown, state: { ...shown.state, status } }, english);
  const unlocking = actions(view).filter((label) => label.startsWith('Unlock'));
  assert.deepEqual(unlocking, ['Unlock the keys in “Travel” …']);
});

test('a connection that waits for its card says so in the tooltip', () => {
  const waiting = connection('office', { state: 'failed', failure: { code: 'card-removed' } });
  const { icon, tooltip } = viewOf(model([profile('office')], [waiting]), english);
  assert.equal(icon, 'card-missing');
  assert.equal(tooltip, 'SealNIC: Insert the card to connect office');
});
