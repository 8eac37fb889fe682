// Name and password by EAP with strongSwan: stored, typed through the command line, wrong, cancelled, too late.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CertificateAuthority } from './lab/certificates.ts';
import { until } from './lab/command.ts';
import { gatewayIdentity } from './lab/gateway.ts';
import { skipUnless } from './lab/requirements.ts';
import { type RowChoice, Stage } from './lab/stage.ts';

const right = 'correct horse battery staple ÄÖ';

describe('name and password with strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  let files: Record<string, string>;
  before(async () => {
    stage = await Stage.open({ client: { service: ['prompt_timeout = 4'] } });
    const authority = await CertificateAuthority.create(
      join(stage.office.lab.directory, 'authority'),
      'ecdsa',
    );
    const server = await authority.issue('ecdsa', {
      subject: 'O=Office, CN=vpn',
      alternativeName: gatewayIdentity,
      extendedUse: ['serverAuth'],
    });
    files = { 'x509/gateway.pem': server.certificatePem, 'private/gateway.pem': server.privateKeyPem };
    await stage.client.putSecret('office authority', 'authority', authority.certificatePem);
    await stage.client.putSecret('alice', 'psk', right);
  });
  after(async () => {
    const log = stage?.client.log() ?? '';
    await stage?.close();
    for (const secret of [right, 'outdated']) assert.ok(!log.includes(secret), 'no password in the log');
  });

  /** `secret`: the stored password; undefined: asked for. */
  function choice(eap: string, secret: string | undefined, methods?: readonly string[]): RowChoice {
    return {
      gateway: {
        authentication: { method: 'eap', certificate: 'gateway.pem', eap, users: { alice: right } },
      },
      profile: {
        localIdentity: 'alice',
        authentication: {
          method: 'eap',
          identity: 'alice',
          authorities: ['office authority'],
          ...(secret !== undefined && { secret }),
          ...(methods !== undefined && { methods }),
        },
      },
    };
  }

  /** What `sealnic up` said and did with these lines as the person's answers. */
  async function up(row: RowChoice, ...answers: readonly string[]) {
    await stage.prepare(row, files);
    const outcome = await stage.client.attempt(
      ['up', 'office', '--secret-stdin'],
      answers.map((answer) => `${answer}\n`).join(''),
    );
    const status = await stage.client.connection('office');
    await stage.client.attempt(['down', 'office']);
    return { ...outcome, status };
  }

  for (const method of ['eap-mschapv2', 'eap-gtc']) {
    test(`${method}: the stored password`, async () => {
      const row = choice(method, 'alice');
      await stage.prepare(row, files);
      await stage.row(row, async () => {
        assert.match(stage.gateway.log(400), /EAP method .* succeeded/);
      });
    });

    test(`${method}: typed, once wrong`, async () => {
      const { code, stdout, stderr } = await up(choice(method, undefined), 'wrong', right);
      assert.equal(code, 0, `${stderr}\n${stage.gateway.log(60)}`);
      assert.match(stdout, /connected/);
      assert.match(stderr, /That was wrong\./);
    });
  }

  test('a wrong password three times: no more questions, and words that say so', async () => {
    const asked = (stage.gateway.log(4000).match(/EAP-MS-CHAPv2 verification failed/g) ?? []).length;
    const { code, stderr, status } = await up(choice('eap-mschapv2', undefined), 'a', 'b', 'c', right);
    assert.equal(code, 5);
    assert.match(stderr, /name or password/);
    assert.deepEqual(status?.failure, { code: 'authentication-failed', problem: 'wrong-password' });
    const now = (stage.gateway.log(4000).match(/EAP-MS-CHAPv2 verification failed/g) ?? []).length;
    assert.equal(now - asked, 3, 'the gateway was asked once for each answer');
  });

  test('a wrong stored password is followed by a question; what is typed is stored where that is wished', async () => {
    await stage.client.putSecret('alice', 'psk', 'outdated');
    await stage.prepare(choice('eap-mschapv2', 'alice'), files);
    const first = await stage.client.attempt(['up', 'office', '--secret-stdin', '--store'], `${right}\n`);
    assert.equal(first.code, 0, first.stderr);
    await stage.client.down('office');
    const second = await stage.client.attempt(['up', 'office']);
    assert.equal(second.code, 0, second.stderr);
    await stage.client.down('office');
  });

  test('cancelled: the gateway is not even asked', async () => {
    const before = stage.gateway.log(4000).length;
    const { code, stderr, status } = await up(choice('eap-mschapv2', undefined));
    assert.equal(code, 5);
    assert.match(stderr, /the question for the password was cancelled/);
    assert.deepEqual(status?.failure, { code: 'prompt-cancelled', kind: 'eap-password' });
    assert.doesNotMatch(stage.gateway.log(4000).slice(before), /IKE_SA_INIT request/);
  });

  test('not answered in time', async () => {
    await stage.prepare(choice('eap-mschapv2', undefined), files);
    const { code, stderr } = await stage.client.attempt(['up', 'office']);
    assert.equal(code, 5);
    assert.match(stderr, /sealnic prompts answer/);
    assert.match(stderr, /the password was not given in time/);
    await stage.client.down('office');
    assert.deepEqual((await stage.client.status()).prompts, []);
  });

  test('answered from another terminal', async () => {
    await stage.prepare(choice('eap-gtc', undefined), files);
    const connecting = stage.client.attempt(['up', 'office']);
    while ((await stage.client.status()).prompts.length === 0);
    await stage.client.run(['prompts', 'answer'], `${right}\n`);
    const { code, stderr } = await connecting;
    assert.equal(code, 0, stderr);
    await stage.client.down('office');
  });

  test('the gateway ends the connection: it comes back by the password that was typed', async () => {
    await stage.prepare(choice('eap-mschapv2', undefined), files);
    const typed = await stage.client.attempt(['up', 'office', '--secret-stdin'], `${right}\n`);
    assert.equal(typed.code, 0, typed.stderr);
    const logins = () => (stage.gateway.log(4000).match(/EAP method .* succeeded/g) ?? []).length;
    const before = logins();
    await stage.gateway.terminate('office');
    await until('the connection', 20_000, async () => {
      const { prompts } = await stage.client.status();
      assert.deepEqual(prompts, []);
      const again = await stage.client.connection('office');
      return logins() > before && again?.state === 'connected' ? true : undefined;
    });
    await stage.client.down('office');
  });

  test('MD5 is refused, and so is a method that the profile does not allow', async () => {
    for (const row of [choice('eap-md5', 'alice'), choice('eap-gtc', 'alice', ['mschapv2'])]) {
      const { code, stderr, status } = await up(row);
      assert.equal(code, 5, stderr);
      assert.match(stderr, /no method of logging in/);
      assert.deepEqual(status?.failure, { code: 'authentication-failed', problem: 'no-common-method' });
    }
  });

  test('no password is sent to a gateway with the wrong certificate', async () => {
    const other = await CertificateAuthority.create(
      join(stage.office.lab.directory, 'other-authority'),
      'ecdsa',
      'O=Other, CN=Other CA',
    );
    await stage.client.putSecret('office authority', 'authority', other.certificatePem);
    const before = stage.gateway.log(4000).length;
    const { code, stderr } = await up(choice('eap-gtc', 'alice'));
    assert.equal(code, 5);
    assert.match(stderr, /did not prove who it is/);
    assert.doesNotMatch(stage.gateway.log(4000).slice(before), /EAP\/RES\/GTC/);
  });
});
