// What time brings: rekeying at the soft limits without losing a packet, hard limits, dead peers, keepalives.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkeConfiguration } from '../../../main/engine/ike/contract.ts';
import { configuration, endpoint, gcm256x25519, type Host, Pair } from './pair.ts';

const fast = { ikeProposals: [{ ...gcm256x25519, group: 19 as const }] };

function connected(
  client: Partial<IkeConfiguration>,
  gateway: Partial<IkeConfiguration> = {},
  seed = 1,
): Pair {
  const pair = new Pair(seed);
  pair.serve(configuration('responder', { ...fast, ...gateway }));
  pair.connect(configuration('initiator', { ...fast, ...client }));
  pair.run(1000);
  assert.deepEqual(pair.client.established, [1]);
  return pair;
}

const silence = (pair: Pair): void => {
  pair.intercept = () => undefined;
};

describe('rekeying', () => {
  it('of children and IKE SA at the soft limits, by both sides, loses no packet', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const lifetimes = { ikeLifetimeSeconds: 25, childLifetime: { softSeconds: 10, hardSeconds: 15 } };
      const pair = connected(lifetimes, lifetimes, seed);
      pair.faults = { loss: seed % 2 === 0 ? 0.1 : 0, duplication: 0.1, delay: [5, 60] };
      const traffic = new Traffic(pair);
      const spis = new Set<number>();
      for (let tick = 0; tick < 6000; tick++) {
        pair.run(1000 + tick * 20);
        traffic.tick();
        spis.add(pair.client.sending.get(1) ?? 0);
      }
      assert.deepEqual(traffic.lost, [], `seed ${seed}`);
      assert.ok(traffic.delivered > 11_000);
      assert.ok(spis.size >= 10, `${spis.size} children in two minutes`);
      assert.deepEqual([...pair.client.closed, ...pair.gateway.closed], []);
      pair.assertAgreement();
    }
  });

  it('changes the SPIs of the IKE SA and keeps its children', () => {
    const pair = connected({ ikeLifetimeSeconds: 100 });
    const before = pair.client.engine.snapshot()[0]!;
    assert.ok(before.rekeyAtMilliseconds! >= 90_000 && before.rekeyAtMilliseconds! <= 100_100);
    pair.run(105_000);
    const after = pair.client.engine.snapshot()[0]!;
    assert.notEqual(after.details!.initiatorSpi, before.details!.initiatorSpi);
    assert.deepEqual(after.children, before.children);
    pair.run(200_000);
    assert.deepEqual(pair.client.closed, []);
  });

  it('goes on trying while the gateway refuses, and ends with its reason at the hard limit', () => {
    // The gateway speaks the child's algorithm in IKE_AUTH only: PFS is refused.
    const pair = connected({
      espProposals: [{ encryption: 'aes-256-gcm-16', group: 31 }],
      childLifetime: { softSeconds: 20, hardSeconds: 60 },
    });
    pair.run(59_000);
    assert.equal(pair.client.children.size, 1);
    pair.run(70_000);
    assert.deepEqual(
      pair.client.failed.map(({ reason }) => reason),
      [{ code: 'no-proposal-chosen', layer: 'esp' }],
    );
    assert.equal(pair.client.children.size + pair.gateway.children.size, 0);
    assert.deepEqual(pair.client.closed, []);
    assert.equal(pair.client.expected.size, 0);
  });

  it('with a group that the gateway does not want asks again with its group', () => {
    const both = (first: 19 | 31, second: 19 | 31) => ({
      espProposals: [
        { encryption: 'aes-256-gcm-16' as const, group: first },
        { encryption: 'aes-256-gcm-16' as const, group: second },
      ],
    });
    const pair = connected(both(31, 19), { espProposals: [{ encryption: 'aes-256-gcm-16', group: 19 }] });
    const spi = pair.client.engine.snapshot()[0]!.children[0]!.inboundSpi;
    pair.client.step({ type: 'rekey-child', connection: 1, association: 1, spi }, pair.now);
    pair.run(2000);
    assert.equal(pair.client.engine.snapshot()[0]!.children[0]!.proposal.group, 19);
    pair.assertAgreement();
  });
});

describe('a deleted child', () => {
  it('goes at both ends; the other one is told', () => {
    const pair = connected({});
    pair.gateway.step({ type: 'delete-child', connection: 100, association: 101 }, pair.now);
    pair.run(2000);
    assert.equal(pair.client.children.size + pair.gateway.children.size, 0);
    assert.deepEqual(
      pair.client.failed.map(({ reason }) => reason),
      [{ code: 'deleted-by-peer' }],
    );
    assert.deepEqual(pair.gateway.failed, []);
    pair.client.step({ type: 'create-child', connection: 1, association: 1 }, pair.now);
    pair.run(3000);
    assert.equal(pair.client.children.size, 1);
    pair.assertAgreement();
  });
});

describe('a child that is deleted by its SPI', () => {
  it('goes alone: what has come after it stays', () => {
    const pair = connected({});
    const children = () => pair.client.engine.snapshot()[0]!.children;
    const former = children()[0]!.inboundSpi;
    pair.client.step({ type: 'rekey-child', connection: 1, association: 1, spi: former }, pair.now);
    pair.run(5000);
    const [successor] = children();
    assert.notEqual(successor!.inboundSpi, former);
    pair.client.step({ type: 'delete-child', connection: 1, association: 1, spi: former }, pair.now);
    pair.run(6000);
    assert.deepEqual(
      children().map(({ inboundSpi }) => inboundSpi),
      [successor!.inboundSpi],
    );
    const { outboundSpi } = successor!;
    pair.client.step({ type: 'delete-child', connection: 1, association: 1, spi: outboundSpi }, pair.now);
    pair.run(7000);
    assert.equal(pair.client.children.size + pair.gateway.children.size, 0);
  });
});

describe('a child that is deleted while it is rekeyed', () => {
  it('goes, and so does its successor', () => {
    const pair = connected({});
    const [child] = pair.client.engine.snapshot()[0]!.children;
    pair.client.step(
      { type: 'rekey-child', connection: 1, association: 1, spi: child!.inboundSpi },
      pair.now,
    );
    pair.client.step({ type: 'delete-child', connection: 1, association: 1 }, pair.now);
    pair.run(5000);
    assert.equal(pair.client.children.size + pair.gateway.children.size, 0);
    assert.deepEqual(pair.client.closed, []);
  });
});

describe('a peer that has fallen silent', () => {
  const watching = {
    deadPeerDetectionSeconds: 10,
    retransmission: { firstMilliseconds: 500, factor: 2, tries: 3 },
  };

  it('is asked, and then given up', () => {
    const pair = connected(watching);
    silence(pair);
    pair.run(10_900);
    assert.deepEqual(pair.client.closed, []);
    // 10 s of silence, then 0.5 + 1 + 2 + 4 s.
    pair.run(18_800);
    assert.deepEqual(pair.client.reasons(), ['dead-peer']);
    assert.equal(pair.client.children.size, 0);
    assert.equal(pair.client.environment.outstanding.size, 0);
  });

  it('is not asked while ESP comes', () => {
    const pair = connected(watching);
    const before = pair.client.effects.length;
    for (let second = 2; second < 60; second++) {
      pair.run(second * 1000);
      pair.client.step({ type: 'peer-alive', connection: 1 }, pair.now);
    }
    assert.deepEqual(
      pair.client.effects.slice(before).filter(({ type }) => type === 'send'),
      [],
    );
  });

  it('is asked every time, and answers while it lives', () => {
    const pair = connected(watching);
    const before = pair.gateway.effects.length;
    pair.run(101_000);
    const answers = pair.gateway.effects.slice(before).filter(({ type }) => type === 'send');
    assert.ok(answers.length >= 9 && answers.length <= 10, `${answers.length} answers`);
    assert.deepEqual(pair.client.closed, []);
  });
});

describe('disconnecting', () => {
  it('abruptly says DELETE once and waits for nothing', () => {
    const pair = connected({});
    pair.client.step({ type: 'disconnect', connection: 1, abrupt: true }, pair.now);
    assert.deepEqual(pair.client.reasons(), ['requested']);
    pair.run(2000);
    assert.deepEqual(pair.gateway.reasons(), ['deleted-by-peer']);
  });

  it('from a gateway that does not answer takes five seconds at most', () => {
    const pair = connected({});
    silence(pair);
    pair.client.step({ type: 'disconnect', connection: 1, abrupt: false }, pair.now);
    assert.equal(pair.client.engine.snapshot()[0]?.state, 'closing');
    pair.run(6100);
    assert.deepEqual(pair.client.reasons(), ['requested']);
    assert.equal(pair.client.environment.outstanding.size, 0);
  });

  it('before there is a connection ends the attempt', () => {
    const pair = new Pair();
    pair.connect(configuration('initiator'));
    pair.client.step({ type: 'disconnect', connection: 1, abrupt: false }, pair.now);
    assert.deepEqual(pair.client.reasons(), ['requested']);
    assert.equal(pair.client.environment.outstanding.size, 0);
    assert.equal(pair.client.timer, undefined);
  });
});

describe('behind a NAT', () => {
  /** The gateway sees the client at another address and port than the client knows. */
  function translated(
    outside: () => { address: string; port: number },
    client: Partial<IkeConfiguration> = {},
  ): Pair {
    const pair = new Pair();
    pair.serve(configuration('responder', fast));
    const inside = endpoint('192.0.2.1', 40_000);
    pair.client.send = ({ bytes, remote, marker }) => {
      const { address, port } = outside();
      pair.at(pair.now + 5, () =>
        pair.gateway.step(
          { type: 'datagram', bytes, marker, local: remote, remote: endpoint(address, port) },
          pair.now,
        ),
      );
    };
    pair.gateway.send = ({ bytes, local, marker }) =>
      pair.at(pair.now + 5, () =>
        pair.client.step({ type: 'datagram', bytes, marker, local: inside, remote: local }, pair.now),
      );
    pair.connect(configuration('initiator', { ...fast, natKeepaliveSeconds: 20, ...client }));
    pair.run(1000);
    return pair;
  }

  it('we know it, use UDP though native was wanted, and keep the mapping alive', () => {
    const pair = translated(() => ({ address: '203.0.113.5', port: 1234 }), { encapsulation: 'native' });
    const details = pair.client.engine.snapshot()[0]!.details!;
    assert.deepEqual(details.natDetected, { local: true, remote: false });
    assert.equal(details.remote.port, 4500);
    pair.run(101_000);
    const keepalives = pair.client.effects.filter((effect) => effect.type === 'send-keepalive');
    assert.equal(keepalives.length, 5);
  });

  it('without one there are no keepalives', () => {
    const pair = connected({ natKeepaliveSeconds: 20 });
    pair.run(101_000);
    assert.deepEqual(
      pair.client.effects.filter(({ type }) => type === 'send-keepalive'),
      [],
    );
  });

  it('the gateway follows a new mapping, told by an authenticated message only', () => {
    let port = 1234;
    const pair = translated(() => ({ address: '203.0.113.5', port }));
    const replayed = pair.client.effects.filter((effect) => effect.type === 'send').at(-1)!;
    pair.gateway.step(
      {
        type: 'datagram',
        bytes: replayed.bytes,
        marker: true,
        local: replayed.remote,
        remote: endpoint('203.0.113.66', 6666),
      },
      pair.now,
    );
    assert.deepEqual(moves(pair.gateway), []);
    port = 4321;
    pair.client.step({ type: 'rekey-ike', connection: 1 }, pair.now);
    pair.run(2000);
    assert.deepEqual(moves(pair.gateway), [4321]);
    assert.equal(pair.gateway.engine.snapshot()[0]?.details?.remote.port, 4321);
  });
});

function moves(host: Host): number[] {
  return host.effects.flatMap((effect) => (effect.type === 'peer-moved' ? [effect.remote.port] : []));
}

/** Packets both ways under whatever child each end sends with, received as the data plane would. */
class Traffic {
  readonly lost: string[] = [];
  delivered = 0;
  readonly #pair: Pair;
  readonly #removed = new Map<Host, Map<number, number>>();

  constructor(pair: Pair) {
    this.#pair = pair;
    for (const host of [pair.client, pair.gateway]) {
      const removed = new Map<number, number>();
      this.#removed.set(host, removed);
      const step = host.step.bind(host);
      host.step = (event, now) => {
        const before = host.effects.length;
        step(event, now);
        for (const effect of host.effects.slice(before)) {
          if (effect.type === 'remove-child')
            removed.set(effect.inboundSpi, now + effect.lingerSeconds * 1000);
        }
      };
    }
  }

  tick(): void {
    const { client, gateway } = this.#pair;
    this.#send(client, gateway, 1);
    this.#send(gateway, client, 101);
  }

  #send(from: Host, to: Host, association: number): void {
    const spi = from.sending.get(association);
    if (spi === undefined) {
      this.lost.push(`${from.name} has no SA at ${this.#pair.now}`);
      return;
    }
    const at = this.#pair.now + 1 + this.#pair.random() * 60;
    this.#pair.at(at, () => {
      const lingers = (this.#removed.get(to)!.get(spi) ?? 0) >= at;
      if (to.children.get(spi)?.inbound || lingers) this.delivered += 1;
      else this.lost.push(`${to.name} does not know ${spi} at ${at}`);
    });
  }
}
