// The first start on a computer without the service, the log as it is written, and a capture: the real Electron against
// a service of fixed answers.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeService, fixtureNow, runFake, statusOf } from '../control/fake-service.ts';
import { Desktop } from './desktop.ts';
import { choosePlace, endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const skip = (await Desktop.missing()) ?? false;
const patienceMilliseconds = 20_000;

test('first start: the service is missing, a button starts it, and the list is done', { skip }, async (t) => {
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const desktop = ends.adopt(await Desktop.start(), (each) => each.close());
  const service = new FakeService({ 'profiles.list': () => ({ profiles: [] }) });
  service.status = statusOf();
  const directory = ends.adopt(mkdtempSync(join(tmpdir(), 'first-')), (each) =>
    rmSync(each, { recursive: true }),
  );
  chmodSync(directory, 0o755);
  // Asks nobody, and only notes what it was to do: the test starts the service then.
  const programs = join(desktop.directory, 'programs');
  mkdirSync(programs);
  const asked = join(desktop.directory, 'asked');
  writeFileSync(join(programs, 'pkexec'), `#!/bin/sh\necho "$@" > ${asked}\n`);
  chmodSync(join(programs, 'pkexec'), 0o755);
  const controlPath = join(directory, 'control.sock');
  const app = ends.adopt(
    await startWindowApp(desktop, {
      controlPath,
      environment: { PATH: `${programs}:${desktop.environment.PATH}`, SEALNIC_COMMAND: '/opt/x/sealnic' },
    }),
    endApp,
  );
  const page = await pageOf(app);
  page.setDefaultTimeout(patienceMilliseconds);
  await page.getByText('What SealNIC needs on this computer').waitFor();
  await screenshot(page, 'first-start');
  await page.getByRole('button', { name: /^(Install|Start) the service$/ }).click();
  while (!existsSync(asked)) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(
    readFileSync(asked, 'utf8'),
    /^(\/opt\/x\/sealnic service install|\S+systemctl start sealnic\.service)\n$/,
  );

  ends.use(
    await runFake(service, {
      path: controlPath,
      sources: { hasActiveLocalSession: () => true, standing: async () => 'after-asking' },
    }),
  );
  await page.getByText('It is running.').waitFor();
  await page.getByText('You may connect and disconnect.').waitFor();
  // No tray host on this desktop.
  await page.getByRole('button', { name: 'Do not say this again' }).click();
  await page.getByText('This desktop shows no tray icons').waitFor({ state: 'detached' });
  await screenshot(page, 'first-start-profile');
  await page.getByRole('button', { name: 'Create a profile' }).click();
  await page.getByRole('dialog').waitFor();
});

test('the log is followed while it is seen; a capture goes to the chosen file', { skip }, async (t) => {
  const ends = new AsyncDisposableStack();
  t.after(() => ends.disposeAsync());
  const desktop = ends.adopt(await Desktop.start(), (each) => each.close());
  let written = 1;
  const service = new FakeService({
    'log.tail': ({ after }) => ({
      lines: Array.from({ length: written }, (_, index) => ({
        sequence: index + 1,
        at: fixtureNow,
        level: index % 2 === 0 ? ('info' as const) : ('error' as const),
        text: `line ${index + 1} of the log`,
      })).filter(({ sequence }) => sequence > after),
      newest: written,
    }),
  });
  service.status = statusOf();
  const sources = { hasActiveLocalSession: () => true, consent: async () => true };
  const fake = ends.use(await runFake(service, { sources }));
  chmodSync(fake.directory, 0o755);
  const app = ends.adopt(await startWindowApp(desktop, { controlPath: fake.path }), endApp);
  const page = await pageOf(app);
  page.setDefaultTimeout(patienceMilliseconds);
  await page.getByRole('button', { name: 'Diagnostics' }).click();

  await page.getByRole('tab', { name: 'Log' }).click();
  await page.getByText('line 1 of the log').waitFor();
  written = 3;
  await page.getByText('line 3 of the log').waitFor();
  await page.getByLabel('Search').fill('LINE 2');
  await page.getByText('line 3 of the log').waitFor({ state: 'detached' });
  assert.equal(await page.getByText('line 2 of the log').count(), 1);

  await page.getByRole('tab', { name: 'Packets' }).click();
  const path = join(desktop.directory, 'office.pcapng');
  await choosePlace(app, path);
  await page.getByLabel('For how many seconds').fill('600');
  await page.getByRole('button', { name: 'Choose a file and begin' }).click();
  await page.getByRole('button', { name: 'Stop now' }).waitFor();
  const block = Buffer.alloc(32);
  block.writeUInt32LE(6, 0);
  block.writeUInt32LE(32, 4);
  assert.equal(service.captureSink?.write(block), true);
  assert.equal(service.captureSink?.write(block), true);
  await page.getByText('64 B', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Stop now' }).click();
  await page.getByText(`2 packets are in ${path}.`).waitFor();
  assert.deepEqual(readFileSync(path), Buffer.concat([block, block]));
  assert.equal(service.captureStops, 1);
});
