// What there is for Windows, in Wine: the genuine wintun.dll is loaded, and a stand-in with its rings carries packets.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packageFolder } from '../../build/package/npm-package.ts';
import { stableGuid } from '../../main/host/adapter/stable-guid.ts';
import { espVectors } from '../engine/esp/vectors.ts';
import {
  WindowsComputer as Computer,
  noWindows,
  type WindowsComputer,
  wintunPackage,
} from '../fakes/windows/computer.ts';
import { cannotRun, outcome, TestNamespace } from './namespace.ts';

const skip = noWindows || cannotRun;
const port = 47_310;

describe('Windows', { skip }, () => {
  let namespace: TestNamespace;
  let computer: WindowsComputer;
  let program: string;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    namespace = new TestNamespace('windows');
    computer = new Computer(namespace);
    const state = join(computer.folder, 'state');
    mkdirSync(state);
    environment = { SEALNIC_STANDIN_STATE: computer.pathOf(state), SEALNIC_STANDIN_PORT: String(port) };
    computer.buildLibrary(['wintun.c'], 'wintun.dll', '-lws2_32');
    program = await computer.bundle(join(import.meta.dirname, 'windows', 'adapter-program.ts'));
    await computer.install();
  });

  after(async () => {
    await computer.remove();
  });

  async function run(...words: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const [subject = '', ...rest] = words;
    const ended = await computer.run(
      program,
      [subject, computer.pathOf(computer.folder), ...rest],
      environment,
    );
    if (subject !== 'crash') assert.equal(ended.code, 0, `${ended.stdout}\n${ended.stderr}`);
    return new Map(
      ended.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
  }

  test('the library is loaded only from its place, for its processor, and unchanged', async () => {
    const libraries = join(packageFolder(wintunPackage), 'wintun_dll');
    const said = await run(
      'library',
      computer.pathOf(join(libraries, 'wintun-amd64.dll')),
      computer.pathOf(join(libraries, 'wintun-arm64.dll')),
    );
    assert.deepEqual(Object.fromEntries(said), {
      missing: 'missing',
      relative: 'missing',
      changed: 'wrong-hash',
      text: 'wrong-hash',
      'other architecture': 'wrong-architecture',
      'driver of the genuine one': 'none',
    });
  });

  test('cards, rings and errors', async () => {
    assert.equal((await run('crash')).get('open'), 1);
    const said = await run('rings');
    const nothingOpen = {
      adapters: 0,
      sessions: 0,
      notReleased: 0,
      guid: Buffer.from(stableGuid('sealnic-test')).toString('hex'),
      counted: { adapters: 0, sessions: 0 },
    };
    assert.deepEqual(Object.fromEntries(said), {
      'log after a crash': ['warning: An earlier "sealnic-test" was removed.', 'info: Creating the adapter'],
      closed: nothingOpen,
      'access denied': 'access-denied',
      'log of a failure': ['error: Failed to create the device'],
      'old driver in use': 'driver-too-old',
      'driver after the exchange': { major: 0, minor: 14 },
      'a ring of a wrong size': 'failed',
      wait: 'readable',
      read: [true, true, true, true],
      'read of an empty ring': 0,
      'wait for nothing': 'nothing',
      'wait with stop': 'stopped',
      'around the ring': { taken: 300, wrong: 0 },
      'empty and oversized': { read: 1, length: 100, discarded: 2, rearmed: 0 },
      'missed wake-up': { waited: 'readable', read: 1 },
      'stop under load is seen': true,
      written: { dealtWith: 6, refused: 4 },
      rearmed: {
        first: 2,
        again: 0,
        rearmed: 1,
        taken: 2,
        newEvent: true,
        log: ['warning: The driver takes no more packets: its ring is begun anew.'],
      },
      'lost when waiting': 'adapter-lost',
      'lost when reading': 'adapter-lost',
      'lost when writing': 'adapter-lost',
      'in the end': nothingOpen,
    });
  });

  test('pings of Linux are answered through it', async () => {
    const bridge = namespace.start([
      'python3',
      join(import.meta.dirname, '..', 'fakes', 'windows', 'bridge.py'),
      'tun0',
      String(port),
    ]);
    await new Promise((resolve) => bridge.stdout?.once('data', resolve));
    namespace.ip('addr add 10.66.0.1/24 dev tun0', 'link set tun0 up mtu 1400');
    const program = run('echo');
    const ping = await outcome(
      namespace.start(['ping', '-c', '20', '-i', '0.05', '-w', '40', '-s', '1372', '10.66.0.2']),
    );
    assert.match(ping.stdout, /20 received/);
    assert.equal((await program).get('answered'), true);
    bridge.kill();
  });

  test('OpenSSL of node.exe and CNG seal and open the published vectors', async () => {
    const aead = await computer.bundle(join(import.meta.dirname, 'windows', 'aead-program.ts'));
    const ended = await computer.run(aead, []);
    assert.equal(ended.code, 0, ended.stderr);
    const all = espVectors.map(({ name }) => name);
    assert.deepEqual(JSON.parse(ended.stdout), {
      'OpenSSL EVP': { right: all, missing: [] },
      // Wine's CNG has no ChaCha20-Poly1305, as Windows before version 11.
      'Windows CNG': {
        right: all.filter((name) => name.startsWith('AES')),
        missing: all.filter((name) => !name.startsWith('AES')),
      },
    });
  });

  test('a named pipe says who may open it, and who did', async () => {
    const pipe = await computer.bundle(join(import.meta.dirname, 'windows', 'pipe-program.ts'));
    const ended = await computer.run(pipe, []);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(JSON.parse(ended.stdout), {
      access: 'D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x12019b;;;IU)',
      wrong: 87,
      isThisProcess: true,
      isUser: true,
    });
  });
});

test('the GUID of a card depends on its name alone', () => {
  const guid = Buffer.from(stableGuid('sealnic0'));
  assert.equal(guid.length, 16);
  assert.deepEqual(Buffer.from(stableGuid('sealnic0')), guid);
  assert.notDeepEqual(Buffer.from(stableGuid('sealnic1')), guid);
  assert.equal(guid[7]! >> 4, 5, 'version 5, in the high byte of the little-endian third field');
  assert.equal(guid[8]! >> 6, 2, 'the variant of RFC 9562');
});
