// Prompts in virtual time: they end by answer, cancelling, time or withdrawal, are their owner's alone, and leave nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError, type ControlFailure } from '../../../main/control/failure.ts';
import { promptSchema } from '../../../main/control/prompt-values.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { Prompts } from '../../../main/service/prompts/prompts.ts';

const alice = 1000;
const bob = 1001;
const cannotRun = process.platform === 'linux' ? false : 'locked pages are bound for Linux only';

function world() {
  let now = 5000;
  let ids = 0;
  const timers = new Set<{ at: number; call: () => void }>();
  const secrets = new SecretMemory();
  const prompts = new Prompts({
    secrets,
    now: () => now,
    schedule(at, call) {
      const timer = { at, call };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    wallClock: (at) => 1_000_000 + at,
    randomId: () => `prompt-${++ids}`,
    timeoutMilliseconds: 120_000,
  });
  return {
    prompts,
    secrets,
    timers,
    advance(milliseconds: number) {
      now += milliseconds;
      for (const timer of [...timers]) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.call();
      }
    },
  };
}

function failureOf(act: () => void): ControlFailure | undefined {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ControlError);
    return error.failure;
  }
  return undefined;
}

test('an answer reaches whoever asked, in locked memory', { skip: cannotRun }, async () => {
  const { prompts, secrets, timers } = world();
  const asked = prompts.ask({ kind: 'pin', owner: alice, profile: 'office', triesLeft: 3 });
  const [prompt] = prompts.all;
  assert.deepEqual(prompt, {
    id: 'prompt-1',
    kind: 'pin',
    owner: alice,
    profile: 'office',
    triesLeft: 3,
    lastTry: false,
    pinPad: false,
    storable: false,
    openedAt: 1_005_000,
    expiresAt: 1_125_000,
  });
  assert.deepEqual(promptSchema.parse(prompt), prompt);
  prompts.answer(alice, 'prompt-1', { store: true }, Buffer.from('123456'));
  const outcome = await asked;
  assert.equal(outcome.outcome, 'answered');
  assert.ok(outcome.outcome === 'answered' && outcome.answer !== undefined);
  assert.equal(Buffer.from(outcome.answer).toString(), '123456');
  assert.equal(outcome.store, false, 'only what is storable may be stored');
  assert.ok(secrets.addressOf(outcome.answer) > 0);
  secrets.free(outcome.answer);
  assert.equal(secrets.liveCount, 0);
  assert.deepEqual(prompts.all, []);
  assert.equal(timers.size, 0);
});

test('without an answer it ends in time, and an answer afterwards finds nothing', async () => {
  const { prompts, advance } = world();
  const asked = prompts.ask({ kind: 'passphrase', owner: alice, vault: 'stick' });
  advance(119_999);
  assert.equal(prompts.all.length, 1);
  advance(1);
  assert.deepEqual(await asked, { outcome: 'timed-out' });
  const late = failureOf(() => prompts.answer(alice, 'prompt-1', {}, Buffer.from('x')));
  assert.deepEqual(late, { code: 'prompt-not-found' });
});

test('another user, and root too, may not answer; root may cancel', async () => {
  const { prompts, secrets } = world();
  const asked = prompts.ask({ kind: 'eap-password', owner: alice });
  for (const uid of [bob, 0]) {
    const refused = failureOf(() => prompts.answer(uid, 'prompt-1', {}, Buffer.from('x')));
    assert.deepEqual(refused, { code: 'prompt-refused', reason: 'not-yours' });
  }
  const refused = failureOf(() => prompts.cancel({ uid: bob, administrator: false }, 'prompt-1'));
  assert.deepEqual(refused, { code: 'prompt-refused', reason: 'not-yours' });
  assert.equal(prompts.all.length, 1);
  assert.equal(secrets.liveCount, 0);
  prompts.cancel({ uid: 0, administrator: true }, 'prompt-1');
  assert.deepEqual(await asked, { outcome: 'cancelled' });
});

test('the last try needs its confirmation, and nothing is accepted that does not fit', async () => {
  const { prompts, secrets } = world();
  const reason = (...given: Parameters<Prompts['answer']>) => {
    const failure = failureOf(() => prompts.answer(...given));
    return failure?.code === 'prompt-refused' ? failure.reason : failure?.code;
  };
  const pin = Buffer.from('1234');
  void prompts.ask({ kind: 'pin', owner: alice, triesLeft: 1, lastTry: true });
  assert.equal(reason(alice, 'prompt-1', {}, pin), 'last-try');
  assert.equal(reason(alice, 'prompt-1', { confirmLastTry: true }, undefined), 'empty');
  assert.equal(reason(alice, 'prompt-1', { confirmLastTry: true }, Buffer.alloc(0)), 'empty');
  assert.equal(reason(alice, 'prompt-1', { confirmLastTry: true }, pin), undefined);
  const onReader = prompts.ask({ kind: 'pin', owner: alice, pinPad: true });
  assert.equal(reason(alice, 'prompt-2', {}, pin), 'pin-pad');
  assert.equal(reason(alice, 'prompt-2', {}, undefined), undefined);
  assert.deepEqual(await onReader, { outcome: 'answered', answer: undefined, store: false });
  void prompts.ask({ kind: 'card', owner: alice });
  assert.equal(reason(alice, 'prompt-3', {}, undefined), 'card-expected');
  secrets.close();
});

test('whoever asked withdraws by signal, before and after', async () => {
  const { prompts, timers } = world();
  const controller = new AbortController();
  const asked = prompts.ask({ kind: 'card', owner: alice }, controller.signal);
  controller.abort();
  assert.deepEqual(await asked, { outcome: 'withdrawn' });
  assert.deepEqual(await prompts.ask({ kind: 'card', owner: alice }, controller.signal), {
    outcome: 'withdrawn',
  });
  assert.deepEqual(prompts.all, []);
  assert.equal(timers.size, 0);
});

test('changes are told, and closing ends everything', async () => {
  const { prompts } = world();
  let changes = 0;
  const watch = prompts.onChange(() => changes++);
  const asked = [prompts.ask({ kind: 'pin', owner: alice }), prompts.ask({ kind: 'puk', owner: bob })];
  assert.equal(changes, 2);
  prompts.close();
  assert.equal(changes, 4);
  assert.deepEqual(await Promise.all(asked), [{ outcome: 'withdrawn' }, { outcome: 'withdrawn' }]);
  watch.close();
  void prompts.ask({ kind: 'pin', owner: alice });
  assert.equal(changes, 4);
});

test('one owner cannot be buried under questions', async () => {
  const { prompts } = world();
  const first = prompts.ask({ kind: 'pin', owner: alice });
  void prompts.ask({ kind: 'pin', owner: bob });
  for (let count = 0; count < 8; count++) void prompts.ask({ kind: 'pin', owner: alice });
  assert.deepEqual(await first, { outcome: 'cancelled' });
  assert.equal(prompts.all.filter(({ owner }) => owner === alice).length, 8);
  assert.equal(prompts.all.filter(({ owner }) => owner === bob).length, 1);
});

test("a peer's words cannot move the cursor, change direction or fill the screen", () => {
  const { prompts } = world();
  const hostile = `\u001b[2J\u202eEnter\r\ncode\u0000 ${'😀'.repeat(300)}`;
  void prompts.ask({
    kind: 'one-time-code',
    owner: alice,
    message: hostile,
    identity: 'alice\u001b[31m',
    card: { label: 'A\nB', reader: 'R\u200f' },
  });
  const [prompt] = prompts.all;
  assert.ok(prompt);
  assert.doesNotMatch(prompt.message ?? '', /[\p{Cc}\p{Cf}]/u);
  assert.match(prompt.message ?? '', /^\[2J Enter code/);
  assert.ok((prompt.message ?? '').length <= 200);
  assert.deepEqual(prompt.card, { label: 'A B', reader: 'R' });
  assert.ok(promptSchema.safeParse(prompt).success);
});
