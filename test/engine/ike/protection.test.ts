// The encrypted payload: whatever is changed on the wire is noticed, and fragments come together in any order.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkeProposal } from '../../../main/engine/ike/contract.ts';
import { decodeHeader } from '../../../main/engine/ike/header.ts';
import { keyDerivation, prfInto, prfPlusInto } from '../../../main/engine/ike/key-derivation.ts';
import { createProtection, type SealHeader } from '../../../main/engine/ike/protection.ts';
import { Reassembly } from '../../../main/engine/ike/reassembly.ts';
import { gcm256x25519, seededRandom, testEnvironment } from './pair.ts';

const suites: IkeProposal[] = [
  { ...gcm256x25519, encryption: 'aes-128-gcm-16' },
  gcm256x25519,
  { ...gcm256x25519, encryption: 'aes-128-cbc', integrity: 'hmac-sha2-256-128' },
  { ...gcm256x25519, encryption: 'aes-256-cbc', integrity: 'hmac-sha2-256-128' },
];

const header: SealHeader = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  exchange: 37,
  fromInitiator: true,
  isResponse: false,
  messageId: 5,
};

function bothEnds(proposal: IkeProposal) {
  const environment = testEnvironment(5);
  const keys = keyDerivation.ikeKeys(environment, {
    proposal,
    sharedSecret: new Uint8Array(32).fill(1),
    initiatorNonce: new Uint8Array(32).fill(2),
    responderNonce: new Uint8Array(32).fill(3),
    initiatorSpi: 1n,
    responderSpi: 2n,
  });
  return {
    initiator: createProtection(environment.random, proposal, keys, true),
    responder: createProtection(environment.random, proposal, keys, false),
  };
}

describe('the encrypted payload', () => {
  for (const proposal of suites) {
    it(`${proposal.encryption}: opens what the other end sealed, of every length`, () => {
      const { initiator, responder } = bothEnds(proposal);
      for (let length = 0; length < 70; length++) {
        const inner = new Uint8Array(length).fill(length);
        const [datagram] = initiator.seal(header, 41, inner, undefined);
        const opened = responder.open(datagram!, decodeHeader(datagram!));
        assert.deepEqual([...opened!.inner], [...inner]);
        assert.equal(opened!.first, 41);
        assert.equal(initiator.open(datagram!, decodeHeader(datagram!)), undefined, 'opens its own message');
      }
    });

    it(`${proposal.encryption}: notices every flipped bit and every cut`, () => {
      const { initiator, responder } = bothEnds(proposal);
      const [datagram] = initiator.seal(header, 41, new Uint8Array(50).fill(7), undefined);
      const original = decodeHeader(datagram!);
      for (let bit = 0; bit < datagram!.length * 8; bit++) {
        const changed = datagram!.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        // The header as read from the original: only the integrity check can notice.
        assert.equal(responder.open(changed, original), undefined, `bit ${bit}`);
      }
      for (let length = 28; length < datagram!.length; length++) {
        assert.equal(responder.open(datagram!.subarray(0, length), original), undefined);
      }
    });

    it(`${proposal.encryption}: fragments fit the limit and come together in any order`, () => {
      const { initiator, responder } = bothEnds(proposal);
      const random = seededRandom(6);
      const inner = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
      const datagrams = initiator.seal(header, 35, inner, 1220);
      assert.ok(datagrams.length >= 5);
      for (const datagram of datagrams) assert.ok(datagram.length <= 1220, String(datagram.length));
      for (let round = 0; round < 20; round++) {
        const shuffled = [...datagrams, ...datagrams].sort(() => random() - 0.5);
        const reassembly = new Reassembly();
        const whole = shuffled
          .map((datagram) => reassembly.add(5, responder.open(datagram, decodeHeader(datagram))!))
          .filter((result) => result !== undefined);
        assert.deepEqual([...whole[0]!.inner], [...inner]);
        assert.equal(whole[0]!.first, 35);
      }
    });
  }

  it('never uses an IV twice', () => {
    const { initiator } = bothEnds(gcm256x25519);
    const ivs = new Set<string>();
    for (let count = 0; count < 500; count++) {
      const [datagram] = initiator.seal(header, 0, new Uint8Array(0), undefined);
      ivs.add(Buffer.from(datagram!.subarray(32, 40)).toString('hex'));
    }
    assert.equal(ivs.size, 500);
  });

  it('does not mix fragments of different messages, nor keep more than a message may have', () => {
    const reassembly = new Reassembly();
    const part = (number: number, total: number, length = 10) => ({
      first: 1,
      inner: new Uint8Array(length),
      fragment: { number, total },
    });
    assert.equal(reassembly.add(1, part(1, 2)), undefined);
    assert.equal(reassembly.add(2, part(2, 2)), undefined);
    assert.ok(reassembly.add(2, part(1, 2)));
    assert.equal(reassembly.add(3, part(1, 65_535)), undefined);
    for (let number = 1; number <= 100; number++) {
      assert.equal(reassembly.add(4, part(number, 100, 1200)), undefined);
    }
  });
});

describe('the PRF', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  it('gives the answers of RFC 4231 section 4.3', () => {
    const key = new Uint8Array(Buffer.from('Jefe'));
    const data = new Uint8Array(Buffer.from('what do ya want for nothing?'));
    const short = new Uint8Array(32);
    prfInto(short, 'hmac-sha2-256', key, data);
    assert.equal(hex(short), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
    const long = new Uint8Array(48);
    prfInto(long, 'hmac-sha2-384', key, data.subarray(0, 5), data.subarray(5));
    assert.equal(
      hex(long),
      'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
    );
  });

  it('prf+ chains T1, T2, … as RFC 7296 section 2.13 says', () => {
    const key = new Uint8Array(32).fill(9);
    const seed = new Uint8Array(20).fill(4);
    const stream = new Uint8Array(80);
    prfPlusInto(stream, 'hmac-sha2-256', key, seed);
    let previous = new Uint8Array(0);
    for (let block = 1; block <= 3; block++) {
      const expected = new Uint8Array(32);
      prfInto(expected, 'hmac-sha2-256', key, previous, seed, new Uint8Array([block]));
      assert.deepEqual(
        stream.subarray((block - 1) * 32, block * 32),
        expected.subarray(0, block === 3 ? 16 : 32),
      );
      previous = expected;
    }
  });
});
