// The password of a connection in virtual prompts: asked for once, again when it was wrong, never too often, stored only
// when it was right, and never another user's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failure } from '../../../main/control/failure.ts';
import type { CredentialSummary } from '../../../main/keys/credentials/store.ts';
import { EapPassword } from '../../../main/service/connection/password.ts';
import { ConnectionProblem } from '../../../main/service/connection/problem.ts';
import type { PromptOutcome, PromptQuestion } from '../../../main/service/prompts/prompts.ts';

const alice = 1000;
const bob = 1001;
const wrong: Failure = { code: 'authentication-failed', problem: 'wrong-password' };

function world(options: { secret?: string; owner?: number; stored?: { owner: number; text: string } } = {}) {
  const live = new Set<Uint8Array>();
  const allocate = (length: number) => {
    const secret = new Uint8Array(length);
    live.add(secret);
    return secret;
  };
  const secretOf = (text: string) => {
    const secret = allocate(Buffer.byteLength(text));
    secret.set(Buffer.from(text));
    return secret;
  };
  let entry = options.stored;
  const questions: PromptQuestion[] = [];
  const waiting: { resolve(outcome: PromptOutcome): void; signal: AbortSignal | undefined }[] = [];
  const password = new EapPassword(
    'office',
    {
      method: 'eap',
      identity: 'alice@example.org',
      secret: options.secret,
      methods: ['mschapv2', 'gtc'],
      authorities: ['company'],
    },
    options.owner ?? alice,
    {
      secrets: {
        allocate,
        free(secret) {
          assert.ok(live.delete(secret), 'freed twice');
          secret.fill(0);
        },
      },
      store: {
        list: () =>
          entry === undefined
            ? []
            : [
                {
                  kind: 'psk',
                  name: options.secret ?? '',
                  owner: entry.owner,
                  storedAtMilliseconds: 0,
                } as CredentialSummary,
              ],
        preSharedKey: () => (entry === undefined ? undefined : secretOf(entry.text)),
        put: (_kind, _name, bytes, { owner = 0 } = {}) => {
          entry = { owner, text: Buffer.from(bytes).toString() };
        },
      },
      prompts: {
        ask(question, signal) {
          questions.push(question);
          return new Promise((resolve) => {
            waiting.push({ resolve, signal });
            signal?.addEventListener('abort', () => resolve({ outcome: 'withdrawn' }));
          });
        },
      },
    },
  );
  return {
    password,
    questions,
    live,
    stored: () => entry,
    answer(text: string, store = false) {
      waiting.shift()!.resolve({ outcome: 'answered', answer: secretOf(text), store });
    },
    end(outcome: 'cancelled' | 'timed-out') {
      waiting.shift()!.resolve({ outcome });
    },
    async given(): Promise<string | undefined> {
      const secret = await password.give('password', '');
      if (secret === undefined) return undefined;
      const text = Buffer.from(secret).toString();
      live.delete(secret);
      return text;
    },
  };
}

async function failureOf(ready: Promise<void>): Promise<Failure> {
  try {
    await ready;
  } catch (error) {
    assert.ok(error instanceof ConnectionProblem);
    return error.failure;
  }
  return assert.fail('it was ready');
}

test('typed once, it serves every later agreement until nobody wants the connection any more', async () => {
  const { password, questions, answer, given, live } = world();
  const ready = password.ready();
  answer('hunter2');
  await ready;
  assert.deepEqual(questions, [
    { kind: 'eap-password', owner: alice, profile: 'office', identity: 'alice@example.org', storable: false },
  ]);
  assert.equal(await given(), 'hunter2');
  password.accepted();
  await password.ready();
  assert.equal(await given(), 'hunter2');
  assert.equal(questions.length, 1);
  password.forget();
  assert.equal(live.size, 0);
});

test('a wrong one is asked for again, three times at most', async () => {
  const { password, questions, answer, live } = world();
  for (const text of ['a', 'b', 'c']) {
    const ready = password.ready();
    answer(text);
    await ready;
    assert.equal(password.mayAskAgain(wrong), text !== 'c');
  }
  assert.deepEqual(
    questions.map(({ failure }) => failure),
    [undefined, 'wrong', 'wrong'],
  );
  assert.equal(live.size, 0);
});

test('what is not the password does not lead to another question', () => {
  const { password } = world();
  assert.equal(password.mayAskAgain({ code: 'no-answer', milliseconds: 1 }), false);
  assert.equal(password.mayAskAgain({ code: 'authentication-failed' }), false);
  assert.equal(password.mayAskAgain({ code: 'authentication-failed', problem: 'account-disabled' }), false);
  assert.equal(password.mayAskAgain({ code: 'authentication-failed', problem: 'no-common-method' }), false);
});

test('the stored one is tried once; then the owner is asked, and his answer stored when it was right', async () => {
  const { password, questions, answer, given, stored } = world({
    secret: 'alice',
    stored: { owner: alice, text: 'outdated' },
  });
  await password.ready();
  assert.equal(await given(), 'outdated');
  assert.equal(questions.length, 0);
  assert.equal(password.mayAskAgain(wrong), true);
  const ready = password.ready();
  answer('new', true);
  await ready;
  assert.equal(questions[0]?.failure, 'wrong');
  assert.equal(questions[0]?.storable, true);
  assert.equal(stored()?.text, 'outdated');
  assert.equal(await given(), 'new');
  password.accepted();
  assert.deepEqual(stored(), { owner: alice, text: 'new' });
  password.forget();
});

test("another user's stored password is neither used nor replaced; root's is used", async () => {
  const foreign = world({ secret: 'alice', owner: bob, stored: { owner: alice, text: 'hers' } });
  const ready = foreign.password.ready();
  assert.equal(foreign.questions[0]?.storable, false);
  foreign.answer('his', true);
  await ready;
  assert.equal(await foreign.given(), 'his');
  const common = world({ secret: 'alice', owner: bob, stored: { owner: 0, text: 'everybody' } });
  await common.password.ready();
  assert.equal(await common.given(), 'everybody');
});

test('cancelled or too late: why, and a later attempt begins anew', async () => {
  const { password, end, answer, questions } = world();
  for (const [outcome, code] of [
    ['cancelled', 'prompt-cancelled'],
    ['timed-out', 'prompt-timed-out'],
  ] as const) {
    const ready = password.ready();
    end(outcome);
    assert.deepEqual(await failureOf(ready), { code, kind: 'eap-password' });
  }
  const ready = password.ready();
  answer('a');
  await ready;
  password.mayAskAgain(wrong);
  const again = password.ready();
  end('cancelled');
  assert.deepEqual(await failureOf(again), wrong, 'what the gateway said counts');
  void password.ready();
  assert.equal(questions.at(-1)?.failure, undefined);
});

test('a change of network leaves the question to whoever is typing; disconnecting withdraws it', async () => {
  const { password, questions } = world();
  const first = password.ready();
  const second = password.ready();
  assert.equal(questions.length, 1);
  password.forget();
  assert.deepEqual(await failureOf(first), { code: 'prompt-cancelled', kind: 'eap-password' });
  await failureOf(second);
});

test('a code is asked for when it is needed, with the words of the gateway, and goes with its exchange', async () => {
  const { password, answer, end, questions, live } = world();
  await Promise.all([password.ready(), answer('hunter2')]);
  const code = password.give('one-time-code', 'Code?');
  assert.equal(questions.at(-1)?.kind, 'one-time-code');
  assert.equal(questions.at(-1)?.message, 'Code?');
  answer('4711');
  assert.equal(Buffer.from((await code)!).toString(), '4711');
  live.delete((await code)!);
  const late = password.give('one-time-code', 'Code?');
  end('timed-out');
  assert.equal(await late, undefined);
  assert.deepEqual(password.explain({ code: 'secret-missing' }), {
    code: 'prompt-timed-out',
    kind: 'one-time-code',
  });
  assert.deepEqual(password.explain({ code: 'dead-peer' }), { code: 'dead-peer' });
  await password.ready();
  const gone = password.give('one-time-code', 'Code?');
  password.exchangeEnded();
  assert.equal(await gone, undefined);
  password.forget();
  assert.equal(live.size, 0);
});
