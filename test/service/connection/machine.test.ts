import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backOffMilliseconds,
  type ConnectionEvent,
  type ConnectionModel,
  idleConnection,
  stepConnection,
} from '../../../main/service/connection/machine.ts';

const immediately = { start: 'immediately', keepTrying: false } as const;
const persistent = { start: 'immediately', keepTrying: true } as const;
const onDemand = { start: 'on-demand', keepTrying: false } as const;

function walk(
  events: readonly ConnectionEvent[],
  policy: { start: 'immediately' | 'on-demand'; keepTrying: boolean } = immediately,
  from = idleConnection(0),
) {
  let model: ConnectionModel = from;
  const effects: string[] = [];
  let now = model.sinceMilliseconds;
  for (const event of events) {
    now += 10;
    const step = stepConnection(model, event, policy, now);
    model = step.model;
    effects.push(...step.effects.map((effect) => effect.type));
  }
  return { model, effects };
}

const connect: ConnectionEvent[] = [
  { type: 'up' },
  { type: 'prepared' },
  { type: 'established' },
  { type: 'configured' },
];

test('a connection is prepared, agreed and configured, in this order', () => {
  const { model, effects } = walk(connect);
  assert.equal(model.state, 'connected');
  assert.equal(model.sinceMilliseconds, 40);
  assert.deepEqual(effects, ['prepare', 'set-timer', 'agree', 'configure']);
});

test('on demand, nothing is agreed before a packet asks', () => {
  const waiting = walk([{ type: 'up' }, { type: 'prepared' }], onDemand);
  assert.equal(waiting.model.phase, 'waiting-for-traffic');
  assert.ok(!waiting.effects.includes('agree'));
  assert.ok(walk([{ type: 'traffic' }], onDemand, waiting.model).effects.includes('agree'));
});

test('the first failure ends in failed, with the reason, and answers what waits', () => {
  const { model, effects } = walk([
    { type: 'up' },
    { type: 'prepared' },
    { type: 'closed', reason: { code: 'no-answer', milliseconds: 10_000 } },
  ]);
  assert.equal(model.state, 'failed');
  assert.deepEqual(model.why, { code: 'no-answer', milliseconds: 10_000 });
  assert.ok(effects.includes('answer-waiting'));
  assert.ok(!effects.includes('clean'), 'what is protected stays shut until the user says down');
});

test('asked to keep trying, an unanswered gateway is tried again, a wrong secret is not', () => {
  const failing: ConnectionEvent[] = [{ type: 'up' }, { type: 'prepared' }];
  const silent = walk(
    [...failing, { type: 'closed', reason: { code: 'no-answer', milliseconds: 1 } }],
    persistent,
  );
  assert.equal(silent.model.phase, 'backing-off');
  assert.ok(walk([{ type: 'timer' }], persistent, silent.model).effects.includes('prepare'));
  const refused = walk(
    [...failing, { type: 'closed', reason: { code: 'authentication-failed' } }],
    persistent,
  );
  assert.equal(refused.model.state, 'failed');
});

test('a lost gateway is sought at once, then with longer and longer pauses of at most 30 s', () => {
  const lost = walk([...connect, { type: 'closed', reason: { code: 'dead-peer' } }]);
  assert.equal(lost.model.state, 'reconnecting');
  assert.equal(lost.model.phase, 'preparing');
  let { model } = lost;
  for (let attempt = 1; attempt <= 8; attempt += 1) {
    model = walk(
      [{ type: 'prepared' }, { type: 'closed', reason: { code: 'no-answer', milliseconds: 1 } }],
      immediately,
      model,
    ).model;
    assert.equal(model.phase, 'backing-off');
    assert.equal(model.retryAtMilliseconds! - backOffMilliseconds(attempt), 20 + model.sinceMilliseconds);
    model = walk([{ type: 'timer' }], immediately, model).model;
  }
  assert.equal(backOffMilliseconds(1), 1000);
  assert.equal(backOffMilliseconds(100), 30_000);
  const back = walk(
    [{ type: 'prepared' }, { type: 'established' }, { type: 'configured' }],
    immediately,
    model,
  );
  assert.equal(back.model.state, 'connected');
  assert.equal(back.model.attempts, 0);
});

test('a gateway that refuses again and again after a success is given up', () => {
  let { model } = walk([...connect, { type: 'closed', reason: { code: 'deleted-by-peer' } }]);
  for (let attempt = 0; attempt < 6; attempt += 1) {
    model = walk(
      [
        { type: 'prepared' },
        { type: 'closed', reason: { code: 'authentication-failed' } },
        { type: 'timer' },
      ],
      immediately,
      model,
    ).model;
  }
  assert.equal(model.state, 'failed');
});

test('down cleans from every phase, once', () => {
  for (let length = 1; length <= connect.length; length += 1) {
    const begun = walk(connect.slice(0, length));
    const ended = walk([{ type: 'down' }, { type: 'down' }], immediately, begun.model);
    assert.deepEqual(ended.effects, ['set-timer', 'release-ike', 'clean']);
    assert.equal(walk([{ type: 'cleaned' }], immediately, ended.model).model.state, 'disconnected');
  }
  assert.deepEqual(walk([{ type: 'down' }]).effects, []);
});

test('a change of network starts afresh without waiting for the old peer', () => {
  const changed = walk([...connect, { type: 'network-changed' }]);
  assert.equal(changed.model.state, 'reconnecting');
  assert.deepEqual(changed.effects.slice(-3), ['set-timer', 'release-ike', 'prepare']);
});

test('events that do not fit change nothing', () => {
  const idle = idleConnection(0);
  for (const type of [
    'prepared',
    'established',
    'configured',
    'traffic',
    'network-changed',
    'retry',
    'timer',
    'down',
    'cleaned',
  ] as const) {
    const step = stepConnection(idle, { type }, immediately, 5);
    assert.deepEqual(step.model, idle);
    assert.deepEqual(step.effects, []);
  }
});

test('a down that failed can be said again, and nothing is retried meanwhile', () => {
  const failure = { code: 'network-failed', detail: 'busy' } as const;
  const stuck = walk([...connect, { type: 'down' }, { type: 'clean-failed', failure }]).model;
  assert.equal(stuck.state, 'failed');
  assert.deepEqual(stuck.why, failure);
  assert.deepEqual(walk([{ type: 'retry' }, { type: 'timer' }], immediately, stuck).effects, []);
  assert.deepEqual(walk([{ type: 'traffic' }], onDemand, stuck).effects, ['answer-waiting']);
  const again = walk([{ type: 'down' }, { type: 'cleaned' }], immediately, stuck);
  assert.ok(again.effects.includes('clean'));
  assert.equal(again.model.state, 'disconnected');
});

test('a packet that asks while a connection on demand is prepared is not forgotten', () => {
  const { model, effects } = walk([{ type: 'up' }, { type: 'traffic' }, { type: 'prepared' }], onDemand);
  assert.equal(model.phase, 'agreeing');
  assert.ok(effects.includes('agree'));
});

test('packets for a connection that was refused are answered', () => {
  const refused = walk([
    { type: 'up' },
    { type: 'prepared' },
    { type: 'closed', reason: { code: 'authentication-failed' } },
  ]).model;
  assert.deepEqual(walk([{ type: 'traffic' }], onDemand, refused).effects, ['answer-waiting']);
});

test('a connection on demand whose adapter dies is prepared anew', () => {
  const waiting = walk([{ type: 'up' }, { type: 'prepared' }], onDemand).model;
  const reason = { code: 'adapter-failed', detail: 'gone' } as const;
  const { model, effects } = walk([{ type: 'closed', reason }, { type: 'timer' }], onDemand, waiting);
  assert.equal(model.phase, 'preparing');
  assert.ok(effects.includes('prepare'));
});

test('a card that is taken out ends it at once, and only somebody brings it back', () => {
  const pulled = walk([...connect, { type: 'card-removed' }], persistent);
  assert.deepEqual(
    [pulled.model.state, pulled.model.phase, pulled.model.why?.code],
    ['failed', 'stopped', 'card-removed'],
  );
  assert.equal(pulled.effects.filter((effect) => effect === 'release-ike').length, 1);
  for (const event of ['traffic', 'network-changed'] as const) {
    const after = walk([{ type: event }], { ...onDemand, keepTrying: true }, pulled.model);
    assert.equal(after.model.phase, 'stopped');
    assert.ok(!after.effects.includes('agree'));
  }
  const back = walk(
    [{ type: 'retry' }, { type: 'prepared' }, { type: 'established' }, { type: 'configured' }],
    persistent,
    pulled.model,
  );
  assert.equal(back.model.state, 'connected');
});

test('a prompt that was cancelled is not opened again by itself, even after a success', () => {
  const lost: ConnectionEvent[] = [...connect, { type: 'closed', reason: { code: 'dead-peer' } }];
  const asked: ConnectionEvent[] = [
    { type: 'prepared' },
    { type: 'closed', reason: { code: 'prompt-cancelled', kind: 'pin' } },
  ];
  assert.equal(walk([...lost, ...asked], persistent).model.phase, 'stopped');
});

test('a refused name or password is not tried again by itself, even after a success', () => {
  for (const problem of ['wrong-password', 'account-disabled', 'password-expired'] as const) {
    const { model } = walk(
      [
        ...connect,
        { type: 'closed', reason: { code: 'dead-peer' } },
        { type: 'prepared' },
        { type: 'closed', reason: { code: 'authentication-failed', problem } },
      ],
      persistent,
    );
    assert.deepEqual([model.state, model.phase], ['failed', 'stopped'], problem);
  }
});
