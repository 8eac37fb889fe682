// Prompts at the control endpoint: status and list tell the owner alone; others are refused; answers are wiped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlClient } from '../../../main/control/client.ts';
import { ControlError } from '../../../main/control/failure.ts';
import type { Prompt } from '../../../main/control/prompt-values.ts';
import type { Peer } from '../../../main/service/endpoint/rights.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { promptHandlers } from '../../../main/service/methods/prompts.ts';
import { Prompts } from '../../../main/service/prompts/prompts.ts';
import { FakeService, type RunningFake, runFake, statusOf } from '../../control/fake-service.ts';

const alice = 1000;
const bob = 1001;

/** A service that asks; whoever connects next is the user `as`. */
async function asking() {
  const secrets = new SecretMemory();
  let ids = 0;
  const prompts = new Prompts({
    secrets,
    now: () => 0,
    schedule: () => () => undefined,
    wallClock: (at) => at,
    randomId: () => `prompt-${++ids}`,
    timeoutMilliseconds: 120_000,
  });
  const api = new FakeService(promptHandlers(prompts));
  prompts.onChange(() => api.setStatus({ ...statusOf(), prompts: [...prompts.all] }));
  let uid = alice;
  const fake = await runFake(api, {
    sources: { hasActiveLocalSession: () => true },
    peerOf: (): Peer => ({ pid: 1, uid, gid: uid, groups: [], startTime: '1' }),
  });
  const connect = (as: number) => {
    uid = as;
    return fake.connect();
  };
  return { fake, prompts, secrets, connect };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ControlError);
    const { failure } = error;
    return failure.code === 'prompt-refused' ? failure.reason : failure.code;
  }
  return 'done';
}

/** The first pushed status with so many prompts. */
async function pushedPrompts(client: ControlClient, many: number): Promise<readonly Prompt[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Prompt[]>();
  await client.subscribe(({ prompts }) => {
    if (prompts.length === many) resolve(prompts);
  });
  return await promise;
}

test('only the owner sees a prompt, in list, status and stream', async () => {
  const { fake, prompts, connect } = await asking();
  await using _: RunningFake = fake;
  void prompts.ask({ kind: 'eap-password', owner: alice, profile: 'office' });
  for (const uid of [bob, 0]) {
    const other = await connect(uid);
    assert.deepEqual(await other.call('prompts.list', {}), { prompts: [] });
    assert.deepEqual((await other.call('status', {})).prompts, []);
    assert.deepEqual(await pushedPrompts(other, 0), []);
  }
  const own = await connect(alice);
  assert.equal((await own.call('prompts.list', {})).prompts[0]?.id, 'prompt-1');
  assert.equal((await own.call('status', {})).prompts[0]?.profile, 'office');
  assert.equal((await pushedPrompts(own, 1))[0]?.kind, 'eap-password');
});

test('another user is refused, root too, and the answer is wiped', async () => {
  const { fake, prompts, secrets, connect } = await asking();
  await using _: RunningFake = fake;
  const asked = prompts.ask({ kind: 'eap-password', owner: alice });
  for (const uid of [bob, 0]) {
    const other = await connect(uid);
    const answer = Buffer.from('hunter2');
    assert.equal(await codeOf(other.call('prompts.answer', { id: 'prompt-1' }, { answer })), 'not-yours');
  }
  const stranger = await connect(bob);
  assert.equal(await codeOf(stranger.call('prompts.cancel', { id: 'prompt-1' })), 'not-yours');
  const own = await connect(alice);
  await own.call('prompts.answer', { id: 'prompt-1' }, { answer: Buffer.from('right') });
  const outcome = await asked;
  assert.ok(outcome.outcome === 'answered' && outcome.answer !== undefined);
  assert.equal(Buffer.from(outcome.answer).toString(), 'right');
  secrets.free(outcome.answer);
  for (const buffer of fake.api.uploadBuffers) assert.ok(buffer.every((byte) => byte === 0));
  assert.equal(secrets.liveCount, 0);
});

test('too long an answer, a strange id and a second answer are refused', async () => {
  const { fake, prompts, secrets, connect } = await asking();
  await using _: RunningFake = fake;
  const asked = prompts.ask({ kind: 'passphrase', owner: alice });
  const own = await connect(alice);
  const long = Buffer.alloc(4097, 1);
  assert.equal(
    await codeOf(own.call('prompts.answer', { id: 'prompt-1' }, { answer: long })),
    'invalid-request',
  );
  assert.equal(await codeOf(own.call('prompts.cancel', { id: '../../etc' })), 'invalid-request');
  assert.equal(await codeOf(own.call('prompts.answer', { id: 'prompt-1' }, {})), 'empty');
  const answer = () => Buffer.from('passphrase');
  assert.equal(await codeOf(own.call('prompts.answer', { id: 'prompt-1' }, { answer: answer() })), 'done');
  const again = own.call('prompts.answer', { id: 'prompt-1' }, { answer: answer() });
  assert.equal(await codeOf(again), 'prompt-not-found');
  const outcome = await asked;
  if (outcome.outcome === 'answered' && outcome.answer !== undefined) secrets.free(outcome.answer);
  assert.equal(secrets.liveCount, 0);
});
