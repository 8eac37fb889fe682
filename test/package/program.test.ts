// The packaged program: what is in it and what is not, its fuses, and what it refuses to be started with.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { listPackage } from '@electron/asar';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { Desktop } from '../e2e/desktop.ts';
import { TrayHost } from '../e2e/status-notifier.ts';
import { makePackages, missingForPackages, type Packaged } from './packaged.ts';

const limitMilliseconds = 60_000;
const skip = missingForPackages() ?? (await Desktop.missing()) ?? false;

describe('the packaged program', { skip }, () => {
  let packaged: Packaged;
  let desktop: Desktop;
  before(async () => {
    packaged = makePackages();
    if (process.getuid?.() === 0) chmodSync(join(packaged.unpacked, 'chrome-sandbox'), 0o4755);
    desktop = await Desktop.start();
  });
  after(async () => {
    await desktop?.close();
    packaged?.[Symbol.dispose]();
  });

  test('has its fuses set', async () => {
    const wire = await getCurrentFuseWire(packaged.program);
    const on = (fuse: FuseV1Options) => String.fromCharCode(wire[fuse] as unknown as number) === '1';
    assert.equal(on(FuseV1Options.RunAsNode), false);
    assert.equal(on(FuseV1Options.EnableNodeOptionsEnvironmentVariable), false);
    assert.equal(on(FuseV1Options.EnableNodeCliInspectArguments), false);
    assert.equal(on(FuseV1Options.OnlyLoadAppFromAsar), true);
    assert.equal(on(FuseV1Options.GrantFileProtocolExtraPrivileges), false);
  });

  test('holds the app in an archive and the service beside it, for this platform alone', () => {
    const resources = join(packaged.unpacked, 'resources');
    assert.deepEqual(readdirSync(resources).sort(), ['app.asar', 'app.asar.unpacked', 'service']);
    const inArchive = listPackage(join(resources, 'app.asar'), { isPack: false });
    for (const name of ['/main.cjs', '/preload.cjs', '/renderer/index.html', '/icons/connected.png']) {
      assert.ok(inArchive.includes(name), name);
    }
    const files = [...inArchive, ...readdirSync(packaged.unpacked, { recursive: true, encoding: 'utf8' })];
    const native = files.filter((name) => name.endsWith('.node') || /prebuilds\/[^/]+$/.test(name));
    assert.ok(native.length >= 4);
    const host = new RegExp(`linux[-_]${process.arch}`);
    assert.deepEqual(
      native.filter((name) => !host.test(name)),
      [],
    );
    assert.deepEqual(
      files.filter((name) => /\.(ts|map)$|test\/|key-observer/.test(name)),
      [],
    );
    const service = join(resources, 'service');
    for (const name of ['node', 'sealnic', 'dist/service/packet.wasm', 'licences/npm-packages.txt']) {
      assert.ok(existsSync(join(service, name)), name);
    }
    assert.match(
      readFileSync(join(service, 'licences/npm-packages.txt'), 'utf8'),
      /==== koffi [\d.]+ \(MIT\)/,
    );
  });

  test('is not Node, whatever the environment says', async () => {
    const marker = join(desktop.directory, 'was-run');
    const script = join(desktop.directory, 'foreign.cjs');
    writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`);
    chmodSync(script, 0o644);
    const environment = { ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: `--require ${script}` };
    const app = await started([script], environment);
    assert.equal(existsSync(marker), false);
    assert.doesNotMatch(await app.end(), /Debugger listening/);
  });

  test('opens no inspector', async () => {
    const app = await started(['--inspect=127.0.0.1:0', '--inspect-brk=127.0.0.1:0'], {});
    assert.doesNotMatch(await app.end(), /Debugger listening/);
  });

  for (const argument of ['--remote-debugging-port=0', '--remote-debugging-pipe', '--no-sandbox']) {
    test(`does not start with ${argument}`, async () => {
      const child = desktop.start([packaged.program, argument], withHome());
      let errors = '';
      child.stderr?.on('data', (part) => {
        errors += part;
      });
      const [code] = await once(child, 'close');
      assert.equal(code, 2, errors);
      assert.match(errors, /SealNIC does not start with --/);
      assert.doesNotMatch(errors, /DevTools listening/);
    });
  }

  /** Each a home of its own: the app runs once for each user directory. */
  function withHome(): Record<string, string> {
    const home = mkdtempSync(join(desktop.directory, 'home-'));
    desktop.giveToUser(home);
    return { HOME: home, SEALNIC_CONTROL: join(home, 'no-service.sock') };
  }

  /** The app with its item in the tray, which is what tells that it is up. */
  async function started(programArguments: readonly string[], environment: Record<string, string>) {
    const host = await TrayHost.start(desktop.busAddress);
    const child = desktop.start([packaged.program, ...programArguments], { ...withHome(), ...environment });
    let errors = '';
    child.stderr?.on('data', (part) => {
      errors += part;
    });
    const closed = once(child, 'close');
    try {
      await host.item(limitMilliseconds);
    } catch (error) {
      throw new Error(`no item in the tray: ${errors}`, { cause: error });
    }
    return {
      async end(): Promise<string> {
        await host.click('Quit');
        await closed;
        host.close();
        return errors;
      },
    };
  }
});
