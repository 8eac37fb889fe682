// A smart card in tray and window: the real service with strongSwan on the other side, a real pcscd, and a card that is
// missing, comes, is pulled and comes back.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { CardLab, cannotRunCards, type InsertedCard } from '../fakes/card/pcscd.ts';
import { VirtualCard } from '../fakes/card/virtual-card.ts';
import { CertificateAuthority } from '../interop/lab/certificates.ts';
import { clientIdentity, gatewayIdentity } from '../interop/lab/gateway.ts';
import { skipUnless } from '../interop/lab/requirements.ts';
import { clearFrames, Stage } from '../interop/lab/stage.ts';
import { answersPing, ping } from '../interop/lab/traffic.ts';
import { Desktop } from './desktop.ts';
import { TrayHost } from './status-notifier.ts';
import { bundleFor, endApp, pageOf, screenshot, startWindowApp } from './window-app.ts';

const patienceMilliseconds = 40_000;
const skip = skipUnless() || cannotRunCards || (await Desktop.missing()) || false;

describe('a smart card in tray and window', { skip }, () => {
  const ends = new AsyncDisposableStack();
  const readers = new CardLab();
  let stage: Stage;
  let card: VirtualCard;
  let inserted: InsertedCard;
  let host: TrayHost;
  let page: Page;
  let disconnectedIcon: string;

  before(async () => {
    process.env.PCSCLITE_CSOCK_NAME = readers.socket;
    await readers.start();
    ends.defer(() => readers.close());
    stage = await Stage.open({ client: { service: ['control_group = "nogroup"'] } });
    ends.defer(() => stage.close());
    ends.defer(() => inserted?.remove());
    await connectsByCard();
    for (const folder of [dirname(stage.client.directory), stage.client.directory]) chmodSync(folder, 0o711);

    const desktop = await Desktop.start();
    ends.defer(() => desktop.close());
    host = await TrayHost.start(desktop.busAddress);
    ends.defer(() => host.close());
    await bundleFor(desktop);
    const app = await startWindowApp(desktop, { controlPath: stage.client.controlSocket });
    ends.defer(() => endApp(app));
    page = await pageOf(app);
    page.setDefaultTimeout(patienceMilliseconds);
    await host.item(patienceMilliseconds);
    await host.menuWith('Connect office', patienceMilliseconds);
    disconnectedIcon = await host.iconBytes();
  });
  after(() => ends.disposeAsync());

  async function connectsByCard(): Promise<void> {
    const authority = await CertificateAuthority.create(
      join(stage.office.lab.directory, 'authority'),
      'ecdsa',
    );
    const server = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=vpn',
      alternativeName: gatewayIdentity,
      extendedUse: ['serverAuth'],
    });
    const { certificatePem, privateKeyPem } = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=laptop',
      alternativeName: clientIdentity,
      extendedUse: ['clientAuth'],
    });
    card = new VirtualCard();
    card.put('authentication', createPrivateKey(privateKeyPem), new X509Certificate(certificatePem).raw);
    await stage.client.putSecret('office authority', 'authority', authority.certificatePem);
    const gateway = {
      authentication: { method: 'certificate', certificate: 'gateway.pem', authority: 'clients.pem' },
    } as const;
    const profile = { authentication: { method: 'card', authorities: ['office authority'] } } as const;
    await stage.prepare(
      { gateway, profile },
      {
        'x509/gateway.pem': server.certificatePem,
        'private/gateway.pem': server.privateKeyPem,
        'x509ca/clients.pem': authority.certificatePem,
      },
    );
  }
  async function typePin(pin: string): Promise<void> {
    const dialog = page.getByRole('dialog', { name: 'Enter the PIN' });
    await dialog.getByLabel('PIN').fill(pin);
    await dialog.getByLabel('PIN').press('Enter');
  }
  const carries = () => ping(stage.office.terminal, stage.office.hostAddress);

  test('without the card: asked for in tray and window', async () => {
    await host.click('Connect office');
    await host.menuWith('Insert the card to connect office', patienceMilliseconds);
    assert.notEqual(await host.iconBytes(), disconnectedIcon);
    await screenshot(page, 'card-missing');
  });

  test('inserted: the PIN is asked for; wrong, then right', async () => {
    inserted = await readers.insert(card);
    await typePin('000000');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('That was wrong. Try again.').waitFor();
    assert.match(await dialog.innerText(), /Tries left\s+2/);
    await screenshot(page, 'card-pin-wrong');
    await typePin('123456');
    await host.menuWith('office: connected', patienceMilliseconds);
    await carries();
  });

  test('its page tells of the card', async () => {
    await page.getByRole('button', { name: 'Keys', exact: true }).click();
    await page.getByRole('tab', { name: 'Smart card' }).click();
    await page.getByText('CN=laptop').first().waitFor();
    await screenshot(page, 'card-page');
    await page.getByRole('button', { name: 'Connection', exact: true }).click();
  });

  test('pulled: it ends, says why, and nothing leaks; inserted again, it goes on', async () => {
    const sniffer = await stage.sniff();
    inserted.remove();
    await host.menuWith('Insert the card to connect office', patienceMilliseconds);
    assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress), false);
    await page
      .getByText(/^Blocked: /)
      .first()
      .waitFor();
    await screenshot(page, 'card-pulled');
    assert.deepEqual(clearFrames(await sniffer.stop()), []);

    inserted = await readers.insert(card);
    await typePin('123456');
    await host.menuWith('office: connected', patienceMilliseconds);
    await carries();
  });
});
