// Both ends rekey at the same time: the exchange with the lowest nonce loses (RFC 7296 sections 2.8.1 and 2.8.2).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareBytes } from '../../../main/engine/ike/bytes.ts';
import type { IkeEnvironment } from '../../../main/engine/ike/contract.ts';
import { createObservedIkeEngine } from '../../../main/engine/ike/key-observer.ts';
import { configuration, gcm256x25519, Pair } from './pair.ts';

const group19 = { ikeProposals: [{ ...gcm256x25519, group: 19 as const }] };

interface Made {
  readonly lowestNonce: Uint8Array;
  readonly spis: readonly (number | bigint)[];
}

/** A pair that tells which SAs were made, with the lower nonce of each exchange. */
function observed(seed: number): { pair: Pair; ikeSas: Made[]; children: Made[] } {
  const ikeSas: Made[] = [];
  const children: Made[] = [];
  const lower = (one: Uint8Array, other: Uint8Array): Uint8Array =>
    compareBytes(one, other) < 0 ? one : other;
  const engineOf = (environment: IkeEnvironment) =>
    createObservedIkeEngine(environment, {
      ikeKeys: ({ initiatorNonce, responderNonce, initiatorSpi, responderSpi }) =>
        ikeSas.push({
          lowestNonce: lower(initiatorNonce, responderNonce),
          spis: [initiatorSpi, responderSpi],
        }),
      childKeys: ({ initiatorNonce, responderNonce, initiatorSpi, responderSpi }) =>
        children.push({
          lowestNonce: lower(initiatorNonce, responderNonce),
          spis: [initiatorSpi, responderSpi],
        }),
    });
  const pair = new Pair(seed, undefined, engineOf);
  pair.serve(configuration('responder', group19));
  pair.connect(configuration('initiator', group19));
  pair.run(1000);
  ikeSas.length = 0;
  children.length = 0;
  return { pair, ikeSas, children };
}

/** Of two exchanges, each seen by both ends, the one whose lowest nonce is the higher. */
function winner(made: readonly Made[]): Made {
  assert.equal(made.length, 4);
  return made.reduce((best, one) => (compareBytes(one.lowestNonce, best.lowestNonce) > 0 ? one : best));
}

describe('simultaneous rekeying', () => {
  for (let seed = 1; seed <= 10; seed++) {
    it(`of a child leaves the one with the higher nonces (seed ${seed})`, () => {
      const { pair, children } = observed(seed);
      const [ours] = pair.client.engine.snapshot()[0]!.children;
      pair.client.step(
        { type: 'rekey-child', connection: 1, association: 1, spi: ours!.inboundSpi },
        pair.now,
      );
      pair.gateway.step(
        { type: 'rekey-child', connection: 100, association: 101, spi: ours!.outboundSpi },
        pair.now,
      );
      pair.run(5000);
      const left = [...pair.client.children.keys(), ...pair.gateway.children.keys()];
      assert.deepEqual(left.sort(), [...winner(children).spis].sort());
      pair.assertAgreement();
    });

    it(`of the IKE SA leaves the one with the higher nonces (seed ${seed})`, () => {
      const { pair, ikeSas } = observed(seed);
      pair.client.step({ type: 'rekey-ike', connection: 1 }, pair.now);
      pair.gateway.step({ type: 'rekey-ike', connection: 100 }, pair.now);
      pair.run(5000);
      for (const host of [pair.client, pair.gateway]) {
        const details = host.engine.snapshot()[0]!.details!;
        assert.deepEqual([details.initiatorSpi, details.responderSpi], winner(ikeSas).spis);
      }
      assert.equal(pair.client.children.size, 1);
    });
  }
});

describe('the message window', () => {
  it('does not let in a request ahead of its turn', () => {
    const { pair } = observed(1);
    pair.intercept = (from, bytes) => (from === pair.client && bytes[18] === 36 ? undefined : bytes);
    pair.client.step({ type: 'create-child', connection: 1, association: 1 }, pair.now);
    pair.client.step({ type: 'disconnect', connection: 1, abrupt: true }, pair.now);
    pair.run(3000);
    assert.deepEqual(pair.client.reasons(), ['requested']);
    assert.deepEqual(pair.gateway.closed, []);
  });
});
