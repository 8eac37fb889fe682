// PKCS#11 tokens with strongSwan: a key in SoftHSM2, and one on a card that OpenSC speaks to and that is pulled. Both modules
// run in processes without rights.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CardLab, cannotRunCards, type InsertedCard } from '../fakes/card/pcscd.ts';
import { cannotRunSoftHsm, SoftHsm, softHsmModule, tokenPin } from '../fakes/card/softhsm.ts';
import { VirtualCard } from '../fakes/card/virtual-card.ts';
import { CertificateAuthority } from './lab/certificates.ts';
import { until } from './lab/command.ts';
import { clientIdentity, gatewayIdentity } from './lab/gateway.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { answersPing, exerciseTunnel, ping } from './lab/traffic.ts';

const openSc = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
  .map((folder) => `${folder}/opensc-pkcs11.so`)
  .find(existsSync);
const cannotRun =
  skipUnless() || cannotRunSoftHsm || cannotRunCards || (openSc === undefined ? 'needs opensc' : false);

describe('PKCS#11 tokens with strongSwan', { skip: cannotRun }, () => {
  const token = new SoftHsm();
  const readers = new CardLab();
  const card = new VirtualCard();
  let inserted: InsertedCard | undefined;
  let stage: Stage;
  let authority: CertificateAuthority;

  before(async () => {
    await readers.start();
    await token.initialize();
    authority = await CertificateAuthority.create(join(token.directory, 'authority'), 'ecdsa');
    const soft = await issue('rsa', 'O=Office, CN=soft');
    await token.importKey('01', soft.key);
    await token.importCertificate('01', soft.certificate);
    const environment = { ...token.environment, PCSCLITE_CSOCK_NAME: readers.socket };
    const entries = Object.entries(environment).map(([name, value]) => `${name} = "${value}"`);
    stage = await Stage.open({
      client: {
        configuration: [
          '[pkcs11]',
          `modules = ["${softHsmModule}", "${realpathSync(openSc!)}"]`,
          `environment = { ${entries.join(', ')} }`,
          'piv = true',
        ],
      },
    });
    await stage.client.putSecret('office authority', 'authority', authority.certificatePem);
    const hard = await issue('ecdsa', 'O=Office, CN=hard');
    card.put('authentication', hard.key, hard.certificate);
    const server = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=vpn',
      alternativeName: gatewayIdentity,
      extendedUse: ['serverAuth'],
    });
    await stage.prepare(rowOf('soft'), {
      'x509/gateway.pem': server.certificatePem,
      'private/gateway.pem': server.privateKeyPem,
      'x509ca/clients.pem': authority.certificatePem,
    });
  });
  after(async () => {
    inserted?.remove();
    await stage?.close();
    await readers.close();
    token.close();
  });

  async function issue(kind: 'rsa' | 'ecdsa', subject: string) {
    const { certificatePem, privateKeyPem } = await authority.issue(kind, {
      subject,
      alternativeName: clientIdentity,
      extendedUse: ['clientAuth'],
    });
    return { key: createPrivateKey(privateKeyPem), certificate: new X509Certificate(certificatePem).raw };
  }
  function rowOf(name: string) {
    const lines = [`subject = "O=Office, CN=${name}"`];
    return {
      gateway: {
        authentication: { method: 'certificate', certificate: 'gateway.pem', authority: 'clients.pem' },
      },
      profile: { authentication: { method: 'card', authorities: ['office authority'], lines } },
    } as const;
  }
  async function seen(subject: string): Promise<void> {
    await until('the token', 20_000, async () =>
      (await stage.client.run(['card', 'status', '--json'])).includes(subject) ? true : undefined,
    );
  }

  test('a key in SoftHSM2: PIN, connect, work, disconnect', async () => {
    await seen('CN=soft');
    const told = JSON.parse(await stage.client.run(['card', 'status', '--json']));
    assert.equal(told.cards[0].provider, 'pkcs11');
    await stage.client.run(['up', 'office', '--secret-stdin'], `${tokenPin}\n`);
    await exerciseTunnel(stage.office.terminal, stage.office.hostAddress, 1);
    await stage.client.down('office');
    assert.match(
      await stage.client.run(['card', 'test', '--secret-stdin'], `${tokenPin}\n`),
      /the certificate confirms/,
    );
  });

  test('a key made on the token, a request that the authority signs, its certificate, a connection', async () => {
    const file = (name: string) => join(token.directory, name);
    const setup = ['card', 'setup', '--subject', 'O=Office, CN=made', '--name', clientIdentity, '--replace'];
    await stage.client.run([...setup, '--request', file('made.csr'), '--secret-stdin'], `${tokenPin}\n`);
    writeFileSync(file('made.pem'), await authority.sign(file('made.csr')));
    const put = ['card', 'put-certificate', file('made.pem'), '--replace', '--secret-stdin'];
    await stage.client.run(put, `${tokenPin}\n`);
    await stage.prepare(rowOf('made'));
    await stage.client.run(['up', 'office', '--secret-stdin'], `${tokenPin}\n`);
    await ping(stage.office.terminal, stage.office.hostAddress);
    await stage.client.down('office');
  });

  test('the profile on the token itself', async () => {
    await stage.client.run(['card', 'store', 'office', '--secret-stdin'], `${tokenPin}\n`);
    assert.match(await token.tool('--list-objects', '--type', 'data'), /SealNIC channel information/);
    await stage.client.run(['card', 'erase', '--secret-stdin'], `${tokenPin}\n`);
    assert.doesNotMatch(await token.tool('--list-objects', '--type', 'data'), /SealNIC/);
  });

  test('a card by OpenSC: connect; pull it: the connection ends and stays shut', async () => {
    await stage.prepare(rowOf('hard'));
    inserted = await readers.insert(card);
    await seen('CN=hard');
    await stage.client.run(['up', 'office', '--secret-stdin'], '123456\n');
    await ping(stage.office.terminal, stage.office.hostAddress);
    inserted.remove();
    const failed = await until('the end', 20_000, async () => {
      const connection = await stage.client.connection('office');
      return connection?.state === 'failed' ? connection : undefined;
    });
    assert.deepEqual(failed.failure, { code: 'card-removed' });
    assert.equal(failed.protectedTraffic, 'blocked');
    assert.equal(await answersPing(stage.office.terminal, stage.office.hostAddress), false);
    await stage.client.down('office');
  });
});
