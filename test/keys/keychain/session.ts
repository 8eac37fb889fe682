// Runs inside a private session bus, for keychain.test.ts: does with the keychain what the test says and prints what came.
import { execFileSync } from 'node:child_process';
import {
  forgetWrappingKey,
  KeychainError,
  makeWrappingKey,
  readWrappingKey,
} from '../../../main/keys/keychain/keychain.ts';

const id = 'ab'.repeat(16);

async function told(work: () => Promise<unknown>): Promise<string> {
  try {
    const value = await work();
    return value instanceof Buffer ? `key of ${value.length} bytes` : String(value);
  } catch (error) {
    if (error instanceof KeychainError) return 'KeychainError';
    throw error;
  }
}

function lock(): void {
  const arguments_ = [
    '--session',
    '--print-reply',
    '--dest=org.freedesktop.secrets',
    '/org/freedesktop/secrets',
  ];
  const collection = 'array:objpath:/org/freedesktop/secrets/collection/login';
  execFileSync('dbus-send', [...arguments_, 'org.freedesktop.Secret.Service.Lock', collection]);
}

const steps: Readonly<Record<string, () => Promise<string>>> = {
  read: () => told(() => readWrappingKey(id)),
  make: () => told(() => makeWrappingKey(id)),
  same: () =>
    told(async () => {
      const made = await makeWrappingKey(id);
      return made.equals((await readWrappingKey(id))!);
    }),
  forget: () => told(() => forgetWrappingKey(id)),
  lock: async () => {
    lock();
    return 'locked';
  },
};

const outcomes: string[] = [];
for (const step of process.argv.slice(2)) outcomes.push(await steps[step]!());
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
