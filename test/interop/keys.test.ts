// Keys split between a smart card and a stick, against strongSwan: the card signs and opens the vault, the vault on the
// stick has the rest; neither serves without the other, and what is changed on the stick is taken over live.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRunCards } from '../fakes/card/pcscd.ts';
import { VirtualCard } from '../fakes/card/virtual-card.ts';
import { CertificateAuthority, type KeyKind } from './lab/certificates.ts';
import { clientIdentity, gatewayIdentity, gatewaySettings, officeSecret } from './lab/gateway.ts';
import { KeysStage } from './lab/keys-stage.ts';
import { profileText } from './lab/profile.ts';
import { skipUnless } from './lab/requirements.ts';
import { sealnicProgram } from './lab/sealnic.ts';
import { answersPing, fetchPage, ping } from './lab/traffic.ts';

describe('keys split between card and stick', { skip: skipUnless() || cannotRunCards }, () => {
  let keys: KeysStage;
  let authority: CertificateAuthority;
  let card: VirtualCard;
  const reaches = () => answersPing(keys.stage.office.terminal, keys.stage.office.hostAddress);
  const pingHost = () => ping(keys.stage.office.terminal, keys.stage.office.hostAddress, 1);

  before(async () => {
    keys = await KeysStage.open();
    const { office, client } = keys.stage;
    authority = await CertificateAuthority.create(join(office.lab.directory, 'authority'), 'ecdsa');
    card = await cardWith('ecdsa', 256);
    await client.run(['secrets', 'remove', 'office']);
  });
  after(async () => {
    await keys?.close();
  });

  /** 9A signs for the connection, 9D opens vaults. */
  async function cardWith(kind: KeyKind, keySize: number): Promise<VirtualCard> {
    const signing = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=laptop',
      alternativeName: clientIdentity,
      extendedUse: ['clientAuth'],
    });
    const made = new VirtualCard();
    const der = (pem: string) => new X509Certificate(pem).raw;
    made.put('authentication', createPrivateKey(signing.privateKeyPem), der(signing.certificatePem));
    const management = await authority.issue(kind, { subject: 'O=Office, CN=laptop', keySize });
    const managementKey = createPrivateKey(management.privateKeyPem);
    made.put('key-management', managementKey, der(management.certificatePem));
    return made;
  }

  test('a pre-shared key on the stick that the card opens: either alone fails, both connect', async () => {
    const { stage } = keys;
    await stage.prepare({});
    await keys.insert(card);
    await keys.createVault();
    await stage.client.run(['keys', 'add', 'office', '--vault', 'Stick'], officeSecret);
    await keys.up(0);
    await pingHost();
    await keys.removeCard();
    assert.equal((await keys.state('failed')).failure?.code, 'vault-locked');
    assert.equal(await reaches(), false);
    await stage.client.down('office');

    // The stick alone: the card is asked for, and whoever has none is told.
    const alone = stage.client.attempt(['up', 'office']);
    const asked = await keys.cancel('card');
    assert.equal(asked.vault, 'Stick');
    const outcome = await alone;
    assert.equal(outcome.code, 5);
    assert.match(outcome.stderr, /card/);
    assert.equal(await reaches(), false);
    await stage.client.down('office');

    // The card alone.
    await keys.pullStick();
    await keys.insert(card);
    const without = await stage.client.attempt(['up', 'office']);
    assert.notEqual(without.code, 0);
    assert.match(without.stderr, /medium with the vault "Stick" is out/);
    assert.equal(await reaches(), false);
    await stage.client.down('office');

    await keys.plugStick();
    await keys.up(1);
    await pingHost();
  });

  test('a key that is changed on the stick serves the next agreement; what is connected stays', async () => {
    const { stage } = keys;
    const { office } = stage;
    assert.notEqual(await fetchPage(office.terminal, office.hostAddress, 80), undefined);
    const before = await keys.state('connected');
    const next = 'the secret of the next agreement';
    await keys.stick.change(card.keys.get(0x9d)!, (compartment) => {
      compartment.put({
        kind: 'psk',
        name: 'office',
        owner: 0,
        storedAtMilliseconds: 0,
        value: Buffer.from(next),
      });
      const rows =
        '[[filter]]\nprotocol = "tcp"\ndestination = "10.1.0.2"\ndestination_ports = "80"\naction = "DISCARD"\n';
      compartment.put({
        kind: 'filter',
        name: 'web',
        owner: 0,
        storedAtMilliseconds: 0,
        value: Buffer.from(rows),
      });
    });
    await keys.when(
      'the changed stick',
      ({ vaults }) => vaults.some(({ generation }) => generation === 3) || undefined,
    );
    const shown = await stage.client.filterRows();
    assert.ok(
      shown.some(({ id }) => id === 'vault-Stick-1'),
      'rows on the stick take effect',
    );
    assert.equal(await fetchPage(office.terminal, office.hostAddress, 80), undefined);
    assert.notEqual(await fetchPage(office.terminal, office.hostAddress, 443), undefined);
    assert.equal((await keys.state('connected')).since, before.since);
    await pingHost();
    await stage.client.down('office');
    await stage.gateway.load({
      swanctl: gatewaySettings({ authentication: { method: 'psk', secret: next, clientIdentity } }),
    });
    await keys.up(0);
    await pingHost();
    await stage.client.down('office');
  });

  test('nothing but the card opens it, whoever asks: keychain and system are refused, also by a client', async () => {
    const { client } = keys.stage;
    await keys.removeCard();
    await keys.vaultIs(false);
    const made = await client.attempt([
      'vault',
      'create',
      'Both',
      '--only-card',
      '--protector',
      'card',
      'system',
    ]);
    assert.notEqual(made.code, 0);
    await assert.rejects(keys.openByKey('Stick', randomBytes(32)), /vault-problem/);
    await keys.vaultIs(false);
  });

  test('another user neither sees nor answers the PIN prompt', async () => {
    const { client, office } = keys.stage;
    await keys.insert(card);
    const connecting = client.attempt(['up', 'office']);
    const { id } = await keys.prompt('pin');
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const command = [process.execPath, sealnicProgram, '--control', client.controlSocket];
    const listed = await office.terminal.attempt([...nobody, ...command, 'prompts', 'list', '--json']);
    assert.ok(!listed.stdout.includes(id));
    const answered = await office.terminal.attempt([...nobody, ...command, 'prompts', 'answer', id], {
      input: '123456\n',
    });
    assert.notEqual(answered.code, 0);
    assert.equal(card.pin.tries, 3);
    await keys.answerPin();
    assert.equal((await connecting).code, 0);
    await client.down('office');
  });

  test('a link, a pipe, a device: no vault is made or taken from there', async () => {
    const { client } = keys.stage;
    const at = (name: string) => join(keys.stage.client.directory, name);
    symlinkSync(at('nowhere'), at('link.vault'));
    execFileSync('mkfifo', [at('pipe.vault')]);
    for (const path of [at('link.vault'), at('pipe.vault'), '/dev/zero']) {
      const outcome = await client.attempt(['vault', 'enrol', path]);
      assert.notEqual(outcome.code, 0, path);
      assert.doesNotMatch(outcome.stderr, /internal|\n {4}at /, path);
    }
  });

  for (const [kind, keySize] of [
    ['ecdsa', 384],
    ['rsa', 2048],
  ] as const) {
    test(`the authority on the stick, the card signs: ${kind} with ${keySize} bits opens the vault`, async () => {
      const { stage } = keys;
      const server = await authority.issue('ecdsa', {
        subject: 'O=Office, CN=vpn',
        alternativeName: gatewayIdentity,
        extendedUse: ['serverAuth'],
      });
      await stage.gateway.load({
        swanctl: gatewaySettings({
          authentication: { method: 'certificate', certificate: 'gateway.pem', authority: 'clients.pem' },
        }),
        files: {
          'x509/gateway.pem': server.certificatePem,
          'private/gateway.pem': server.privateKeyPem,
          'x509ca/clients.pem': authority.certificatePem,
        },
      });
      const name = `office ${keySize}`;
      const profile = { method: 'card', authorities: [name] } as const;
      const { gatewayAddress } = stage.office;
      await stage.client.importProfile('office', profileText({ gatewayAddress, authentication: profile }));
      await keys.removeCard();
      const other = await cardWith(kind, keySize);
      await keys.insert(other);
      const made = ['vault', 'create', `Card ${keySize}`, '--only-card', '--protector', 'card'];
      await stage.client.run(made);
      const put = ['keys', 'add', name, '--kind', 'authority', '--vault', `Card ${keySize}`];
      await stage.client.run(put, authority.certificatePem);
      await keys.reinsert(other);
      // One PIN opens the vault, one lets the card sign.
      await keys.up(2);
      await pingHost();
      await stage.client.down('office');
    });
  }
});
