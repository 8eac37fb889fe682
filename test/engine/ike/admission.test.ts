// The responder under a flood: cookies without state, a bounded table that empties itself, and genuine clients that
// still get through.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerLength } from '../../../main/engine/ike/header.ts';
import { notifyType } from '../../../main/engine/ike/numbers.ts';
import { configuration, endpoint, gcm256x25519, Pair } from './pair.ts';

const proposals = [{ ...gcm256x25519, group: 19 as const }];

/** A genuine first message, as a template for the flood. */
function firstMessage(): Uint8Array {
  const pair = new Pair(20);
  pair.connect(configuration('initiator', { ikeProposals: proposals }));
  const sent = pair.client.effects.find((effect) => effect.type === 'send');
  assert.ok(sent);
  return sent.bytes;
}

function flood(pair: Pair, count: number, addresses: number): void {
  const template = firstMessage();
  for (let index = 0; index < count; index++) {
    const bytes = template.slice();
    new DataView(bytes.buffer).setBigUint64(0, BigInt(index + 1));
    const remote = endpoint(`203.0.113.${index % addresses}`, 10_000 + index);
    pair.gateway.step({ type: 'datagram', bytes, local: endpoint('198.51.100.1', 500), remote }, pair.now);
  }
}

describe('the responder', () => {
  it('demands cookies above the threshold, keeps no state for them, and lets a genuine client in', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { ikeProposals: proposals }), { cookieThreshold: 10 });
    flood(pair, 500, 200);
    const sent = pair.gateway.effects.filter((effect) => effect.type === 'send');
    const cookies = sent.filter(({ bytes }) => isCookie(bytes));
    assert.equal(sent.length, 500);
    assert.equal(cookies.length, 490);
    for (const { bytes } of cookies) assert.ok(bytes.length < 100, 'a cookie amplifies');
    const held = pair.gateway.environment.outstanding.size;
    assert.ok(held <= 10 * 7, `${held} secrets are held`);
    pair.connect(configuration('initiator', { ikeProposals: proposals }));
    pair.run(3000);
    assert.deepEqual(pair.client.established, [1]);
    const messages = pair.client.effects.filter((effect) => effect.type === 'send');
    assert.equal(messages.length, 3);
  });

  it('forgets half-open IKE SAs and their keys', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { ikeProposals: proposals }), { cookieThreshold: 100 });
    flood(pair, 50, 50);
    assert.ok(pair.gateway.environment.outstanding.size > 0);
    pair.run(31_000);
    assert.equal(pair.gateway.environment.outstanding.size, 0);
    pair.run(100_000);
    assert.equal(pair.gateway.timer, undefined);
  });

  it('tells the end of one that waits for its own signature for too long', () => {
    const pair = new Pair();
    const localAuthentication = {
      method: 'certificate',
      certificates: [new Uint8Array(10)],
      keyType: 'ecdsa-p256',
    } as const;
    pair.serve(configuration('responder', { ikeProposals: proposals, localAuthentication }));
    pair.connect(
      configuration('initiator', { ikeProposals: proposals, remoteAuthentication: 'certificate' }),
    );
    pair.run(20_000);
    assert.deepEqual(pair.gateway.reasons(), []);
    pair.run(100_000);
    assert.deepEqual(pair.gateway.reasons(), ['no-answer']);
    assert.equal(pair.gateway.environment.outstanding.size, 0);
  });

  it('does not let one address take the whole table', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { ikeProposals: proposals }), { cookieThreshold: 100_000 });
    flood(pair, 300, 1);
    const answered = pair.gateway.effects.filter((effect) => effect.type === 'send').length;
    assert.equal(answered, 64);
    pair.connect(configuration('initiator', { ikeProposals: proposals }));
    pair.run(3000);
    assert.deepEqual(pair.client.established, [1]);
  });

  it('bounds the table', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { ikeProposals: proposals }), { cookieThreshold: 100_000 });
    flood(pair, 2000, 250);
    assert.equal(pair.gateway.effects.filter((effect) => effect.type === 'send').length, 1024);
  });

  it('answers a retransmitted first message with the same octets and no new state', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { ikeProposals: proposals }));
    flood(pair, 1, 1);
    const secrets = pair.gateway.environment.outstanding.size;
    flood(pair, 1, 1);
    const sent = pair.gateway.effects.filter((effect) => effect.type === 'send');
    assert.equal(sent.length, 2);
    assert.deepEqual(sent[0]!.bytes, sent[1]!.bytes);
    assert.equal(pair.gateway.environment.outstanding.size, secrets);
  });

  it('does not take a cookie of another address or SPI', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { ikeProposals: proposals }), { cookieThreshold: 0 });
    // Whoever answers with the cookie gets in; the same message from elsewhere does not.
    const stolen: Uint8Array[] = [];
    pair.intercept = (from, bytes) => {
      if (from === pair.client) stolen.push(bytes.slice());
      return bytes;
    };
    pair.connect(configuration('initiator', { ikeProposals: proposals }));
    pair.run(50);
    const withCookie = stolen[1]!;
    const before = pair.gateway.effects.length;
    const local = endpoint('198.51.100.1', 500);
    pair.gateway.step(
      { type: 'datagram', bytes: withCookie, local, remote: endpoint('203.0.113.9', 500) },
      pair.now,
    );
    const [answer] = pair.gateway.effects.slice(before).filter((effect) => effect.type === 'send');
    assert.ok(answer && isCookie(answer.bytes));
  });

  it('is silent where it serves nobody', () => {
    const pair = new Pair();
    flood(pair, 10, 10);
    assert.deepEqual(pair.gateway.effects, []);
  });
});

function isCookie(bytes: Uint8Array): boolean {
  const type = new DataView(bytes.buffer, bytes.byteOffset).getUint16(headerLength + 6);
  return bytes[16] === 41 && type === notifyType.cookie;
}
