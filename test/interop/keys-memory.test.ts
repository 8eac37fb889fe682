// The service's memory, searched for every key, the PIN and the command that carries it: there while they are needed, and
// nowhere once the card or the stick is out. strongSwan's log says which keys were agreed on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, randomInt, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRunCards } from '../fakes/card/pcscd.ts';
import { VirtualCard } from '../fakes/card/virtual-card.ts';
import { CertificateAuthority } from './lab/certificates.ts';
import { clientIdentity } from './lab/gateway.ts';
import { KeysStage } from './lab/keys-stage.ts';
import { searchMemory } from './lab/memory.ts';
import { skipUnless } from './lab/requirements.ts';
import { answersPing, ping } from './lab/traffic.ts';
import { hexDumps } from './lab/wire-reader.ts';

// Of a longer one the first 32 bytes are enough: ciphers take key and salt apart.
const agreed =
  /^(Sk_\w+ secret|SKEYSEED|shared Diffie.*|shared secret|encryption (initiator|responder) key)$/;

/** What has to be in memory while a connection is up. */
const inUse = [
  'Sk_d',
  'Sk_ei',
  'Sk_er',
  'encryption initiator key',
  'encryption responder key',
  'psk',
  'compartment key',
];

describe('keys in the memory of the service', { skip: skipUnless() || cannotRunCards }, () => {
  const pin = String(randomInt(10_000_000, 99_999_999));
  const verify = Buffer.concat([Buffer.from('0020008008', 'hex'), Buffer.from(pin)]);
  const psk = randomBytes(24).toString('hex');
  let keys: KeysStage;
  let card: VirtualCard;
  /** Found while the card has the PIN before it and has not answered. */
  let atVerify: Record<'pin' | 'verify', readonly string[]> | undefined;

  before(async () => {
    keys = await KeysStage.open({ keyLog: true });
    const { office, client } = keys.stage;
    const authority = await CertificateAuthority.create(join(office.lab.directory, 'authority'), 'ecdsa');
    const { privateKeyPem, certificatePem } = await authority.issue('ecdsa', { subject: 'CN=laptop' });
    card = new VirtualCard();
    card.pin.value = Buffer.from(pin);
    card.put('key-management', createPrivateKey(privateKeyPem), new X509Certificate(certificatePem).raw);
    const answer = card.answer.bind(card);
    card.answer = (command) => {
      if (command[1] === 0x20 && command.length > 5) {
        atVerify = searchMemory(keys.servicePid, { pin: Buffer.from(pin), verify });
      }
      return answer(command);
    };
    await client.run(['secrets', 'remove', 'office']);
    const gateway = { authentication: { method: 'psk', secret: psk, clientIdentity } } as const;
    await keys.stage.prepare({ gateway });
    await keys.insert(card);
    await keys.createVault();
    await client.run(['keys', 'add', 'office', '--vault', 'Stick'], psk);
    await keys.removeCard();
  });
  after(async () => {
    await keys?.close();
  });

  const agreedKeys = () =>
    hexDumps(readFileSync(keys.stage.keyLogFile, 'latin1')).filter(({ name }) => agreed.test(name));
  /** What the gateway's log names since, and what is ours alone. */
  async function secrets(since: number): Promise<Record<string, Uint8Array>> {
    const dumps = agreedKeys().slice(since);
    const fromLog = dumps.map(
      ({ name, hex }, at) => [`${name} ${at}`, Buffer.from(hex, 'hex').subarray(0, 32)] as const,
    );
    const keyManagement = card.keys.get(0x9d)!;
    const scalar = Buffer.from(keyManagement.export({ format: 'jwk' }).d!, 'base64url');
    return {
      ...Object.fromEntries(fromLog),
      psk: Buffer.from(psk),
      pin: Buffer.from(pin),
      verify,
      'compartment key': await keys.stick.compartmentKey(keyManagement),
      'key of the card': scalar,
    };
  }
  /** The names of what is found. */
  const search = (wanted: Record<string, Uint8Array>) =>
    Object.entries(searchMemory(keys.servicePid, wanted))
      .filter(([, places]) => places.length > 0)
      .map(([name]) => name);

  for (const [what, remove] of [
    ['card', () => keys.removeCard()],
    ['stick', () => keys.pullStick()],
  ] as const) {
    test(`the ${what} is taken out: nothing is left of what was in use`, async () => {
      const { terminal, hostAddress } = keys.stage.office;
      const earlier = agreedKeys().length;
      if (what === 'card') await keys.insert(card);
      else await keys.reinsert(card);
      await keys.up(1, pin);
      await ping(terminal, hostAddress);
      assert.ok(atVerify!.pin.length > 0 && atVerify!.verify.length > 0, 'the search finds a PIN in use');
      const wanted = await secrets(earlier);
      const before = search(wanted);
      for (const name of inUse) {
        assert.ok(
          before.some((each) => each.startsWith(name)),
          `the search finds ${name} in use: ${before}`,
        );
      }
      for (const name of ['pin', 'verify', 'key of the card']) assert.ok(!before.includes(name), name);
      await remove();
      await keys.state('failed');
      assert.deepEqual(search(wanted), []);
      assert.equal(await answersPing(terminal, hostAddress), false);
      await keys.stage.client.down('office');
    });
  }

  test('no core dump of the service', () => {
    const limits = readFileSync(`/proc/${keys.servicePid}/limits`, 'latin1');
    assert.match(limits, /^Max core file size +0 +0 /m);
    const script =
      `import koffi from 'koffi'; import { forbidDumps } from './native/process-dumps.ts'; ` +
      `const prctl = koffi.load(null).func('int prctl(int option, ulong value)'); ` +
      `const before = prctl(3, 0); forbidDumps(); console.log(before, prctl(3, 0));`;
    const root = join(import.meta.dirname, '../..');
    const words = ['--input-type=module-typescript', '-e', script];
    const printed = execFileSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
    assert.equal(printed.trim(), '1 0', 'dumpable before and after');
  });
});
