// PKCS#11 with a real module (SoftHSM2) in its confined process: keys, PINs, objects, and what happens when it dies.
import assert from 'node:assert/strict';
import {
  constants,
  createECDH,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  verify,
  X509Certificate,
} from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { CardError, type CardEvent, type CardPin } from '../../../../main/keys/card/contract.ts';
import { Pkcs11Cards } from '../../../../main/keys/card/pkcs11/pkcs11-cards.ts';
import { SecretMemory } from '../../../../main/service/keying/secret-memory.ts';
import {
  cannotRunSoftHsm,
  officerPin,
  SoftHsm,
  softHsmModule,
  tokenPin,
} from '../../../fakes/card/softhsm.ts';
import { makeAuthority } from '../../credentials/certificate-maker.ts';

const data = Buffer.from('what is signed');
const ecdsa = { kind: 'ecdsa', hash: 'sha256' } as const;

describe('a PKCS#11 token', { skip: cannotRunSoftHsm }, () => {
  const memory = new SecretMemory();
  const token = new SoftHsm();
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const unwrapping = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  let cards: Pkcs11Cards;

  before(async () => {
    await token.initialize();
    await token.importKey('01', signing.privateKey);
    await token.importCertificate('01', makeAuthority({ keys: signing, keyUsage: 0x80 }).certificate);
    await token.importKey('02', unwrapping.privateKey, 'derive');
    await token.importCertificate('02', makeAuthority({ keys: unwrapping, keyUsage: 0x08 }).certificate);
    cards = open(token);
    const coming = next(cards, 'inserted');
    cards.start();
    await coming;
  });
  after(async () => {
    await cards?.close();
    token.close();
    memory.close();
  });

  function open(of: SoftHsm): Pkcs11Cards {
    return new Pkcs11Cards({
      modules: [softHsmModule],
      user: 'nobody',
      environment: of.environment,
      ignorePiv: true,
      memory,
      schedule(milliseconds, call) {
        const timer = setTimeout(call, milliseconds);
        return () => clearTimeout(timer);
      },
      warn: () => undefined,
    });
  }
  function next<Type extends CardEvent['type']>(
    from: Pkcs11Cards,
    type: Type,
  ): Promise<Extract<CardEvent, { type: Type }>> {
    return new Promise((resolve) => {
      const watch = from.onEvent((event) => {
        if (event.type !== type) return;
        watch.close();
        resolve(event as Extract<CardEvent, { type: Type }>);
      });
    });
  }
  function secret(text: string): Uint8Array {
    const bytes = memory.allocate(text.length);
    bytes.set(Buffer.from(text));
    return bytes;
  }
  function pinOf(text = tokenPin): CardPin {
    return { kind: 'bytes', bytes: secret(text) };
  }
  function problem(code: string) {
    return (error: unknown) => error instanceof CardError && error.problem === code;
  }
  const id = () => cards.cards[0]!.id;

  test('its process has no rights, no environment and no descriptors of ours', () => {
    const [pid] = cards.processes;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
    assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m);
    assert.match(status, /^CapPrm:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max core file size +0 +0/m);
    assert.deepEqual(
      readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter((each) => each !== ''),
      [`SOFTHSM2_CONF=${token.environment.SOFTHSM2_CONF}`],
    );
  });

  test('its process has the one socket, and none of our files', () => {
    const folder = `/proc/${cards.processes[0]}/fd`;
    const open = readdirSync(folder).map(
      (name) => [Number(name), readlinkSync(`${folder}/${name}`)] as const,
    );
    for (const [descriptor, target] of open) {
      if (descriptor < 3) assert.equal(target, '/dev/null');
      else if (descriptor === 3) assert.match(target, /^socket:/);
      else assert.match(target, /^(pipe:|anon_inode:|\/dev\/null$|\/tmp\/sealnic-softhsm-)/);
    }
  });

  test('is seen with its keys under what they serve for', () => {
    const [seen] = cards.cards;
    assert.equal(seen?.provider, 'pkcs11');
    assert.equal(seen?.label, 'laptop');
    assert.deepEqual(
      seen?.keys.map(({ purpose, algorithm, pinPolicy }) => [purpose, algorithm, pinPolicy]),
      [
        ['authentication', 'ecc-p256', 'once'],
        ['key-management', 'ecc-p384', 'once'],
      ],
    );
  });

  test('signs with the PIN only, and is locked afterwards', async () => {
    await assert.rejects(cards.sign(id(), 'authentication', ecdsa, data), problem('pin-needed'));
    const signature = await cards.sign(id(), 'authentication', ecdsa, data, { pin: pinOf() });
    assert.ok(verify('sha256', data, signing.publicKey, signature));
    await assert.rejects(cards.sign(id(), 'authentication', ecdsa, data), problem('pin-needed'));
  });

  test('stays unlocked where that is asked for, until it is locked', async () => {
    await cards.verifyPin(id(), pinOf(), { keepUnlocked: true });
    const signature = await cards.sign(id(), 'authentication', ecdsa, data);
    assert.ok(verify('sha256', data, signing.publicKey, signature));
    await cards.lock(id());
    await assert.rejects(cards.sign(id(), 'authentication', ecdsa, data), problem('pin-needed'));
  });

  test('ECDH into locked memory; a point that is not on the curve never reaches the token', async () => {
    const other = createECDH('secp384r1');
    other.generateKeys();
    const agreed = await cards.agree(id(), 'key-management', other.getPublicKey(), { pin: pinOf() });
    assert.ok(memory.addressOf(agreed) > 0);
    const { x, y } = unwrapping.publicKey.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
    assert.deepEqual(Buffer.from(agreed), other.computeSecret(point));
    const wrong = Buffer.from(other.getPublicKey());
    wrong[96]! ^= 1;
    await assert.rejects(
      cards.agree(id(), 'key-management', wrong, { pin: pinOf() }),
      problem('key-unsuitable'),
    );
  });

  test('a wrong PIN', async () => {
    await assert.rejects(cards.verifyPin(id(), pinOf('000000')), problem('pin-wrong'));
    await cards.verifyPin(id(), pinOf());
  });

  test('a data object is written with the PIN, read without, and removed', async () => {
    const administration = { kind: 'pin', pin: pinOf() } as const;
    assert.equal(await cards.readObject(id(), 'channel-information'), undefined);
    await cards.writeObject(id(), 'channel-information', Buffer.from('gateway'), administration);
    await cards.writeObject(id(), 'channel-information', Buffer.from('gateways'), administration);
    assert.equal(Buffer.from((await cards.readObject(id(), 'channel-information'))!).toString(), 'gateways');
    assert.match(await token.tool('--list-objects', '--type', 'data'), /SealNIC channel information/);
    await cards.writeObject(id(), 'channel-information', new Uint8Array(0), administration);
    assert.equal(await cards.readObject(id(), 'channel-information'), undefined);
  });

  for (const algorithm of ['rsa-2048', 'ecc-p384'] as const) {
    test(`makes a key of ${algorithm}, takes its certificate, and signs with it`, async () => {
      const administration = { kind: 'pin', pin: pinOf() } as const;
      const der = await cards.generateKey(id(), 'authentication', algorithm, administration);
      const publicKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
      const { certificate } = makeAuthority({
        keys: { publicKey, privateKey: signing.privateKey },
        keyUsage: 0x80,
      });
      await cards.writeCertificate(id(), 'authentication', certificate, administration);
      const key = cards.cards[0]!.keys.find(({ purpose }) => purpose === 'authentication');
      assert.equal(key?.algorithm, algorithm);
      assert.ok(new X509Certificate(key.certificate).publicKey.equals(publicKey));
      const options = { pin: pinOf() };
      if (algorithm !== 'rsa-2048') {
        const signature = await cards.sign(
          id(),
          'authentication',
          { kind: 'ecdsa', hash: 'sha384' },
          data,
          options,
        );
        assert.ok(verify('sha384', data, publicKey, signature));
        return;
      }
      const plain = await cards.sign(
        id(),
        'authentication',
        { kind: 'rsa-pkcs1', hash: 'sha256' },
        data,
        options,
      );
      assert.ok(verify('sha256', data, publicKey, plain));
      const pss = await cards.sign(
        id(),
        'authentication',
        { kind: 'rsa-pss', hash: 'sha256' },
        data,
        options,
      );
      const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
      assert.ok(verify('sha256', data, { key: publicKey, ...padding }, pss));
    });
  }

  test('RSA-OAEP into locked memory', async () => {
    const administration = { kind: 'pin', pin: pinOf() } as const;
    const der = await cards.generateKey(id(), 'key-management', 'rsa-2048', administration);
    const publicKey = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    const { certificate } = makeAuthority({
      keys: { publicKey, privateKey: signing.privateKey },
      keyUsage: 0x20,
    });
    await cards.writeCertificate(id(), 'key-management', certificate, administration);
    const padding = {
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: 'sha256',
      oaepLabel: Buffer.from('vault'),
    };
    const wrapped = publicEncrypt({ key: publicKey, ...padding }, Buffer.from('a wrapping key'));
    const options = { pin: pinOf() };
    const plain = await cards.decrypt(id(), 'key-management', wrapped, Buffer.from('vault'), options);
    assert.equal(Buffer.from(plain).toString(), 'a wrapping key');
    assert.ok(memory.addressOf(plain) > 0);
    const other = cards.decrypt(id(), 'key-management', wrapped, Buffer.from('other'), options);
    await assert.rejects(other, problem('refused'));
  });

  test('PIN changed, and set again by the security officer', async () => {
    await cards.changePin(id(), pinOf(), secret('222222'));
    await assert.rejects(cards.verifyPin(id(), pinOf()), problem('pin-wrong'));
    await assert.rejects(cards.unblock(id(), pinOf('00000000'), secret(tokenPin)), problem('puk-wrong'));
    await cards.unblock(id(), pinOf(officerPin), secret(tokenPin));
    await cards.verifyPin(id(), pinOf());
  });

  test('a PIN is in the memory of its process only while it is used', async () => {
    const pin = '7391048265';
    const pid = cards.processes[0]!;
    await cards.changePin(id(), pinOf(), secret(pin));
    await cards.verifyPin(id(), pinOf(pin));
    await cards.sign(id(), 'authentication', { kind: 'ecdsa', hash: 'sha384' }, data, { pin: pinOf(pin) });
    assert.ok(countInMemory(pid, Buffer.from(softHsmModule)) > 0, 'the search finds what is there');
    assert.equal(countInMemory(pid, Buffer.from(pin)), 0);
    await cards.changePin(id(), pinOf(pin), secret(tokenPin));
  });

  for (const [what, signal] of [
    ['dies', 'SIGKILL'],
    // Until the next look at its slots gets no answer in time.
    ['hangs', 'SIGSTOP'],
  ] as const) {
    test(`its process ${what}: an error, then another process; the token was not lost`, async () => {
      const before = cards.processes[0]!;
      let removed = 0;
      const watch = cards.onEvent((event) => {
        if (event.type === 'removed') removed += 1;
      });
      const back = new Promise<void>((resolve) => {
        const readers = cards.onEvent((event) => {
          if (event.type !== 'readers' || event.state !== 'ready') return;
          readers.close();
          resolve();
        });
      });
      const gone = next(cards, 'readers');
      process.kill(before, signal);
      if (signal === 'SIGSTOP') await gone;
      const options = { pin: pinOf() };
      const asked = cards.sign(id(), 'authentication', { kind: 'ecdsa', hash: 'sha384' }, data, options);
      await assert.rejects(
        asked,
        (error) => error instanceof CardError && /process|answer/.test(error.message),
      );
      await back;
      watch.close();
      assert.equal(removed, 0);
      assert.notEqual(cards.processes[0], before);
      await cards.verifyPin(id(), pinOf());
    });
  }
});

/** How often the bytes are found in what that process has mapped to write. */
function countInMemory(pid: number, wanted: Buffer): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  let count = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = '', rights = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (!rights.startsWith('rw')) continue;
    const bytes = Buffer.alloc(Number.parseInt(to, 16) - Number.parseInt(from, 16));
    try {
      readSync(memory, bytes, 0, bytes.length, Number.parseInt(from, 16));
    } catch {
      continue;
    }
    for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) count += 1;
  }
  closeSync(memory);
  return count;
}
