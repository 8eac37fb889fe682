// Nothing that is not authenticated changes anything: garbage, mutated and replayed messages, forged notifies.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkeEvent } from '../../main/engine/ike/contract.ts';
import { encodeHeader, headerLength } from '../../main/engine/ike/header.ts';
import { plainMessage } from '../../main/engine/ike/init-message.ts';
import { notifyType } from '../../main/engine/ike/numbers.ts';
import { encodeRawPayloads, notify } from '../../main/engine/ike/payloads.ts';
import { configuration, endpoint, gcm256x25519, type Host, Pair, seededRandom } from '../engine/ike/pair.ts';

const clientAddress = endpoint('192.0.2.1', 40_000);
const gatewayAddress = endpoint('198.51.100.1', 4500);

/** A live connection, and every datagram that made it. */
function live(): { pair: Pair; datagrams: { to: Host; bytes: Uint8Array }[] } {
  const pair = new Pair(3);
  const datagrams: { to: Host; bytes: Uint8Array }[] = [];
  pair.intercept = (from, bytes) => {
    datagrams.push({ to: from === pair.client ? pair.gateway : pair.client, bytes: bytes.slice() });
    return bytes;
  };
  const common = { deadPeerDetectionSeconds: 0, ikeProposals: [{ ...gcm256x25519, group: 19 as const }] };
  pair.serve(configuration('responder', common));
  pair.connect(configuration('initiator', common));
  pair.run(1000);
  const spi = pair.client.engine.snapshot()[0]!.children[0]!.inboundSpi;
  pair.client.step({ type: 'rekey-child', connection: 1, association: 1, spi }, pair.now);
  pair.run(2000);
  return { pair, datagrams };
}

function deliver(host: Host, pair: Pair, bytes: Uint8Array, remote = clientAddress): number {
  const event: IkeEvent =
    host === pair.gateway
      ? { type: 'datagram', bytes, local: gatewayAddress, remote, marker: true }
      : { type: 'datagram', bytes, local: clientAddress, remote: gatewayAddress, marker: true };
  const before = host.effects.length;
  host.step(event, pair.now);
  return host.effects.length - before;
}

function stateOf(host: Host): string {
  return JSON.stringify(
    [host.engine.snapshot(), [...host.children], host.closed, host.failed, host.timer],
    (_key, value) => (typeof value === 'bigint' ? value.toString() : value),
  );
}

describe('a live connection', () => {
  it('is not touched by 50,000 mutated and random messages', () => {
    const { pair, datagrams } = live();
    const random = seededRandom(99);
    // The gateway would open IKE SAs for mutated first messages; that is the next test's business.
    pair.gateway.engine.setResponder(undefined);
    const before = [stateOf(pair.client), stateOf(pair.gateway)];
    const secrets = [pair.client.environment.outstanding.size, pair.gateway.environment.outstanding.size];
    for (let count = 0; count < 50_000; count++) {
      const { to, bytes } = datagrams[Math.floor(random() * datagrams.length)]!;
      const mutated = bytes.slice();
      const changes = 1 + Math.floor(random() * 3);
      for (let change = 0; change < changes; change++) {
        // The SPIs mostly stay, so that the message finds its SA.
        const from = random() < 0.9 ? 16 : 0;
        mutated[from + Math.floor(random() * (mutated.length - from))]! ^= 1 << Math.floor(random() * 8);
      }
      const cut = random() < 0.1 ? mutated.subarray(0, Math.floor(random() * mutated.length)) : mutated;
      if (random() < 0.5 && cut.length >= headerLength) new DataView(cut.buffer).setUint32(24, cut.length);
      deliver(random() < 0.9 ? to : pair.client, pair, cut);
      if (count % 10 === 0) {
        deliver(
          pair.gateway,
          pair,
          Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)),
        );
      }
    }
    assert.deepEqual([stateOf(pair.client), stateOf(pair.gateway)], before);
    assert.deepEqual(
      [pair.client.environment.outstanding.size, pair.gateway.environment.outstanding.size],
      secrets,
    );
    pair.run(pair.now);
    assertStillWorks(pair);
  });

  it('answers a replayed request with the same response, and ignores replayed responses', () => {
    const { pair, datagrams } = live();
    // A replayed first message would only open an IKE SA that nobody completes.
    pair.gateway.engine.setResponder(undefined);
    const before = [stateOf(pair.client), stateOf(pair.gateway)];
    for (let round = 0; round < 3; round++) {
      for (const { to, bytes } of datagrams) {
        const count = to.effects.length;
        deliver(to, pair, bytes);
        for (const effect of to.effects.slice(count)) {
          assert.equal(effect.type, 'send');
          const again = datagrams.some(
            (one) => effect.type === 'send' && Buffer.compare(one.bytes, effect.bytes) === 0,
          );
          assert.ok(again, 'a replay was answered with something new');
        }
      }
    }
    assert.deepEqual([stateOf(pair.client), stateOf(pair.gateway)], before);
    pair.run(pair.now + 100);
    assertStillWorks(pair);
  });

  it('does not believe an INVALID_IKE_SPI or a DELETE in the clear', () => {
    const { pair } = live();
    const details = pair.client.engine.snapshot()[0]!.details!;
    const before = stateOf(pair.client);
    for (const exchange of [34, 35, 36, 37]) {
      for (const isResponse of [true, false]) {
        for (let messageId = 0; messageId < 5; messageId++) {
          const { initiatorSpi, responderSpi } = details;
          const header = { initiatorSpi, responderSpi, fromInitiator: false, isResponse };
          deliver(
            pair.client,
            pair,
            plainMessage(header, [notify(notifyType.invalidIkeSpi)], exchange, messageId),
          );
          deliver(
            pair.client,
            pair,
            plainMessage(header, [{ kind: 'delete', protocol: 1, spis: [] }], exchange, messageId),
          );
        }
      }
    }
    assert.equal(stateOf(pair.client), before);
    assertStillWorks(pair);
  });
});

describe('IKE_SA_INIT', () => {
  it('goes on when a forged refusal comes before the genuine answer', () => {
    const pair = new Pair();
    pair.serve(configuration('responder'));
    pair.connect(configuration('initiator'));
    const first = pair.client.effects.find((effect) => effect.type === 'send')!;
    const initiatorSpi = new DataView(first.bytes.buffer).getBigUint64(0);
    for (const type of [
      notifyType.noProposalChosen,
      notifyType.authenticationFailed,
      notifyType.invalidSyntax,
    ]) {
      const header = { initiatorSpi, responderSpi: 0n, fromInitiator: false, isResponse: true };
      const bytes = plainMessage(header, [notify(type)]);
      pair.client.step(
        { type: 'datagram', bytes, local: clientAddress, remote: endpoint('198.51.100.1', 500) },
        pair.now,
      );
    }
    pair.run(3000);
    assert.deepEqual(pair.client.established, [1]);
    assert.deepEqual(pair.client.closed, []);
  });

  it('does not follow endless forged demands for cookies and groups', () => {
    const pair = new Pair();
    const group19 = { ...gcm256x25519, group: 19 as const };
    pair.connect(configuration('initiator', { ikeProposals: [gcm256x25519, group19] }));
    const first = pair.client.effects.find((effect) => effect.type === 'send')!;
    const initiatorSpi = new DataView(first.bytes.buffer).getBigUint64(0);
    const header = { initiatorSpi, responderSpi: 0n, fromInitiator: false, isResponse: true };
    const remote = endpoint('198.51.100.1', 500);
    for (let round = 0; round < 200; round++) {
      const demand =
        round % 2 === 0
          ? notify(notifyType.cookie, new Uint8Array([round, 1]))
          : notify(notifyType.invalidKePayload, new Uint8Array([0, round % 4 === 1 ? 19 : 31]));
      const bytes = plainMessage(header, [demand]);
      pair.client.step({ type: 'datagram', bytes, local: clientAddress, remote }, pair.now);
    }
    const sent = pair.client.effects.filter((effect) => effect.type === 'send');
    assert.ok(sent.length <= 6, `${sent.length} messages`);
  });

  it('a changed message in the clear makes the authentication fail (downgrade)', () => {
    for (const who of ['client', 'gateway'] as const) {
      const pair = new Pair();
      pair.intercept = (from, bytes) => {
        if (from !== pair[who] || bytes[18] !== 34) return bytes;
        // SIGNATURE_HASH_ALGORITHMS becomes a notify that nobody knows.
        const at = Buffer.from(bytes).indexOf(Buffer.from([0x40, 0x2f, 0, 2]));
        assert.ok(at > 0);
        const changed = bytes.slice();
        changed[at + 1] = 0xff;
        return changed;
      };
      pair.serve(configuration('responder'));
      pair.connect(configuration('initiator'));
      pair.run(40_000);
      assert.deepEqual(pair.client.established, []);
      assert.equal(pair.client.closed.length, 1);
      assert.deepEqual(pair.gateway.engine.snapshot(), []);
    }
  });

  it('IKEv1 gets no answer; a later version is told which one we speak', () => {
    const pair = new Pair();
    pair.serve(configuration('responder'));
    const message = encodeHeader({
      initiatorSpi: 7n,
      responderSpi: 0n,
      nextPayload: 33,
      exchange: 34,
      fromInitiator: true,
      isResponse: false,
      messageId: 9,
      length: headerLength,
    });
    message[17] = 0x10;
    assert.equal(deliver(pair.gateway, pair, message), 0);
    message[17] = 0x30;
    assert.equal(deliver(pair.gateway, pair, message), 1);
    const answer = pair.gateway.effects.at(-1);
    assert.ok(answer?.type === 'send');
    assert.equal(answer.bytes[17], 0x20);
    assert.equal(answer.bytes[19]! & 0x20, 0x20);
    assert.equal(new DataView(answer.bytes.buffer).getUint32(20), 9);
    assert.equal(answer.bytes[headerLength + 7], notifyType.invalidMajorVersion);
  });

  it('an unknown critical payload is refused by its number', () => {
    const pair = new Pair();
    pair.serve(configuration('responder'));
    const { first, bytes } = encodeRawPayloads([{ type: 200, body: new Uint8Array(4) }]);
    bytes[1] = 0x80;
    const header = encodeHeader({
      initiatorSpi: 7n,
      responderSpi: 0n,
      nextPayload: first,
      exchange: 34,
      fromInitiator: true,
      isResponse: false,
      messageId: 0,
      length: headerLength + bytes.length,
    });
    deliver(pair.gateway, pair, Buffer.concat([header, bytes]));
    const answer = pair.gateway.effects.at(-1);
    assert.ok(answer?.type === 'send');
    assert.deepEqual([answer.bytes[headerLength + 7], answer.bytes[headerLength + 8]], [1, 200]);
  });
});

function assertStillWorks(pair: Pair): void {
  const spi = pair.client.engine.snapshot()[0]!.children[0]!.inboundSpi;
  pair.client.step({ type: 'rekey-child', connection: 1, association: 1, spi }, pair.now);
  pair.run(pair.now + 1000);
  pair.gateway.step({ type: 'rekey-ike', connection: 100 }, pair.now);
  pair.run(pair.now + 1000);
  assert.notEqual(pair.client.engine.snapshot()[0]!.children[0]!.inboundSpi, spi);
  pair.assertAgreement();
  pair.client.step({ type: 'disconnect', connection: 1, abrupt: false }, pair.now);
  pair.run(pair.now + 60_000);
  assert.equal(pair.client.environment.outstanding.size + pair.gateway.environment.outstanding.size, 0);
}
