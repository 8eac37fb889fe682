// An IKE SA goes on in another process: same SPIs, new child SAs, no IV and no message twice, and nothing where the peer has
// forgotten it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkeConfiguration } from '../../../main/engine/ike/contract.ts';
import { readStoredAssociation } from '../../../main/engine/ike/stored-association.ts';
import { configuration, endpoint, gcm256x25519, Pair, seededRandom, testEnvironment } from './pair.ts';

const fast = { ikeProposals: [{ ...gcm256x25519, group: 19 as const }] };
const clientOf = (changes: Partial<IkeConfiguration> = {}) =>
  configuration('initiator', { ...fast, ...changes });

function connected(client: Partial<IkeConfiguration> = {}, gateway: Partial<IkeConfiguration> = {}): Pair {
  const pair = new Pair(1);
  pair.serve(configuration('responder', { ...fast, ...gateway }));
  pair.connect(clientOf(client));
  pair.run(1000);
  assert.deepEqual(pair.client.established, [1]);
  return pair;
}

/** A copy of what was given; undefined: nothing was. */
function suspend(pair: Pair): Uint8Array | undefined {
  const { client } = pair;
  client.step({ type: 'suspend', connection: 1 }, pair.now);
  const effect = client.effects.find(({ type }) => type === 'suspended');
  if (effect?.type !== 'suspended') return undefined;
  const copy = effect.stored.slice();
  client.environment.freeSecret(effect.stored);
  return copy;
}

function resume(
  pair: Pair,
  bytes: Uint8Array,
  options: { elapsed?: number; port?: number; client?: Partial<IkeConfiguration> } = {},
): void {
  pair.restartClient(77);
  const stored = pair.client.environment.allocateSecret(bytes.length);
  stored.set(bytes);
  pair.client.step(
    {
      type: 'resume',
      connection: 1,
      configuration: clientOf(options.client),
      local: endpoint('192.0.2.1', options.port ?? 40_000),
      remote: endpoint('198.51.100.1', 500),
      stored,
      elapsedMilliseconds: options.elapsed ?? 2000,
    },
    pair.now,
  );
}

/** Of every protected message and fragment of the client: SPIs, message id and explicit IV. */
function watchIvs(pair: Pair): string[] {
  const seen: string[] = [];
  pair.intercept = (from, bytes) => {
    const next = bytes[16];
    if (from === pair.client && (next === 46 || next === 53)) {
      const ahead = next === 53 ? 36 : 32;
      seen.push(Buffer.from(bytes.subarray(ahead, ahead + 8)).toString('hex'));
    }
    return bytes;
  };
  return seen;
}

describe('an IKE SA in another process', () => {
  it('keeps its SPIs, makes its child anew, and repeats neither IV nor message id', () => {
    const pair = new Pair(1);
    const ivs = watchIvs(pair);
    pair.serve(configuration('responder', fast));
    pair.connect(clientOf());
    pair.run(1000);
    const before = pair.gateway.engine.snapshot()[0]!;
    const first = pair.client;
    const stored = suspend(pair)!;
    assert.deepEqual(first.reasons(), ['requested']);
    assert.equal(first.environment.outstanding.size, 0, 'every key is wiped');
    pair.run(3000);
    resume(pair, stored);
    pair.run(5000);
    const after = pair.gateway.engine.snapshot()[0]!;
    assert.equal(after.details!.initiatorSpi, before.details!.initiatorSpi);
    assert.deepEqual(pair.client.established, [1]);
    assert.equal(after.children.length, 1);
    assert.notEqual(after.children[0]!.inboundSpi, before.children[0]!.inboundSpi);
    assert.notEqual(after.children[0]!.outboundSpi, before.children[0]!.outboundSpi);
    pair.assertAgreement();
    assert.deepEqual([...pair.gateway.closed, ...pair.gateway.failed, ...pair.client.closed], []);
    assert.ok(ivs.length >= 3);
    assert.equal(new Set(ivs).size, ivs.length, 'no IV came twice');
    // Both sides go on as ever.
    pair.client.step({ type: 'rekey-ike', connection: 1 }, pair.now);
    pair.run(8000);
    pair.gateway.step({ type: 'disconnect', connection: 100, abrupt: false }, pair.now);
    pair.run(12_000);
    assert.deepEqual(pair.client.reasons(), ['deleted-by-peer']);
    pair.run(60_000);
    assert.equal(pair.client.environment.outstanding.size, 0);
  });

  it('is followed by the peer to another port', () => {
    const pair = connected();
    resume(pair, suspend(pair)!, { port: 40_001 });
    pair.run(3000);
    assert.equal(pair.gateway.engine.snapshot()[0]!.details!.remote.port, 40_001);
    pair.assertAgreement();
  });

  it('answers again what the peer asked before and has no answer to', () => {
    const pair = connected();
    pair.intercept = (from, bytes) => (from === pair.client ? undefined : bytes);
    pair.gateway.step({ type: 'probe', connection: 100, urgent: false }, pair.now);
    pair.run(1100);
    const stored = suspend(pair)!;
    pair.intercept = (_from, bytes) => bytes;
    resume(pair, stored);
    pair.run(5000);
    pair.gateway.step({ type: 'probe', connection: 100, urgent: false }, pair.now);
    pair.run(60_000);
    assert.deepEqual(pair.gateway.closed, []);
    assert.notEqual(pair.gateway.engine.snapshot()[0]!.roundTrip, undefined);
  });

  it('makes its child also where the peer has lost the old one', () => {
    const pair = connected();
    const stored = suspend(pair)!;
    const child = pair.gateway.engine.snapshot()[0]!.children[0]!;
    pair.gateway.step({ type: 'delete-child', connection: 100, association: child.association }, pair.now);
    pair.run(1100);
    resume(pair, stored);
    pair.run(20_000);
    assert.equal(pair.client.children.size, 1);
    assert.deepEqual(pair.client.closed, []);
  });

  it('is rekeyed when the old process would have done it, and ends in time', () => {
    const pair = connected({ ikeLifetimeSeconds: 100 });
    const due = pair.client.engine.snapshot()[0]!.rekeyAtMilliseconds!;
    const stored = suspend(pair)!;
    pair.run(31_000);
    resume(pair, stored, { elapsed: 30_000, client: { ikeLifetimeSeconds: 100 } });
    const now = pair.client.engine.snapshot()[0]!.rekeyAtMilliseconds!;
    assert.ok(Math.abs(now - due) < 2, `${now} ${due}`);
  });

  it('is not used after its lifetime, for another gateway, or where it is there already', () => {
    const pair = connected({ ikeLifetimeSeconds: 100 });
    const stored = suspend(pair)!;
    resume(pair, stored, { elapsed: 110_000 });
    assert.deepEqual(pair.client.reasons(), ['dead-peer']);
    assert.equal(pair.client.environment.outstanding.size, 0);
  });

  it('ends within seconds where the peer has forgotten it', () => {
    const pair = connected();
    const stored = suspend(pair)!;
    pair.intercept = () => undefined;
    resume(pair, stored);
    pair.run(pair.now + 6000);
    assert.deepEqual(pair.client.reasons(), ['dead-peer']);
    assert.equal(pair.client.environment.outstanding.size, 0);
  });

  it('is not given while an exchange is under way', () => {
    const pair = connected();
    pair.client.step({ type: 'rekey-ike', connection: 1 }, pair.now);
    assert.equal(suspend(pair), undefined);
    pair.run(5000);
    assert.deepEqual(pair.client.closed, []);
    assert.notEqual(suspend(pair), undefined);
  });

  it('is refused in whatever way its bytes are damaged', () => {
    const pair = connected();
    const stored = suspend(pair)!;
    const random = seededRandom(5);
    for (let round = 0; round < 3000; round++) {
      const bytes = stored.slice(0, random() < 0.3 ? Math.floor(random() * stored.length) : stored.length);
      for (let change = 0; change < 3 && bytes.length > 0; change++) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      resume(pair, bytes);
      pair.client.step({ type: 'disconnect', connection: 1, abrupt: true }, pair.now);
      pair.client.step({ type: 'timer' }, pair.now + 60_000);
      assert.equal(pair.client.environment.outstanding.size, 0);
    }
    assert.throws(() => readStoredAssociation(testEnvironment(1), new Uint8Array([2])), /another version/);
  });
});
