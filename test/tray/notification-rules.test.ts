// A person is told of every change once, with its reason, and of nothing that is no change.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Prompt } from '../../main/control/prompt-values.ts';
import type { ConnectionStatus } from '../../main/control/values.ts';
import type { ServiceState } from '../../main/tray/ipc.ts';
import { NotificationRules, notificationText } from '../../main/tray/notification-rules.ts';
import { translateTo } from '../../main/tray/text/translate.ts';

const away: ServiceState = { service: 'away', controlPath: '/x' };

function present(...connections: Partial<ConnectionStatus>[]): ServiceState {
  return {
    service: 'present',
    profiles: [
      { name: 'office', role: 'client', authentication: 'psk', state: 'disconnected' },
      { name: 'hub', role: 'gateway', authentication: 'psk', state: 'disconnected' },
    ],
    status: {
      version: '1',
      startedAt: 0,
      drops: {},
      prompts: [],
      vaults: [],
      connections: connections.map((each) => ({
        profile: 'office',
        state: 'connected',
        since: 0,
        owner: 1000,
        protectedTraffic: 'sealed',
        lockdown: false,
        ...each,
      })),
    },
  };
}

/** The kinds of what is told for each state in turn. */
function told(...states: ServiceState[]): readonly (readonly string[])[] {
  const rules = new NotificationRules();
  return states.map((state) => rules.next(state).map(({ kind }) => kind));
}

test('what is so when the app starts is no news', () => {
  assert.deepEqual(told({ service: 'starting' }, present({ state: 'connected' })), [[], []]);
  assert.deepEqual(told({ service: 'starting' }, away), [[], []]);
});

test('a connection comes up, is lost, fails and ends: each is told once', () => {
  const reconnecting = present({ state: 'reconnecting', failure: { code: 'dead-peer' } });
  const failed = present({ state: 'failed', failure: { code: 'authentication-failed' } });
  assert.deepEqual(
    told(
      present(),
      present({ state: 'connected' }),
      reconnecting,
      reconnecting,
      present({ state: 'connected' }),
      present({ state: 'connected' }),
      reconnecting,
      failed,
      failed,
      present(),
    ),
    [[], ['connected'], ['reconnecting'], [], ['connected'], [], ['reconnecting'], ['failed'], [], []],
  );
});

test('connecting is no news, and its failure is', () => {
  assert.deepEqual(
    told(present({ state: 'disconnected' }), present({ state: 'connecting' }), present({ state: 'failed' })),
    [[], [], ['failed']],
  );
});

test('the end of a connection is told, whether its status stays or goes', () => {
  assert.deepEqual(told(present({}), present({ state: 'disconnected' })), [[], ['disconnected']]);
  assert.deepEqual(told(present({}), present(), present()), [[], ['disconnected'], []]);
});

test('a service that stops is told once, not once for each connection', () => {
  const stopping = present({ state: 'disconnected', failure: { code: 'service-stopping' } });
  assert.deepEqual(told(present({}), stopping, away, away, present({})), [
    [],
    [],
    ['service-away'],
    [],
    ['connected'],
  ]);
});

test('what did not change while the service was away is not told again', () => {
  assert.deepEqual(told(present({}), away, present({})), [[], ['service-away'], []]);
});

test('a service that was started anew and has connected again tells so, whatever was seen in between', () => {
  const anew = (...connections: Partial<ConnectionStatus>[]): ServiceState => {
    const state = present(...connections);
    return state.service === 'present' ? { ...state, status: { ...state.status, startedAt: 1 } } : state;
  };
  assert.deepEqual(told(present({}), away, anew({}), anew({})), [[], ['service-away'], ['connected'], []]);
  assert.deepEqual(told(present({}), away, anew({ state: 'connecting' }), anew({})), [
    [],
    ['service-away'],
    [],
    ['connected'],
  ]);
});

test('a gateway is no business of the person at this computer', () => {
  assert.deepEqual(told(present(), present({ profile: 'hub', state: 'failed' })), [[], []]);
});

test('the words have the reason, what to do, and that traffic is blocked', () => {
  const text = notificationText(
    { kind: 'failed', profile: 'office', failure: { code: 'dead-peer' }, blocked: true },
    translateTo('en'),
  );
  assert.equal(text.title, 'office could not be connected');
  assert.equal(
    text.body,
    'The gateway of “office” has stopped answering. Check the network; the gateway may be restarting. ' +
      'Traffic to its networks is blocked meanwhile.',
  );
  const asked = notificationText(
    { kind: 'disconnected', profile: 'office', failure: { code: 'requested' }, blocked: false },
    translateTo('ja'),
  );
  assert.equal(asked.title, 'office を切断しました');
  assert.equal(asked.body, 'このネットワークへの通信は保護されていません。');
});

test('a prompt is told once, also one that is open when the app starts', () => {
  const prompt: Prompt = {
    id: 'prompt-1',
    kind: 'pin',
    owner: 1000,
    profile: 'office',
    lastTry: false,
    pinPad: false,
    storable: false,
    openedAt: 0,
    expiresAt: 1,
  };
  const asking = (...prompts: Prompt[]): ServiceState => {
    const state = present({ state: 'connecting' });
    return state.service === 'present' ? { ...state, status: { ...state.status, prompts } } : state;
  };
  const other = { ...prompt, id: 'prompt-2' };
  assert.deepEqual(told(asking(prompt), asking(prompt), asking(other), asking(), asking(other)), [
    ['prompt'],
    [],
    ['prompt'],
    [],
    ['prompt'],
  ]);
  assert.deepEqual(notificationText({ kind: 'prompt', prompt }, translateTo('en')), {
    title: 'SealNIC asks for the PIN',
    body: 'office waits for it. Open SealNIC to answer.',
  });
});
