// `sealnic up` on a real terminal: the answer is not echoed, Ctrl-C cancels, and a question that was answered elsewhere
// goes away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ControlError } from '../../main/control/failure.ts';
import type { Prompt } from '../../main/control/prompt-values.ts';
import {
  connectedStatus,
  FakeService,
  type RunningFake,
  runFake,
  statusOf,
} from '../control/fake-service.ts';

const program = fileURLToPath(new URL('../../main/cli/sealnic.ts', import.meta.url));
const cannotRun =
  process.platform !== 'linux'
    ? 'needs script(1)'
    : process.getuid?.() !== 0
      ? 'the command trusts a service of root only'
      : false;

const prompt: Prompt = {
  id: 'prompt-1',
  kind: 'eap-password',
  owner: 0,
  profile: 'office',
  identity: 'alice',
  lastTry: false,
  pinPad: false,
  storable: false,
  openedAt: 0,
  expiresAt: 1,
};

/** A service that asks once, and connects when it is answered. */
function asking() {
  const answers: string[] = [];
  const settled = Promise.withResolvers<undefined>();
  const end = (outcome: () => void) => {
    outcome();
    api.setStatus(statusOf());
  };
  const api: FakeService = new FakeService({
    'connection.up': async ({ profile }) => {
      api.setStatus({ ...statusOf(), prompts: [prompt] });
      await settled.promise;
      return connectedStatus({ profile });
    },
    'prompts.answer': (_parameters, _caller, { answer }) => {
      answers.push(answer?.toString() ?? '');
      end(() => settled.resolve(undefined));
      return {};
    },
    'prompts.cancel': () => {
      const failure = { code: 'prompt-cancelled', kind: 'eap-password' } as const;
      end(() => settled.reject(new ControlError({ code: 'connection-failed', profile: 'office', failure })));
      return {};
    },
  });
  return { api, answers, elsewhere: () => end(() => settled.resolve(undefined)) };
}

/** The command under script(1), which gives it a terminal; `type` is called when it asks. */
async function upOnTerminal(fake: RunningFake, type: (keys: (text: string) => void) => void) {
  const command = `${process.execPath} ${program} --control ${fake.path} up office`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', SHELL: '/bin/sh' },
  });
  let output = '';
  let asked = false;
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (asked || !output.includes('Password of alice for office: ')) return;
    asked = true;
    type((text) => child.stdin.write(text));
  });
  const [exitCode] = await once(child, 'close');
  return { exitCode, output };
}

test('typed without echo, with corrections', { skip: cannotRun }, async () => {
  const { api, answers } = asking();
  await using fake = await runFake(api);
  const { exitCode, output } = await upOnTerminal(fake, (keys) => keys('hunter3\u007f2\r'));
  assert.equal(exitCode, 0, output);
  assert.deepEqual(answers, ['hunter2']);
  assert.doesNotMatch(output, /hunter/);
  assert.match(output, /office: connected/);
});

test('Ctrl-C at the question cancels it', { skip: cannotRun }, async () => {
  const { api, answers } = asking();
  await using fake = await runFake(api);
  const { exitCode, output } = await upOnTerminal(fake, (keys) => keys('hun\u0003'));
  assert.equal(exitCode, 5, output);
  assert.deepEqual(answers, []);
  assert.match(output, /the question for the password was cancelled/);
});

test('answered elsewhere, the question goes away', { skip: cannotRun }, async () => {
  const { api, answers, elsewhere } = asking();
  await using fake = await runFake(api);
  const { exitCode, output } = await upOnTerminal(fake, (keys) => {
    keys('hun');
    elsewhere();
  });
  assert.equal(exitCode, 0, output);
  assert.deepEqual(answers, []);
  assert.match(output, /office: connected/);
});
