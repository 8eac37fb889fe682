// Certificates in both directions, RFC 7427 signatures, and messages that do not fit into one datagram.
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import type { IkeConfiguration, IkeEffect, IkeEvent } from '../../../main/engine/ike/contract.ts';
import { configuration, type Host, Pair } from './pair.ts';

const keys = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'ecdsa-p256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
};
type KeyType = keyof typeof keys;

/** Stands for a chain: the validation of certificates is not the engine's business. */
function chain(keyType: KeyType, length: number): Uint8Array[] {
  const leaf = new Uint8Array(length).fill(keyType === 'rsa' ? 1 : 2);
  return [leaf, new Uint8Array(900).fill(3)];
}

function certified(keyType: KeyType, length = 800): Partial<IkeConfiguration> {
  return {
    localAuthentication: { method: 'certificate', certificates: chain(keyType, length), keyType },
    remoteAuthentication: 'certificate',
    certificateAuthorityHashes: [new Uint8Array(20).fill(9)],
  };
}

/** Signs with the host's key and checks with the key that the leaf stands for. */
function world(own: KeyType, changes: { signature?: Uint8Array; trusted?: boolean } = {}) {
  return (effect: IkeEffect): IkeEvent | undefined => {
    if (effect.type === 'sign') {
      const signature =
        changes.signature ?? new Uint8Array(sign(effect.scheme.hash, effect.data, keys[own].privateKey));
      return { type: 'signed', request: effect.request, signature };
    }
    if (effect.type === 'verify-peer') {
      const theirs: KeyObject =
        effect.certificates[0]?.[0] === 1 ? keys.rsa.publicKey : keys['ecdsa-p256'].publicKey;
      if (changes.trusted === false) {
        return {
          type: 'peer-verified',
          request: effect.request,
          valid: false,
          problem: 'untrusted',
          detail: 'unknown issuer',
        };
      }
      const valid = verify(effect.scheme.hash, effect.data, theirs, effect.signature);
      return {
        type: 'peer-verified',
        request: effect.request,
        valid,
        ...(valid ? {} : { problem: 'bad-signature' as const }),
      };
    }
    return undefined;
  };
}

function connected(pair: Pair, client: KeyType, gateway: KeyType, length?: number): Pair {
  pair.client.answer ??= world(client);
  pair.gateway.answer ??= world(gateway);
  pair.serve(configuration('responder', certified(gateway, length)), { certificateAuthorityHashes: [] });
  pair.connect(
    configuration('initiator', { ...certified(client, length), connectTimeoutMilliseconds: 60_000 }),
  );
  pair.run(60_000);
  return pair;
}

function verifications(host: Host): Extract<IkeEffect, { type: 'verify-peer' }>[] {
  return host.effects.filter((effect) => effect.type === 'verify-peer');
}

describe('certificates', () => {
  for (const client of ['rsa', 'ecdsa-p256'] as const) {
    for (const gateway of ['rsa', 'ecdsa-p256'] as const) {
      it(`client ${client}, gateway ${gateway}`, () => {
        const pair = connected(new Pair(), client, gateway);
        assert.deepEqual([...pair.client.established, ...pair.gateway.established], [1, 100]);
        pair.assertAgreement();
        const [seen] = verifications(pair.client);
        assert.deepEqual(seen?.certificates, chain(gateway, 800));
        assert.deepEqual(seen?.identity, { type: 'fqdn', value: 'gateway.example' });
        const kind = gateway === 'rsa' ? 'rsa-pkcs1' : 'ecdsa';
        assert.deepEqual(seen?.scheme, { kind, hash: 'sha256' });
      });
    }
  }

  it('large ones travel in fragments, over a bad network too', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = connected(
        new Pair(seed, { loss: 0.1, duplication: 0.2, delay: [5, 200] }),
        'rsa',
        'ecdsa-p256',
        6000,
      );
      assert.deepEqual([...pair.client.established, ...pair.gateway.established], [1, 100], `seed ${seed}`);
      pair.assertAgreement();
      for (const host of [pair.client, pair.gateway]) {
        const lengths = host.effects.flatMap((effect) =>
          effect.type === 'send' ? [effect.bytes.length] : [],
        );
        assert.ok(Math.max(...lengths) <= 1220);
      }
    }
  });

  it('an untrusted gateway is refused with the reason, and told so', () => {
    const pair = new Pair();
    pair.client.answer = world('rsa', { trusted: false });
    connected(pair, 'rsa', 'rsa');
    assert.deepEqual(
      pair.client.closed.map(({ reason }) => reason),
      [{ code: 'peer-authentication-failed', problem: 'untrusted', detail: 'unknown issuer' }],
    );
    assert.deepEqual(pair.gateway.reasons(), ['authentication-failed']);
    assert.deepEqual(pair.client.established, []);
    assertNoSecrets(pair);
  });

  it('an untrusted client is refused, and learns only that', () => {
    const pair = new Pair();
    pair.gateway.answer = world('rsa', { trusted: false });
    connected(pair, 'rsa', 'rsa');
    assert.deepEqual(
      pair.client.closed.map(({ reason }) => reason),
      [{ code: 'authentication-failed' }],
    );
    assert.deepEqual(
      pair.gateway.closed.map(({ connection, reason }) => [connection, reason.code]),
      [[100, 'peer-authentication-failed']],
    );
    assertNoSecrets(pair);
  });

  it('a bad signature is refused', () => {
    const pair = new Pair();
    pair.gateway.answer = world('rsa', { signature: new Uint8Array(256).fill(1) });
    connected(pair, 'rsa', 'rsa');
    assert.deepEqual(
      pair.client.closed.map(({ reason }) => reason),
      [{ code: 'peer-authentication-failed', problem: 'bad-signature' }],
    );
    assertNoSecrets(pair);
  });

  it('a signer that cannot sign (a card that was pulled) ends the attempt with its words', () => {
    const pair = new Pair();
    pair.client.answer = (effect) =>
      effect.type === 'sign'
        ? { type: 'signed', request: effect.request, signature: undefined, problem: 'the card is gone' }
        : undefined;
    connected(pair, 'rsa', 'rsa');
    assert.deepEqual(
      pair.client.closed.map(({ reason }) => reason),
      [{ code: 'signing-failed', detail: 'the card is gone' }],
    );
    assertNoSecrets(pair);
  });

  it('a pre-shared key does not pass where a certificate is wanted', () => {
    const pair = new Pair();
    pair.gateway.answer = world('rsa');
    pair.serve(configuration('responder', certified('rsa')));
    pair.connect(configuration('initiator'));
    pair.run(40_000);
    assert.deepEqual(pair.client.reasons(), ['authentication-failed']);
    assertNoSecrets(pair);
  });

  it('what is still asked for when the user gives up does no harm when it comes', () => {
    const pair = new Pair();
    const asked: IkeEffect[] = [];
    pair.client.answer = (effect) => {
      asked.push(effect);
      return undefined;
    };
    connected(pair, 'rsa', 'rsa');
    pair.client.step({ type: 'disconnect', connection: 1, abrupt: false }, pair.now);
    assert.deepEqual(pair.client.reasons(), ['requested']);
    const effects = pair.client.effects.length;
    for (const effect of asked) {
      if (effect.type === 'sign') {
        pair.client.step(
          { type: 'signed', request: effect.request, signature: new Uint8Array(256) },
          pair.now,
        );
      }
    }
    const secret = pair.client.environment.allocateSecret(8);
    pair.client.step({ type: 'psk', request: 4711, secret }, pair.now);
    assert.equal(pair.client.effects.length, effects);
    assertNoSecrets(pair);
  });
});

function assertNoSecrets(pair: Pair): void {
  pair.run(pair.now + 60_000);
  assert.equal(pair.client.environment.outstanding.size, 0, 'client keeps secrets');
  assert.equal(pair.gateway.environment.outstanding.size, 0, 'gateway keeps secrets');
}
