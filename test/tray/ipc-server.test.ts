// The commands of the window: checked, carried out, and answered with a value or a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError } from '../../main/control/failure.ts';
import type { ServiceState, Settings } from '../../main/tray/ipc.ts';
import type { DiagnosticsHost } from '../../main/tray/ipc-diagnostics-server.ts';
import { type IpcHost, IpcServer } from '../../main/tray/ipc-server.ts';
import type { KeyDesk } from '../../main/tray/key-desk.ts';

const settings: Settings = {
  theme: 'system',
  language: 'system',
  contrast: 'system',
  motion: 'system',
  notifications: true,
  checkForUpdates: false,
  startAtLogin: false,
  connectOnStart: [],
};
const away: ServiceState = { service: 'away', controlPath: '/x' };

interface Call {
  readonly name: string;
  readonly parameters: unknown;
  readonly uploads: Readonly<Record<string, string>>;
}

function serverOf(answer: (name: string) => unknown = () => ({}), changes: Partial<IpcHost> = {}) {
  const calls: Call[] = [];
  const waits: number[] = [];
  const changed: unknown[] = [];
  const opened: string[] = [];
  let clock = 1000;
  const call = async (name: string, parameters: unknown, uploads: Record<string, Uint8Array> = {}) => {
    const texts = Object.entries(uploads).map(([key, bytes]) => [key, Buffer.from(bytes).toString()]);
    calls.push({ name, parameters, uploads: Object.fromEntries(texts) });
    return answer(name);
  };
  const server = new IpcServer({
    mirror: { state: away, refresh: async () => away, call: call as IpcHost['mirror']['call'] },
    visible: () => true,
    settings: () => settings,
    changeSettings: (each) => changed.push(each),
    information: () => assert.fail('not asked for'),
    copyDiagnostics: async () => undefined,
    openPage: async (url) => void opened.push(url),
    quit: () => undefined,
    diagnostics: { saveFile: async () => true } as unknown as DiagnosticsHost,
    keys: {
      mirror: { call: call as IpcHost['mirror']['call'] },
      desk: {} as KeyDesk,
      chooseFile: async () => '/home/user/x.vault',
      asksFor: () => undefined,
    },
    now: () => clock,
    wait: async (milliseconds) => {
      waits.push(milliseconds);
      clock += milliseconds;
    },
    ...changes,
  });
  return { server, calls, waits, changed, opened };
}

test('a method of the service is handed through', async () => {
  const { server, calls } = serverOf(() => ({ explanations: [] }));
  const parameters = { destination: '10.1.0.1', destinationPort: 443 };
  const outcome = await server.handle('filter.explain', parameters);
  assert.deepEqual(outcome, { ok: true, value: { explanations: [] } });
  assert.deepEqual(calls, [{ name: 'filter.explain', parameters, uploads: {} }]);
});

test('a sign-in page is let through, then opened, and only where it is a web page', async () => {
  const allowed = { url: 'http://192.0.2.7/login', until: 5 };
  const good = serverOf(() => allowed);
  assert.deepEqual(await good.server.handle('portal.open', { profile: 'office' }), {
    ok: true,
    value: allowed,
  });
  assert.deepEqual(good.opened, [allowed.url]);
  assert.equal(good.calls[0]?.name, 'connection.allowPortal');
  const bad = serverOf(() => ({ url: 'file:///etc/passwd', until: 5 }));
  await bad.server.handle('portal.open', { profile: 'office' });
  assert.deepEqual(bad.opened, []);
});

test('a file is saved by a plain name only', async () => {
  const files: unknown[] = [];
  const { server } = serverOf(undefined, {
    diagnostics: {
      saveFile: async (...file: unknown[]) => {
        files.push(file);
        return false;
      },
    } as unknown as DiagnosticsHost,
  });
  const save = (suggestedName: string) => server.handle('file.save', { suggestedName, text: 'x' });
  assert.deepEqual(await save('office.toml'), { ok: true, value: { saved: false } });
  for (const name of ['../office.toml', '/etc/passwd', 'a\\b', '']) {
    const outcome = await save(name);
    assert.ok(!outcome.ok && outcome.failure.code === 'invalid-request', name);
  }
  assert.deepEqual(files, [['office.toml', 'x']]);
});

test('what is not in the schema does not reach the service', async () => {
  const { server, calls } = serverOf();
  for (const [name, parameters] of [
    ['connection.up', { profile: '../x', wait: false }],
    ['connection.up', { profile: 'office', wait: false, more: 1 }],
    ['connection.down', undefined],
    ['sa.delete', { spi: 'xyz' }],
    ['secrets.put', { name: 'x', kind: 'psk', secret: 'a text' }],
    ['settings.set', { theme: 'pink' }],
    ['settings.set', { unknown: true }],
  ] as const) {
    const outcome = await server.handle(name, parameters);
    assert.ok(!outcome.ok && outcome.failure.code === 'invalid-request', name);
  }
  for (const name of ['toString', '__proto__', 'capture.start', 7, undefined]) {
    const outcome = await server.handle(name, {});
    assert.ok(!outcome.ok && outcome.failure.code === 'unknown-method', String(name));
  }
  assert.deepEqual(calls, []);
});

test('a failure crosses as code and parameters', async () => {
  const failure = { code: 'profile-in-use', profile: 'office' } as const;
  const { server } = serverOf(() => {
    throw new ControlError(failure);
  });
  assert.deepEqual(await server.handle('profiles.remove', { profile: 'office' }), { ok: false, failure });
  const { server: broken } = serverOf(() => {
    throw new Error('disk full');
  });
  assert.deepEqual(await broken.handle('profiles.remove', { profile: 'office' }), {
    ok: false,
    failure: { code: 'internal', detail: 'disk full' },
  });
});

test('secrets go as uploads and are wiped, also where the command is refused', async () => {
  const { server, calls } = serverOf();
  const secret = new TextEncoder().encode('correct horse');
  await server.handle('secrets.put', { name: 'office', kind: 'psk', secret });
  assert.deepEqual(calls, [
    {
      name: 'secrets.put',
      parameters: { name: 'office', kind: 'psk' },
      uploads: { secret: 'correct horse' },
    },
  ]);
  assert.ok(secret.every((byte) => byte === 0));

  const refused = new TextEncoder().encode('correct horse');
  const outcome = await server.handle('secrets.put', { name: '', kind: 'psk', secret: refused });
  assert.equal(outcome.ok, false);
  assert.ok(refused.every((byte) => byte === 0));
  assert.doesNotMatch(JSON.stringify(outcome), /correct|horse/);
});

test('the answer to a prompt goes as an upload and is wiped; a PIN pad has none', async () => {
  const { server, calls } = serverOf();
  const answer = new TextEncoder().encode('123456');
  await server.handle('prompts.answer', { id: 'prompt-1', confirmLastTry: true, answer });
  await server.handle('prompts.answer', { id: 'prompt-2' });
  assert.deepEqual(calls, [
    {
      name: 'prompts.answer',
      parameters: { id: 'prompt-1', confirmLastTry: true },
      uploads: { answer: '123456' },
    },
    { name: 'prompts.answer', parameters: { id: 'prompt-2' }, uploads: {} },
  ]);
  assert.ok(answer.every((byte) => byte === 0));
});

test('profiles are imported, checked and saved from text', async () => {
  const { server, calls } = serverOf();
  const passphrase = new TextEncoder().encode('open');
  const file = { fileName: 'office.sswan', text: '{}', replace: false };
  await server.handle('profiles.import', { ...file, name: 'office', passphrase });
  await server.handle('profiles.validate', { fileName: 'x.toml', text: 'a = 1' });
  await server.handle('profiles.save', { profile: 'lab', text: 'b = 2', replace: true });
  assert.deepEqual(calls, [
    {
      name: 'profiles.import',
      parameters: { fileName: 'office.sswan', replace: false, name: 'office' },
      uploads: { content: '{}', passphrase: 'open' },
    },
    { name: 'profiles.validate', parameters: { fileName: 'x.toml' }, uploads: { content: 'a = 1' } },
    {
      name: 'profiles.import',
      parameters: { fileName: 'lab.toml', name: 'lab', replace: true },
      uploads: { content: 'b = 2' },
    },
  ]);
});

test('verdicts are pulled at most ten times a second', async () => {
  const { server, calls, waits } = serverOf(() => ({ samples: [] }));
  for (let each = 0; each < 4; each++) await server.handle('verdicts.tail', { after: 0, limit: 10 });
  assert.equal(calls.length, 4);
  assert.deepEqual(waits, [100, 100, 100]);
});

test('a hidden window gets no verdicts and no fresh counters', async () => {
  let refreshed = 0;
  const { server, calls } = serverOf(() => ({ samples: [] }), {
    visible: () => false,
    mirror: {
      state: away,
      refresh: async () => {
        refreshed++;
        return away;
      },
      call: () => assert.fail('asked the service'),
    },
  });
  const tail = await server.handle('verdicts.tail', { after: 0, limit: 10 });
  assert.deepEqual(tail, { ok: true, value: { samples: [] } });
  assert.deepEqual(await server.handle('state.refresh', {}), { ok: true, value: away });
  assert.equal(refreshed, 0);
  assert.deepEqual(calls, []);
});

test('settings are changed by part', async () => {
  const { server, changed } = serverOf();
  const outcome = await server.handle('settings.set', { theme: 'dark', connectOnStart: ['office'] });
  assert.deepEqual(outcome, { ok: true, value: settings });
  assert.deepEqual(changed, [{ theme: 'dark', connectOnStart: ['office'] }]);
});
