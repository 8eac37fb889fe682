// Two engines, a faultless network: from IKE_SA_INIT to children, with every transform, and how it ends.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkeProposal } from '../../../main/engine/ike/contract.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import { formatSelectors } from '../../../main/engine/policy/selector.ts';
import { configuration, espGcm256, gcm256x25519, Pair } from './pair.ts';

const encryptions: Pick<IkeProposal, 'encryption' | 'integrity'>[] = [
  { encryption: 'aes-128-gcm-16', integrity: 'none' },
  { encryption: 'aes-256-gcm-16', integrity: 'none' },
  { encryption: 'aes-128-cbc', integrity: 'hmac-sha2-256-128' },
  { encryption: 'aes-256-cbc', integrity: 'hmac-sha2-256-128' },
];

describe('a connection with a pre-shared key', () => {
  for (const encryption of encryptions) {
    for (const prf of ['hmac-sha2-256', 'hmac-sha2-384'] as const) {
      for (const group of [14, 19, 31] as const) {
        it(`comes up with ${encryption.encryption}, ${prf}, group ${group}`, () => {
          const ikeProposals = [{ ...encryption, prf, group }];
          const pair = connected({ ikeProposals }, { ikeProposals });
          assert.equal(pair.client.children.size, 1);
          assert.equal(pair.gateway.children.size, 1);
          pair.assertAgreement();
          assert.deepEqual(pair.client.engine.snapshot()[0]?.details?.proposal, ikeProposals[0]);
        });
      }
    }
  }

  it('ends at both ends when one disconnects, and leaves no secret behind', () => {
    const pair = connected();
    pair.client.step({ type: 'disconnect', connection: 1, abrupt: false }, pair.now);
    pair.run(pair.now + 60_000);
    assert.deepEqual(pair.client.reasons(), ['requested']);
    assert.deepEqual(pair.gateway.reasons(), ['deleted-by-peer']);
    assert.equal(pair.client.children.size + pair.gateway.children.size, 0);
    assertNoSecrets(pair);
    assert.equal(pair.client.timer, undefined);
    assert.equal(pair.gateway.timer, undefined);
  });

  it('asks again with the group that the gateway wants', () => {
    const group19 = { ...gcm256x25519, group: 19 as const };
    const pair = connected({ ikeProposals: [gcm256x25519, group19] }, { ikeProposals: [group19] });
    assert.equal(pair.client.engine.snapshot()[0]?.details?.proposal.group, 19);
    pair.assertAgreement();
  });

  it('gives the reason when there is no common proposal', () => {
    const pair = connected(
      { ikeProposals: [{ ...gcm256x25519, group: 14 }] },
      { ikeProposals: [{ ...gcm256x25519, encryption: 'aes-128-gcm-16' }] },
    );
    assert.deepEqual(pair.client.closed, [
      { type: 'closed', connection: 1, reason: { code: 'no-proposal-chosen', layer: 'ike' } },
    ]);
    assertNoSecrets(pair);
  });

  it('fails at both ends when the keys differ', () => {
    const pair = new Pair();
    pair.gateway.psk = 'another key';
    pair.serve(configuration('responder'));
    pair.connect(configuration('initiator'));
    pair.run(40_000);
    assert.deepEqual(pair.client.reasons(), ['authentication-failed']);
    assert.deepEqual(
      pair.gateway.closed.map(({ reason }) => reason),
      [{ code: 'peer-authentication-failed', problem: 'wrong-psk' }],
    );
    assert.equal(pair.client.established.length + pair.gateway.established.length, 0);
    assertNoSecrets(pair);
  });

  it('refuses a gateway with another identity', () => {
    const pair = new Pair();
    pair.serve(configuration('responder', { localIdentity: { type: 'fqdn', value: 'other.example' } }));
    pair.connect(configuration('initiator'));
    pair.run(40_000);
    assert.deepEqual(
      pair.client.closed.map(({ reason }) => reason),
      [{ code: 'peer-authentication-failed', problem: 'wrong-identity' }],
    );
    assert.deepEqual(pair.gateway.reasons(), ['authentication-failed']);
    assertNoSecrets(pair);
  });

  it('says after the time limit that nobody answered', () => {
    const pair = new Pair();
    pair.connect(configuration('initiator'));
    pair.run(9_999);
    assert.deepEqual(pair.client.closed, []);
    pair.run(10_000);
    assert.deepEqual(
      pair.client.closed.map(({ reason }) => reason),
      [{ code: 'no-answer', milliseconds: 10_000 }],
    );
    assertNoSecrets(pair);
  });

  it('keeps the IKE SA when only the child is refused', () => {
    const pair = connected({}, { espProposals: [{ encryption: 'chacha20-poly1305' }] });
    assert.deepEqual(pair.client.established, [1]);
    assert.deepEqual(
      pair.client.failed.map(({ reason }) => reason),
      [{ code: 'no-proposal-chosen', layer: 'esp' }],
    );
    assert.equal(pair.client.expected.size, 0);
  });

  it('gets virtual addresses and narrows the child to them', () => {
    const pair = new Pair();
    pair.gateway.answer = (effect) =>
      effect.type === 'assign-addresses'
        ? {
            type: 'addresses-assigned',
            request: effect.request,
            ...(effect.wants4 ? { address4: parseAddress('10.9.0.7')! } : {}),
            ...(effect.wants6 ? { address6: parseAddress('fd00::7')! } : {}),
            dns: [parseAddress('10.2.0.53')!],
          }
        : undefined;
    const [server] = configuration('responder').children;
    pair.serve(configuration('responder', { children: [{ ...server!, remoteSelectors: [] }] }));
    pair.connect(
      configuration('initiator', {
        children: [{ association: 1, localSelectors: [], remoteSelectors: [] }],
        requestVirtualAddress4: true,
        requestVirtualAddress6: true,
        requestDns: true,
      }),
    );
    pair.run(5_000);
    pair.assertAgreement();
    const [child] = pair.client.children.values();
    assert.equal(formatSelectors(child!.localSelectors), '10.9.0.7 fd00::7');
    assert.equal(formatSelectors(child!.remoteSelectors), '10.2.0.0/24');
    const details = pair.client.engine.snapshot()[0]!.details!;
    assert.deepEqual(details.virtualAddresses, [parseAddress('10.9.0.7'), parseAddress('fd00::7')]);
    assert.deepEqual(details.dns, [parseAddress('10.2.0.53')]);
  });

  it('ends with a reason when the gateway gives no address', () => {
    const pair = connected({ requestVirtualAddress4: true }, {}, (asked) => ({ ...asked, dns: [] }));
    assert.deepEqual(pair.client.reasons(), ['no-address-assigned']);
    pair.run(pair.now + 60_000);
    assert.deepEqual(pair.gateway.reasons(), ['deleted-by-peer']);
    assertNoSecrets(pair);
  });

  it('gets a second child by CREATE_CHILD_SA, with a key exchange of its own', () => {
    const pfs = [{ ...espGcm256, group: 19 as const }];
    const pair = connected({ espProposals: pfs }, { espProposals: pfs });
    pair.client.step({ type: 'create-child', connection: 1, association: 1 }, pair.now);
    pair.run(pair.now + 1000);
    assert.equal(pair.client.children.size, 2);
    assert.deepEqual(
      [...pair.client.children.values()].map(({ proposal }) => proposal.group),
      [undefined, 19],
    );
    pair.assertAgreement();
  });

  it('floats to port 4500 with the marker from an ephemeral port', () => {
    const pair = connected();
    const sent = pair.client.effects.filter((effect) => effect.type === 'send');
    assert.deepEqual(
      sent.map(({ local, remote, marker }) => [local.port, remote.port, marker]),
      [
        [40_000, 500, false],
        [40_000, 4500, true],
      ],
    );
    assert.equal(pair.gateway.engine.snapshot()[0]?.details?.remote.port, 40_000);
    assert.equal(pair.client.engine.snapshot()[0]?.details?.natDetected.local, false);
    assert.equal(pair.gateway.engine.snapshot()[0]?.details?.natDetected.remote, true);
  });

  it('stays on port 500 and native ESP where the profile says so', () => {
    const pair = connected({ encapsulation: 'native' });
    const sent = pair.client.effects.filter((effect) => effect.type === 'send');
    assert.deepEqual(
      sent.map(({ remote, marker }) => [remote.port, marker]),
      [
        [500, false],
        [500, false],
      ],
    );
    const installed = pair.gateway.effects.find((effect) => effect.type === 'install-child');
    assert.equal(installed?.child.encapsulation, 'native');
  });

  it('replaces the old connection when the client starts anew', () => {
    const pair = connected();
    const second = new Pair(9);
    // The same gateway, a client that has lost its memory.
    second.client.send = (effect) =>
      pair.gateway.step(
        { ...effect, type: 'datagram', local: effect.remote, remote: effect.local },
        pair.now,
      );
    pair.gateway.send = (effect) =>
      second.client.step(
        { ...effect, type: 'datagram', local: effect.remote, remote: effect.local },
        pair.now,
      );
    second.connect(configuration('initiator'));
    assert.deepEqual(pair.gateway.reasons(), ['replaced']);
    assert.deepEqual(pair.gateway.established, [100, 100]);
    assert.equal(pair.gateway.children.size, 1);
  });
});

function connected(
  client: Parameters<typeof configuration>[1] = {},
  gateway: Parameters<typeof configuration>[1] = {},
  assign?: (asked: { type: 'addresses-assigned'; request: number }) => {
    type: 'addresses-assigned';
    request: number;
    dns: [];
  },
): Pair {
  const pair = new Pair();
  pair.gateway.answer = (effect) =>
    effect.type === 'assign-addresses'
      ? assign?.({ type: 'addresses-assigned', request: effect.request })
      : undefined;
  pair.serve(configuration('responder', gateway));
  pair.connect(configuration('initiator', client));
  pair.run(3_000);
  return pair;
}

function assertNoSecrets(pair: Pair): void {
  pair.run(pair.now + 60_000);
  assert.equal(pair.client.environment.outstanding.size, 0, 'client keeps secrets');
  assert.equal(pair.gateway.environment.outstanding.size, 0, 'gateway keeps secrets');
}
