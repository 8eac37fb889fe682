// A planned restart of the service: the IKE SA waits on the stick, in a compartment that only the card opens, and serves
// once; either alone gives nothing.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRunCards } from '../fakes/card/pcscd.ts';
import { VirtualCard } from '../fakes/card/virtual-card.ts';
import { describeFrame } from './lab/capture.ts';
import { CertificateAuthority } from './lab/certificates.ts';
import { clientIdentity, gatewayIdentity, officeSecret } from './lab/gateway.ts';
import { KeysStage } from './lab/keys-stage.ts';
import { skipUnless } from './lab/requirements.ts';
import { cannotMountSticks } from './lab/stick.ts';
import { answersPing, exerciseTunnel, ping } from './lab/traffic.ts';

describe('a planned restart', { skip: skipUnless() || cannotRunCards || cannotMountSticks }, () => {
  let keys: KeysStage;
  let card: VirtualCard;
  let authority: CertificateAuthority;

  before(async () => {
    keys = await KeysStage.open();
    const { office, client } = keys.stage;
    authority = await CertificateAuthority.create(join(office.lab.directory, 'authority'), 'ecdsa');
    const issued = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=laptop',
      alternativeName: clientIdentity,
      extendedUse: ['clientAuth'],
    });
    card = new VirtualCard();
    const der = new X509Certificate(issued.certificatePem).raw;
    card.put('authentication', createPrivateKey(issued.privateKeyPem), der);
    card.put('key-management', createPrivateKey(issued.privateKeyPem), der);
    await client.run(['secrets', 'remove', 'office']);
    await keys.stage.prepare({ profile: { ike: ['keep_in_vault = "Stick/secrets"'] } });
    await keys.insert(card);
    await keys.createVault();
    await client.run(['keys', 'add', 'office', '--vault', 'Stick'], officeSecret);
  });
  after(async () => {
    await keys?.close();
  });

  const pingHost = () => ping(keys.stage.office.terminal, keys.stage.office.hostAddress, 1);
  const reaches = () => answersPing(keys.stage.office.terminal, keys.stage.office.hostAddress);
  const agreements = () => keys.stage.gateway.log(2000).match(/IKE_SA office\[\d+\] established/g)?.length;
  const kept = () => keys.stage.client.log().match(/its IKE SA is kept for the next start/g)?.length ?? 0;
  const initiatorSpi = async () => {
    const { ike } = JSON.parse(await keys.stage.client.run(['sa', 'list', '--json']));
    return ike[0].initiatorSpi;
  };
  const copyOfStick = (name: string) => join(keys.stage.client.directory, name);

  test('the same IKE SA goes on, with new child SAs and nothing in the clear', async () => {
    const { stage } = keys;
    const { terminal, hostAddress } = stage.office;
    await keys.up(0);
    await pingHost();
    const [before, spi] = [agreements(), await initiatorSpi()];
    const sniffer = await stage.sniff();
    const pings = terminal.start(['ping', '-n', '-q', '-i', '0.01', hostAddress]);
    try {
      await keys.stopService();
      assert.equal(kept(), 1, stage.client.log());
      copyFileSync(copyOfStick('stick.image'), copyOfStick('before.image'));
      await keys.startService();
      assert.equal((await keys.state('failed')).failure?.code, 'medium-removed');
      assert.equal(await reaches(), false);
      keys.stick.plug();
      await keys.answerPin();
      await keys.state('connected');
      await exerciseTunnel(terminal, hostAddress);
      assert.equal(agreements(), before, 'nobody authenticated anew');
      assert.equal(await initiatorSpi(), spi);
    } finally {
      await pings.stop('SIGKILL');
      const frames = await sniffer.stop();
      assert.deepEqual(
        frames
          .filter(({ source, destination }) => source === hostAddress || destination === hostAddress)
          .map(describeFrame),
        [],
      );
    }
    assert.doesNotMatch(await stage.client.run(['keys', 'list']), /associations/);
    await stage.client.rekey('office', 'ike');
    await pingHost();
  });

  test('after a crash there is none to go on with: an agreement as ever', async () => {
    const before = agreements()!;
    await keys.stopService('kill');
    await keys.startService();
    keys.stick.plug();
    await keys.answerPin();
    await keys.state('connected');
    await pingHost();
    assert.equal(agreements(), before + 1);
  });

  test('a gateway that has forgotten it: an agreement as ever, within seconds', async () => {
    await keys.stopService();
    await keys.stage.gateway.stop('SIGKILL');
    await keys.stage.gateway.startDaemon();
    await keys.startService();
    keys.stick.plug();
    await keys.answerPin();
    await keys.state('connected');
    await pingHost();
    assert.match(keys.stage.client.log(), /goes on with its IKE SA of before[\s\S]*connected/);
  });

  test('the card is out: nothing goes on until it is in and its PIN given', async () => {
    const before = agreements();
    await keys.stopService();
    keys.pullCard();
    await keys.startService();
    keys.stick.plug();
    await keys.when('the stick', ({ vaults }) => vaults.some(({ present }) => present) || undefined);
    assert.equal(await reaches(), false);
    assert.equal(agreements(), before);
    await keys.insert(card);
    await keys.answerPin();
    await keys.state('connected');
    await pingHost();
    assert.equal(agreements(), before);
    await keys.removeCard();
    assert.equal((await keys.state('failed')).failure?.code, 'vault-locked');
    assert.equal(await reaches(), false);
    await keys.insert(card);
    await keys.answerPin();
    await keys.state('connected');
  });

  test('the card signs, the stick keeps: the card is not asked to sign again, and pulled it ends all the same', async () => {
    const { client } = keys.stage;
    await client.down('office');
    const server = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=gateway',
      alternativeName: gatewayIdentity,
      extendedUse: ['serverAuth'],
    });
    await client.putSecret('office authority', 'authority', authority.certificatePem);
    await keys.stage.prepare(
      {
        gateway: {
          authentication: { method: 'certificate', certificate: 'gateway.pem', authority: 'clients.pem' },
        },
        profile: {
          authentication: { method: 'card', authorities: ['office authority'] },
          ike: ['keep_in_vault = "Stick/secrets"'],
        },
      },
      {
        'x509/gateway.pem': server.certificatePem,
        'private/gateway.pem': server.privateKeyPem,
        'x509ca/clients.pem': authority.certificatePem,
      },
    );
    await keys.up(1);
    await pingHost();
    const [before, signed] = [agreements(), card.signatures];
    await keys.stopService();
    await keys.startService();
    keys.stick.plug();
    await keys.answerPin();
    await keys.state('connected');
    await pingHost();
    assert.deepEqual([agreements(), card.signatures], [before, signed]);
    keys.pullCard();
    await keys.state('failed');
    assert.equal(await reaches(), false);
    await keys.insert(card);
    for (const _ of ['vault', 'signature']) await keys.answerPin();
    await keys.state('connected');
  });

  test('an older copy of the stick, with an IKE SA that was used, is refused', async () => {
    const before = agreements();
    await keys.stopService();
    copyFileSync(copyOfStick('before.image'), copyOfStick('stick.image'));
    await keys.startService();
    keys.stick.plug();
    await keys.when(
      'the roll-back',
      ({ vaults }) => vaults.some(({ problem }) => problem?.problem === 'rolled-back') || undefined,
    );
    assert.equal(await reaches(), false);
    assert.equal(agreements(), before);
  });
});
