// What the app does for the person with vaults: keys for the keychain and recovery codes are made here, what was in vain
// is taken back, and a card compartment never gets a key of the keychain.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError } from '../../main/control/failure.ts';
import { formatRecoveryCode, readRecoveryCode } from '../../main/control/recovery-code.ts';
import type { VaultSummary } from '../../main/control/vault-values.ts';
import { KeychainError } from '../../main/keys/keychain/keychain.ts';
import { type Keychain, KeyDesk } from '../../main/tray/key-desk.ts';

interface Call {
  readonly name: string;
  readonly parameters: Record<string, unknown>;
  readonly uploads: Readonly<Record<string, string>>;
}

function deskOf(answer: (name: string) => unknown, keychain: Partial<Keychain> = {}) {
  const calls: Call[] = [];
  const sent: Uint8Array[] = [];
  const forgotten: string[] = [];
  const call = async (
    name: string,
    parameters: Record<string, unknown>,
    uploads: Record<string, Uint8Array> = {},
  ) => {
    const texts = Object.entries(uploads).map(([key, bytes]) => [key, Buffer.from(bytes).toString('hex')]);
    sent.push(...Object.values(uploads));
    calls.push({ name, parameters, uploads: Object.fromEntries(texts) });
    return answer(name);
  };
  const desk = new KeyDesk({
    mirror: { call: call as never },
    keychain: {
      make: async () => Buffer.alloc(32, 7),
      read: async () => undefined,
      forget: async (id) => forgotten.push(id) > 0,
      ...keychain,
    },
  });
  return { desk, calls, sent, forgotten };
}

const request = {
  name: 'Travel',
  makeDefault: false,
  removable: false,
  compartment: {
    name: 'secrets',
    kind: 'ordinary' as const,
    rule: 'any' as const,
    protectors: (['passphrase', 'keychain', 'recovery'] as const).map((type) => ({ type, label: type })),
  },
};

test('a vault is made with all its secrets, which are wiped; the code fits to what was sent', async () => {
  const { desk, calls, sent } = deskOf(() => ({ vault: 'a' }));
  const { recoveryCode } = await desk.make({ ...request, passphrase: new TextEncoder().encode('words') });
  const [made] = calls;
  assert.equal(made?.name, 'vault.create');
  assert.equal(made?.uploads.passphrase, Buffer.from('words').toString('hex'));
  assert.equal(made?.uploads.wrappingKey, '07'.repeat(32));
  assert.equal(readRecoveryCode(recoveryCode!).toString('hex'), made?.uploads.recoverySecret);
  const { protectors } = made!.parameters.compartment as { protectors: { type: string; id?: string }[] };
  assert.match(protectors[1]?.id ?? '', /^[0-9a-f]{32}$/);
  assert.equal(
    sent.every((bytes) => bytes.every((byte) => byte === 0)),
    true,
  );
});

test('elsewhere it is made at a path', async () => {
  const { desk, calls } = deskOf(() => ({ vault: 'a' }));
  await desk.make({ ...request, path: '/media/stick/v', removable: true });
  assert.deepEqual(
    [calls[0]?.name, calls[0]?.parameters.path, calls[0]?.parameters.removable],
    ['vault.create-at', '/media/stick/v', true],
  );
});

test('where the service refuses, the key goes out of the keychain again', async () => {
  const { desk, calls, forgotten } = deskOf(() => {
    throw new ControlError({ code: 'refused', method: 'vault.create', right: 'control' });
  });
  await assert.rejects(desk.make(request), ControlError);
  const { protectors } = calls[0]!.parameters.compartment as { protectors: { id?: string }[] };
  assert.deepEqual(forgotten, [protectors[1]?.id]);
});

test('a keychain that cannot be used is told, and nothing is asked of the service', async () => {
  const make = () => Promise.reject(new KeychainError('It is locked.'));
  const { desk, calls } = deskOf(() => ({}), { make });
  await assert.rejects(desk.make(request), (error: ControlError) => {
    assert.deepEqual(error.failure, { code: 'keychain-unusable', detail: 'It is locked' });
    return true;
  });
  assert.deepEqual(calls, []);
});

function summary(kind: 'ordinary' | 'card'): VaultSummary {
  return {
    id: 'a'.repeat(32),
    name: 'Travel',
    owner: 1000,
    default: false,
    removable: false,
    present: true,
    wanted: false,
    compartments: [
      {
        name: 'secrets',
        kind,
        rule: 'any',
        open: false,
        protectors: [{ id: 'b'.repeat(32), type: 'keychain', label: 'keychain' }],
      },
    ],
  };
}

test('opened by the keychain; without its key, and for a card, the service asks', async () => {
  const answer = (kind: 'ordinary' | 'card') => (name: string) =>
    name === 'vault.list' ? { vaults: [summary(kind)] } : { opened: ['secrets'], missing: [] };
  const read = async () => Buffer.alloc(32, 9);
  const kept = deskOf(answer('ordinary'), { read });
  await kept.desk.open({ vault: 'Travel' });
  assert.deepEqual(
    kept.calls.map(({ name, uploads }) => [name, uploads.wrappingKey]),
    [
      ['vault.list', undefined],
      ['vault.open', '09'.repeat(32)],
    ],
  );
  for (const { desk, calls } of [deskOf(answer('ordinary')), deskOf(answer('card'), { read })]) {
    await desk.open({ vault: 'Travel' });
    assert.deepEqual(calls.at(-1), { name: 'vault.open', parameters: { vault: 'Travel' }, uploads: {} });
  }
});

test('a recovery code is sent as its bits; a mistyped one is not sent at all', async () => {
  const secret = Buffer.alloc(20, 0x5a);
  const code = formatRecoveryCode(secret);
  const { desk, calls } = deskOf(() => ({ opened: ['secrets'], missing: [] }));
  await desk.open({ vault: 'Travel', recoveryCode: code });
  assert.equal(calls[0]?.uploads.recoverySecret, secret.toString('hex'));
  const mistyped = Uint8Array.from(code);
  mistyped[13] = mistyped[13] === 0x31 ? 0x32 : 0x31;
  assert.deepEqual((await desk.open({ vault: 'Travel', recoveryCode: mistyped })).codeProblem, {
    problem: 'mistyped',
    group: 3,
  });
  const short = await desk.open({ vault: 'Travel', recoveryCode: code.subarray(0, 20) });
  assert.deepEqual(short.codeProblem, { problem: 'too-short' });
  assert.equal(calls.length, 1);
});

test('a protector that goes takes its key out of the keychain', async () => {
  const { desk, calls, forgotten } = deskOf(() => ({ id: 'c'.repeat(32) }));
  const of = { vault: 'Travel', compartment: 'secrets' };
  await desk.removeProtector({ ...of, id: 'b'.repeat(32) });
  const protector = { type: 'passphrase', label: 'passphrase' } as const;
  await desk.addProtector({ ...of, protector, replaces: 'd'.repeat(32) });
  assert.deepEqual(
    calls.map(({ name }) => name),
    ['keys.remove-protector', 'keys.add-protector'],
  );
  assert.deepEqual(forgotten, ['b'.repeat(32), 'd'.repeat(32)]);
});
