import assert from 'node:assert/strict';
import {
  constants,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  verify,
} from 'node:crypto';
import { test } from 'node:test';
import { CardError, type CardKeyAlgorithm, keyPurposes } from '../../../main/keys/card/contract.ts';
import { PivApplication } from '../../../main/keys/card/piv.ts';
import { keySize } from '../../../main/keys/card/piv-data.ts';
import { defaultManagementKey, makeKey, VirtualCard } from '../../fakes/card/virtual-card.ts';
import { seededRandom } from '../../fakes/random.ts';
import { ecKeys, makeAuthority } from '../credentials/certificate-maker.ts';
import { channelTo } from './channel.ts';

const pin = Buffer.from('123456');
const data = Buffer.from('what is signed');

function open(card = new VirtualCard()): { card: VirtualCard; piv: PivApplication } {
  const piv = new PivApplication(channelTo(card));
  piv.select();
  return { card, piv };
}

function problem(code: string, triesLeft?: number) {
  return (error: unknown) =>
    error instanceof CardError && error.problem === code && error.triesLeft === triesLeft;
}

function pointOf(key: KeyObject): Buffer {
  const { x, y } = key.export({ format: 'jwk' });
  return Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
}

for (const algorithm of ['rsa-2048', 'rsa-3072', 'rsa-4096'] as const) {
  test(`${algorithm}: signatures by both paddings, OAEP`, () => {
    const { card, piv } = open();
    const keys = makeKey(algorithm);
    card.put('authentication', keys.privateKey);
    piv.verifyPin(pin);
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const plain = piv.sign('authentication', algorithm, { kind: 'rsa-pkcs1', hash }, data);
      assert.ok(verify(hash, data, keys.publicKey, plain));
      const pss = piv.sign('authentication', algorithm, { kind: 'rsa-pss', hash }, data);
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      assert.ok(verify(hash, data, { key: keys.publicKey, padding, saltLength }, pss));
    }
    const oaep = { key: keys.publicKey, oaepHash: 'sha256', oaepLabel: Buffer.from('label') };
    const secret = new Uint8Array(512);
    for (const message of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(64, 7)]) {
      const length = piv.decrypt(
        'authentication',
        algorithm,
        publicEncrypt(oaep, message),
        oaep.oaepLabel,
        secret,
      );
      assert.deepEqual(Buffer.from(secret.subarray(0, length)), message);
      assert.ok(secret.subarray(length).every((byte) => byte === 0));
    }
    const ciphertext = publicEncrypt(oaep, data);
    const opened = () => piv.decrypt('authentication', algorithm, ciphertext, Buffer.from('other'), secret);
    assert.throws(opened, problem('key-unsuitable'));
    assert.ok(secret.every((byte) => byte === 0));
  });
}

for (const [algorithm, curve] of [
  ['ecc-p256', 'P-256'],
  ['ecc-p384', 'P-384'],
] as const) {
  test(`${algorithm}: signatures by every hash, ECDH, points off the curve`, () => {
    const { card, piv } = open();
    const keys = makeKey(algorithm);
    card.put('key-management', keys.privateKey);
    piv.verifyPin(pin);
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const signature = piv.sign('key-management', algorithm, { kind: 'ecdsa', hash }, data);
      assert.ok(verify(hash, data, keys.publicKey, signature));
    }
    const other = generateKeyPairSync('ec', { namedCurve: curve });
    const secret = new Uint8Array(keySize[algorithm]);
    piv.agree('key-management', algorithm, pointOf(other.publicKey), secret);
    const expected = diffieHellman({ privateKey: other.privateKey, publicKey: keys.publicKey });
    assert.deepEqual(Buffer.from(secret), expected);

    const offCurve = pointOf(other.publicKey);
    offCurve[offCurve.length - 1]! ^= 1;
    card.instructions.length = 0;
    assert.throws(() => piv.agree('key-management', algorithm, offCurve, secret), problem('key-unsuitable'));
    assert.deepEqual(card.instructions, []);
  });
}

test('the PIN: tries are counted, and what cannot be one costs none', () => {
  const { card, piv } = open();
  assert.equal(piv.triesLeft(), 3);
  for (const odd of ['123', '123456789', '']) {
    assert.throws(() => piv.verifyPin(Buffer.from(odd)), problem('pin-invalid'));
  }
  assert.equal(card.pin.tries, 3);
  assert.throws(() => piv.verifyPin(Buffer.from('000000')), problem('pin-wrong', 2));
  assert.throws(() => piv.verifyPin(Buffer.from('000000')), problem('pin-wrong', 1));
  assert.throws(() => piv.verifyPin(Buffer.from('000000')), problem('pin-blocked', 0));
  assert.throws(() => piv.verifyPin(pin), problem('pin-blocked', 0));
  assert.throws(() => piv.unblock(Buffer.from('00000000'), pin), problem('puk-wrong', 2));
  piv.unblock(Buffer.from('12345678'), Buffer.from('654321'));
  piv.verifyPin(Buffer.from('654321'));
  piv.changePin(Buffer.from('654321'), pin);
  piv.verifyPin(pin);
});

test('no PIN is left in the memory that commands are made in', () => {
  const channel = channelTo(new VirtualCard());
  const piv = new PivApplication(channel);
  piv.select();
  piv.verifyPin(pin);
  piv.changePin(pin, Buffer.from('654321'));
  assert.ok(channel.command.every((byte) => byte === 0));
});

test('9C wants the PIN for each signature, 9E never', () => {
  const { card, piv } = open();
  card.put('signature', makeKey('ecc-p256').privateKey);
  card.put('card-authentication', makeKey('ecc-p256').privateKey);
  const sign = (purpose: 'signature' | 'card-authentication') =>
    piv.sign(purpose, 'ecc-p256', { kind: 'ecdsa', hash: 'sha256' }, data);
  sign('card-authentication');
  assert.throws(() => sign('signature'), problem('pin-needed', 3));
  piv.verifyPin(pin);
  sign('signature');
  assert.throws(() => sign('signature'), problem('pin-needed'));
});

for (const [name, managementAlgorithm, length] of [
  ['3DES', 0x03, 24],
  ['AES-128', 0x08, 16],
  ['AES-192', 0x0a, 24],
  ['AES-256', 0x0c, 32],
] as const) {
  test(`management key ${name}: keys and certificates are made with it and not without`, () => {
    const managementKey = Buffer.from(defaultManagementKey.toString('hex').repeat(2), 'hex').subarray(
      0,
      length,
    );
    const { card, piv } = open(new VirtualCard({ managementAlgorithm, managementKey, tellsMetadata: true }));
    assert.throws(() => piv.generateKey('authentication', 'ecc-p256'), problem('management-key-wrong'));
    const wrong = Buffer.from(managementKey).fill(9);
    assert.throws(() => piv.proveManagementKey(wrong), problem('management-key-wrong'));
    piv.proveManagementKey(managementKey);
    const der = piv.generateKey('authentication', 'ecc-p384');
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    assert.equal(key.asymmetricKeyDetails?.namedCurve, 'secp384r1');
    assert.deepEqual(piv.metadata('authentication'), { pinPolicy: 'once', publicKey: der });
    const { certificate } = makeAuthority({ keys: ecKeys() });
    piv.writeCertificate('authentication', certificate);
    assert.deepEqual(piv.certificate('authentication'), certificate);
    assert.equal(card.objects.size, 2);
  });
}

test('a card that takes only what the standard names refuses other objects', () => {
  const { piv } = open(new VirtualCard({ onlyStandardObjects: true }));
  piv.proveManagementKey(defaultManagementKey);
  assert.throws(() => piv.writeObject(0x5fff53, data), problem('not-supported'));
  piv.writeObject(0x5fc120, Buffer.alloc(3000, 5));
  assert.deepEqual(piv.readObject(0x5fc120), Uint8Array.from(Buffer.alloc(3000, 5)));
});

test('100,000 damaged answers: CardError and nothing else', () => {
  const random = seededRandom(4);
  const card = new VirtualCard({ tellsMetadata: true });
  const algorithms: CardKeyAlgorithm[] = ['ecc-p256', 'ecc-p384', 'ecc-p256', 'ecc-p256'];
  keyPurposes.forEach((purpose, index) => {
    const key = makeKey(algorithms[index]!);
    card.put(purpose, key.privateKey, makeAuthority({ keys: ecKeys() }).certificate);
  });
  const channel = channelTo(card, (answer) => damage(answer, random));
  const other = pointOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
  const piv = new PivApplication(channel);
  const secret = new Uint8Array(512);
  const calls = [
    () => piv.select(),
    () => piv.triesLeft(),
    () => piv.identifier(),
    () => piv.certificate('authentication'),
    () => piv.metadata('signature'),
    () => piv.verifyPin(pin),
    () => piv.agree('key-management', 'ecc-p256', other, secret),
    () => piv.decrypt('card-authentication', 'rsa-2048', Buffer.alloc(256), data, secret),
    () => piv.sign('card-authentication', 'ecc-p256', { kind: 'ecdsa', hash: 'sha256' }, data),
    () => piv.proveManagementKey(defaultManagementKey),
    () => piv.writeObject(0x5fff53, data),
    () => piv.readObject(0x5fff53),
  ];
  damaged = 0;
  for (let round = 0; damaged < 100_000; round++) {
    try {
      calls[round % calls.length]!();
    } catch (error) {
      if (!(error instanceof CardError)) throw error;
    }
    card.pin.tries = 3;
  }
});

let damaged = 0;

function damage(answer: Uint8Array, random: () => number): Uint8Array {
  damaged += 1;
  const below = (limit: number) => Math.floor(random() * limit);
  const kind = below(6);
  if (kind === 0) return answer.slice(0, below(answer.length + 1));
  if (kind === 1) return Uint8Array.from({ length: below(300) }, () => below(256));
  if (kind === 2) return Uint8Array.of(...answer.subarray(0, below(answer.length)), 0x61, below(256));
  const changed = answer.slice();
  for (let count = 1 + below(3); count > 0; count--) changed[below(changed.length)] = below(256);
  if (kind === 3) return Uint8Array.of(...changed.subarray(0, -2), 0x90, 0x00);
  return changed;
}
