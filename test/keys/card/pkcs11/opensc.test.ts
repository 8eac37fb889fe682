// PKCS#11 with OpenSC's module over a real pcscd and a virtual PIV card: insertion and removal, tries that are counted.
import assert from 'node:assert/strict';
import { createECDH, verify } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { CardError, type CardEvent, type CardPin } from '../../../../main/keys/card/contract.ts';
import { Pkcs11Cards } from '../../../../main/keys/card/pkcs11/pkcs11-cards.ts';
import { SecretMemory } from '../../../../main/service/keying/secret-memory.ts';
import { CardLab, cannotRunCards, type InsertedCard } from '../../../fakes/card/pcscd.ts';
import { makeKey, VirtualCard } from '../../../fakes/card/virtual-card.ts';
import { makeAuthority } from '../../credentials/certificate-maker.ts';

const installed = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
  .map((folder) => `${folder}/opensc-pkcs11.so`)
  .find(existsSync);
const ecdsa = { kind: 'ecdsa', hash: 'sha256' } as const;
const data = Buffer.from('what is signed');

describe("OpenSC's module", {
  skip: cannotRunCards || (installed === undefined ? 'needs opensc' : false),
}, () => {
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
  let cards: Pkcs11Cards;
  let inserted: InsertedCard | undefined;

  before(async () => {
    await lab.start();
    cards = open(false);
    cards.start();
  });
  after(async () => {
    inserted?.remove();
    await cards?.close();
    await lab.close();
    memory.close();
  });

  function open(ignorePiv: boolean): Pkcs11Cards {
    return new Pkcs11Cards({
      modules: [realpathSync(installed!)],
      user: 'nobody',
      environment: { PCSCLITE_CSOCK_NAME: lab.socket },
      ignorePiv,
      memory,
      schedule(milliseconds, call) {
        const timer = setTimeout(call, milliseconds);
        return () => clearTimeout(timer);
      },
      warn: () => undefined,
    });
  }
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
  const id = () => cards.cards[0]!.id;

  test('a card that is put in is seen with its keys', async () => {
    const coming = next('inserted');
    inserted = await lab.insert(card);
    const { card: seen } = await coming;
    assert.deepEqual(
      seen.keys.map(({ purpose, algorithm }) => [purpose, algorithm]),
      [
        ['authentication', 'ecc-p256'],
        ['key-management', 'ecc-p256'],
      ],
    );
  });

  test('signs and derives with the PIN', async () => {
    const signature = await cards.sign(id(), 'authentication', ecdsa, data, { pin: pinOf('123456') });
    assert.ok(verify('sha256', data, keys.publicKey, signature));
    const other = createECDH('prime256v1');
    other.generateKeys();
    const secret = await cards.agree(id(), 'key-management', other.getPublicKey(), { pin: pinOf('123456') });
    const { x, y } = agreementKeys.publicKey.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
    assert.deepEqual(Buffer.from(secret), other.computeSecret(point));
  });

  test('the last try wants a confirmation; then the PIN is blocked', async () => {
    await assert.rejects(cards.verifyPin(id(), pinOf('000000')), problem('pin-wrong'));
    await assert.rejects(cards.verifyPin(id(), pinOf('000000')), problem('pin-wrong', 1));
    await assert.rejects(cards.verifyPin(id(), pinOf('123456')), problem('last-try', 1));
    assert.equal(card.pin.tries, 1);
    await cards.verifyPin(id(), pinOf('123456', true));
    assert.equal(card.pin.tries, 3);
    // OpenSC goes on saying "last try" until it has seen another one: better one confirmation too many.
    for (const code of ['pin-wrong', 'pin-wrong', 'pin-blocked']) {
      const wrong = cards.verifyPin(id(), pinOf('000000', true));
      await assert.rejects(wrong, (error) => error instanceof CardError && error.problem === code);
    }
    assert.equal(card.pin.tries, 0);
    await assert.rejects(cards.verifyPin(id(), pinOf('123456', true)), problem('pin-blocked', 0));
    card.pin.tries = 3;
  });

  test('a card that is pulled is gone within a second; back, it is the same', async (context) => {
    const before = id();
    const going = next('removed');
    const from = performance.now();
    inserted!.remove();
    assert.equal((await going).reason, 'pulled');
    context.diagnostic(`removal seen after ${Math.round(performance.now() - from)} ms`);
    assert.deepEqual(cards.cards, []);
    const coming = next('inserted');
    inserted = await lab.insert(card);
    assert.equal((await coming).card.id, before);
  });

  test('a PIV card is left to whoever speaks to it directly', async () => {
    const others = open(true);
    const looked = new Promise<void>((resolve) =>
      others.onEvent((event) => event.type === 'readers' && resolve()),
    );
    others.start();
    await looked;
    assert.equal(others.state, 'no-reader');
    assert.deepEqual(others.cards, []);
    await others.close();
  });
});
