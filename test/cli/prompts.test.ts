// `sealnic up` answers what the service asks, and `sealnic prompts` does so from elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError } from '../../main/control/failure.ts';
import type { Prompt } from '../../main/control/prompt-values.ts';
import { connectedStatus, FakeService, fixtureNow, runFake, statusOf } from '../control/fake-service.ts';
import { fakeWorld } from './fake-world.ts';

function promptOf(changes: Partial<Prompt> = {}): Prompt {
  return {
    id: 'prompt-1',
    kind: 'eap-password',
    owner: process.getuid?.() ?? 0,
    profile: 'office',
    identity: 'alice',
    lastTry: false,
    pinPad: false,
    storable: false,
    openedAt: fixtureNow,
    expiresAt: fixtureNow + 90_000,
    ...changes,
  };
}

interface Answered {
  readonly id: string;
  readonly text: string | undefined;
  readonly confirmLastTry: boolean | undefined;
  readonly store: boolean | undefined;
}

/** A service whose `up` asks the prompts one after the other and connects when all are answered. */
function asking(...prompts: readonly Prompt[]) {
  const answered: Answered[] = [];
  const waiting = [...prompts];
  const settled = Promise.withResolvers<undefined>();
  const next = () => {
    waiting.shift();
    if (waiting.length === 0) settled.resolve(undefined);
    api.setStatus({ ...statusOf(), prompts: waiting.slice(0, 1) });
  };
  const api: FakeService = new FakeService({
    'connection.up': async ({ profile }) => {
      api.setStatus({ ...statusOf(), prompts: waiting.slice(0, 1) });
      await settled.promise;
      return connectedStatus({ profile });
    },
    'prompts.answer': ({ id, confirmLastTry, store }, _caller, { answer }) => {
      answered.push({ id, text: answer?.toString(), confirmLastTry, store });
      next();
      return {};
    },
    'prompts.cancel': ({ id }) => {
      const [{ kind } = promptOf()] = waiting;
      answered.push({ id, text: undefined, confirmLastTry: undefined, store: undefined });
      settled.reject(
        new ControlError({
          code: 'connection-failed',
          profile: 'office',
          failure: { code: 'prompt-cancelled', kind },
        }),
      );
      return {};
    },
  });
  return { api, answered };
}

test('up asks on the terminal, and again after a wrong answer', async () => {
  const { api, answered } = asking(promptOf(), promptOf({ id: 'prompt-2', failure: 'wrong', triesLeft: 2 }));
  await using fake = await runFake(api);
  const world = fakeWorld({ answers: ['wrong', 'right'] }, fake);
  assert.equal(await world.run('up', 'office'), 0);
  assert.deepEqual(
    answered.map(({ id, text }) => [id, text]),
    [
      ['prompt-1', 'wrong'],
      ['prompt-2', 'right'],
    ],
  );
  assert.deepEqual(world.terminal.questions, [
    'Password of alice for office: ',
    'Password of alice for office (2 tries left): ',
  ]);
  assert.match(world.terminal.errors, /That was wrong\./);
});

test('Ctrl-C at the question cancels, and says so with exit code 5', async () => {
  const { api } = asking(promptOf());
  await using fake = await runFake(api);
  const world = fakeWorld({ answers: [] }, fake);
  assert.equal(await world.run('up', 'office'), 5);
  assert.match(world.terminal.errors, /the question for the password was cancelled\.\n {2}Connect again/);
});

test('--secret-stdin answers line by line, and cancels when there is none left', async () => {
  const both = [promptOf({ storable: true }), promptOf({ id: 'prompt-2', kind: 'one-time-code' })];
  const { api, answered } = asking(...both);
  await using fake = await runFake(api);
  const world = fakeWorld({ input: 'hunter2\r\n123456\n' }, fake);
  assert.equal(await world.run('up', 'office', '--secret-stdin', '--store'), 0);
  assert.deepEqual(
    answered.map(({ text, store }) => [text, store]),
    [
      ['hunter2', true],
      ['123456', undefined],
    ],
  );
  const short = asking(...both);
  await using other = await runFake(short.api);
  const second = fakeWorld({ input: 'hunter2\n' }, other);
  assert.equal(await second.run('up', 'office', '--secret-stdin'), 5);
  assert.equal(short.answered.at(-1)?.id, 'prompt-2');
});

test('a last try is confirmed by a word of its own', async () => {
  const last = promptOf({ kind: 'pin', triesLeft: 1, lastTry: true });
  const sure = asking(last);
  await using fake = await runFake(sure.api);
  assert.equal(await fakeWorld({ answers: ['yes', '123456'] }, fake).run('up', 'office'), 0);
  assert.deepEqual(sure.answered, [
    { id: 'prompt-1', text: '123456', confirmLastTry: true, store: undefined },
  ]);
  const unsure = asking(last);
  await using other = await runFake(unsure.api);
  assert.equal(await fakeWorld({ answers: ['y', '123456'] }, other).run('up', 'office'), 5);
  assert.equal(unsure.answered[0]?.text, undefined);
});

test('without a terminal the question names the ways to answer it', async () => {
  const { api } = asking(promptOf());
  await using fake = await runFake(api);
  const world = fakeWorld({}, fake);
  const up = world.run('up', 'office');
  const other = fakeWorld({ input: 'right\n' }, fake);
  while (!world.terminal.errors.includes('prompt-1')) await new Promise(setImmediate);
  assert.equal(await other.run('prompts', 'answer'), 0);
  assert.equal(await up, 0);
  assert.match(world.terminal.errors, /sealnic prompts answer prompt-1/);
});

test('status says what the service waits for', async () => {
  const api = new FakeService();
  api.status = { ...statusOf(), connections: [], drops: {}, prompts: [promptOf()] };
  await using fake = await runFake(api);
  const world = fakeWorld({}, fake);
  assert.equal(await world.run('status'), 0);
  assert.match(
    world.terminal.output,
    /^The service waits for you: Password of alice for office\nAnswer: sealnic prompts answer prompt-1\n\n/,
  );
});

test('prompts list, answer and cancel', async () => {
  const api = new FakeService();
  api.status = { ...statusOf(), prompts: [promptOf(), promptOf({ id: 'prompt-2', kind: 'pin' })] };
  await using fake = await runFake(api);
  const list = fakeWorld({}, fake);
  assert.equal(await list.run('prompts', 'list'), 0);
  assert.equal(
    list.terminal.output,
    'ID        WHAT      FOR            EXPIRES\n' +
      'prompt-1  password  alice, office  in 1 min 30 s\n' +
      'prompt-2  PIN       alice, office  in 1 min 30 s\n',
  );
  const typed = fakeWorld({ answers: ['123456'] }, fake);
  assert.equal(await typed.run('prompts', 'answer', 'prompt-2', '--confirm-last-try'), 0);
  const call = api.calls.at(-1)!;
  assert.deepEqual(call.parameters, { id: 'prompt-2', confirmLastTry: true });
  assert.equal(Buffer.from(call.uploads.answer!, 'hex').toString(), '123456');
  assert.equal(await fakeWorld({}, fake).run('prompts', 'cancel'), 0);
  assert.deepEqual(api.calls.at(-1)?.parameters, { id: 'prompt-1' });
  api.status = statusOf();
  assert.equal(await fakeWorld({}, fake).run('prompts', 'answer'), 2);
});
