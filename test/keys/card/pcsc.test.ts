// Cards through a real pcscd and its virtual reader, and OpenSC as an independent judge of the virtual card.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createECDH, diffieHellman, generateKeyPairSync, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { CardError, type CardEvent, type CardPin } from '../../../main/keys/card/contract.ts';
import { PivCards } from '../../../main/keys/card/piv-cards.ts';
import { startCardWorkers } from '../../../main/keys/card/workers.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { CardLab, cannotRunCards, type InsertedCard } from '../../fakes/card/pcscd.ts';
import { defaultManagementKey, makeKey, VirtualCard } from '../../fakes/card/virtual-card.ts';
import { makeAuthority } from '../credentials/certificate-maker.ts';

const run = promisify(execFile);
const data = Buffer.from('what is signed');
const ecdsa = { kind: 'ecdsa', hash: 'sha256' } as const;

describe('cards through pcscd', { skip: cannotRunCards }, () => {
  const lab = new CardLab();
  const memory = new SecretMemory();
  const keys = makeKey('ecc-p256');
  const agreementKeys = makeKey('ecc-p256');
  const card = new VirtualCard();
  card.put('authentication', keys.privateKey, makeAuthority({ keys, keyUsage: 0x80 }).certificate);
  card.put(
    'key-management',
    agreementKeys.privateKey,
    makeAuthority({ keys: agreementKeys, keyUsage: 0x08 }).certificate,
  );
  let cards: PivCards;
  let inserted: InsertedCard | undefined;

  before(async () => {
    process.env.PCSCLITE_CSOCK_NAME = lab.socket;
    cards = new PivCards({
      workers: startCardWorkers(),
      memory,
      schedule(milliseconds, call) {
        const timer = setTimeout(call, milliseconds);
        return () => clearTimeout(timer);
      },
    });
    cards.start();
    await lab.start();
  });
  after(async () => {
    inserted?.remove();
    await cards.close();
    await lab.close();
    memory.close();
  });

  /** Waits for the next event that fits; those before are gone. */
  function next<Type extends CardEvent['type']>(type: Type): Promise<Extract<CardEvent, { type: Type }>> {
    return new Promise((resolve) => {
      const watch = cards.onEvent((event) => {
        if (event.type !== type) return;
        watch.close();
        resolve(event as Extract<CardEvent, { type: Type }>);
      });
    });
  }
  function pinOf(text: string, confirmLastTry = false): CardPin {
    const bytes = memory.allocate(text.length);
    bytes.set(Buffer.from(text));
    return { kind: 'bytes', bytes, confirmLastTry };
  }
  function problem(code: string, triesLeft?: number) {
    return (error: unknown) =>
      error instanceof CardError && error.problem === code && error.triesLeft === triesLeft;
  }
  async function insert(): Promise<string> {
    const coming = next('inserted');
    inserted = await lab.insert(card);
    return (await coming).card.id;
  }

  test('a card is seen with its keys', async () => {
    const id = await insert();
    const [seen] = cards.cards;
    assert.equal(seen?.id, id);
    assert.equal(seen?.triesLeft, 3);
    assert.deepEqual(
      seen?.keys.map(({ purpose, algorithm }) => [purpose, algorithm]),
      [
        ['authentication', 'ecc-p256'],
        ['key-management', 'ecc-p256'],
      ],
    );
  });

  test('a signature takes the PIN, and nobody finds the card unlocked afterwards', async () => {
    const id = cards.cards[0]!.id;
    await assert.rejects(cards.sign(id, 'authentication', ecdsa, data), problem('pin-needed', 3));
    const signature = await cards.sign(id, 'authentication', ecdsa, data, { pin: pinOf('123456') });
    assert.ok(verify('sha256', data, keys.publicKey, signature));
    assert.equal(card.isUnlocked, false);
    await assert.rejects(cards.sign(id, 'authentication', ecdsa, data), problem('pin-needed', 3));
    await assert.rejects(cards.sign(id, 'signature', ecdsa, data), problem('no-certificate'));
  });

  test('ECDH into locked memory', async () => {
    const other = createECDH('prime256v1');
    other.generateKeys();
    const options = { pin: pinOf('123456') };
    const secret = await cards.agree(cards.cards[0]!.id, 'key-management', other.getPublicKey(), options);
    const { x, y } = agreementKeys.publicKey.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
    assert.deepEqual(Buffer.from(secret), other.computeSecret(point));
    assert.ok(memory.addressOf(secret) > 0);
  });

  test('kept unlocked where that is asked for, until it is locked', async () => {
    const id = cards.cards[0]!.id;
    await cards.verifyPin(id, pinOf('123456'), { keepUnlocked: true });
    await cards.sign(id, 'authentication', ecdsa, data);
    await cards.lock(id);
    await assert.rejects(cards.sign(id, 'authentication', ecdsa, data), problem('pin-needed', 3));
  });

  test('wrong PINs are counted down; the last try wants a confirmation', async () => {
    const id = cards.cards[0]!.id;
    await assert.rejects(cards.verifyPin(id, pinOf('000000')), problem('pin-wrong', 2));
    await assert.rejects(cards.verifyPin(id, pinOf('000000')), problem('pin-wrong', 1));
    await assert.rejects(cards.verifyPin(id, pinOf('123456')), problem('last-try', 1));
    assert.equal(card.pin.tries, 1);
    await cards.verifyPin(id, pinOf('123456', true));
    assert.equal(card.pin.tries, 3);
  });

  test('blocked and unblocked by the PUK', async () => {
    const id = cards.cards[0]!.id;
    card.pin.tries = 0;
    await assert.rejects(cards.verifyPin(id, pinOf('123456')), problem('pin-blocked', 0));
    const next = memory.allocate(6);
    next.set(Buffer.from('123456'));
    await cards.unblock(id, pinOf('12345678'), next);
    await cards.verifyPin(id, pinOf('123456'));
  });

  test('a key and a certificate are made on the card, and read back', async () => {
    const id = cards.cards[0]!.id;
    const key = memory.allocate(24);
    key.set(defaultManagementKey);
    const administration = { kind: 'management-key', key } as const;
    await cards.generateKey(id, 'signature', 'ecc-p256', administration);
    const signature = await cards.sign(id, 'signature', ecdsa, data, { pin: pinOf('123456') });
    assert.ok(signature.length > 64);
    const { certificate } = makeAuthority({ subject: 'CN=made' });
    await cards.writeCertificate(id, 'signature', certificate, administration);
    assert.deepEqual(
      cards.cards[0]?.keys.map(({ purpose }) => purpose),
      ['authentication', 'signature', 'key-management'],
    );
    await cards.writeObject(id, 'channel-information', Buffer.alloc(1500, 3), administration);
    assert.deepEqual(
      await cards.readObject(id, 'channel-information'),
      Uint8Array.from(Buffer.alloc(1500, 3)),
    );
    card.keys.delete(0x9c);
    card.objects.delete(0x5fc10a);
  });

  test('a card that another program holds or resets is there all the same', async () => {
    const id = cards.cards[0]!.id;
    const holder = await otherProgram('exclusive', 'leave');
    await assert.rejects(cards.sign(id, 'authentication', ecdsa, data), problem('busy'));
    await holder.end();
    await cards.verifyPin(id, pinOf('123456'), { keepUnlocked: true });
    await (await otherProgram('shared', 'reset')).end();
    await assert.rejects(cards.sign(id, 'authentication', ecdsa, data), problem('pin-needed', 3));
    await cards.sign(id, 'authentication', ecdsa, data, { pin: pinOf('123456') });
    assert.equal(cards.cards[0]?.id, id);
  });

  test('taken out and put in again', async () => {
    const gone = next('removed');
    inserted?.remove();
    const { card: which, reason } = await gone;
    assert.equal(reason, 'pulled');
    await assert.rejects(cards.sign(which.id, 'authentication', ecdsa, data), problem('no-card'));
    assert.equal(await insert(), which.id);
  });

  test('a daemon that dies for longer takes the card with it; when it is back, so is the card', async () => {
    const gone = next('removed');
    await lab.kill();
    assert.equal((await gone).reason, 'service-gone');
    assert.equal(cards.state, 'no-service');
    const coming = next('inserted');
    await lab.start();
    inserted = await lab.insert(card);
    const { card: which } = await coming;
    await cards.sign(which.id, 'authentication', ecdsa, data, { pin: pinOf('123456') });
  });

  const module = '/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so';
  test('OpenSC signs and derives with the same card', {
    skip: !existsSync(module) && 'needs opensc',
  }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sealnic-opensc-'));
    const file = (name: string) => join(directory, name);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    try {
      writeFileSync(file('data'), data);
      writeFileSync(file('other.der'), other.publicKey.export({ type: 'spki', format: 'der' }));
      const tool = (...options: string[]) =>
        run('pkcs11-tool', ['--module', module, '--login', '--pin', '123456', ...options]);
      const files = (input: string, output: string) => [
        '--input-file',
        file(input),
        '--output-file',
        file(output),
      ];
      const sign = ['--sign', '--id', '01', '--mechanism', 'ECDSA-SHA256', '--signature-format', 'openssl'];
      await tool(...sign, ...files('data', 'signature'));
      assert.ok(verify('sha256', data, keys.publicKey, readFileSync(file('signature'))));
      await tool('--derive', '--id', '03', '--mechanism', 'ECDH1-DERIVE', ...files('other.der', 'secret'));
      const expected = diffieHellman({ privateKey: other.privateKey, publicKey: agreementKeys.publicKey });
      assert.deepEqual(readFileSync(file('secret')), expected);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

async function otherProgram(mode: 'exclusive' | 'shared', end: 'leave' | 'reset') {
  const program = join(import.meta.dirname, 'other-program.ts');
  const child = spawn(process.execPath, [program, mode, end], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    async end() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
