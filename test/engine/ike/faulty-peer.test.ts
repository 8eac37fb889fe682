// A peer that knows the keys and sends nonsense: messages changed inside, with a correct integrity check. The engine
// throws nothing, ends with a reason or goes on, and keeps no secret.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IkeEnvironment, IkeProposal } from '../../../main/engine/ike/contract.ts';
import { decodeHeader } from '../../../main/engine/ike/header.ts';
import type { IkeKeys } from '../../../main/engine/ike/key-derivation.ts';
import { createObservedIkeEngine } from '../../../main/engine/ike/key-observer.ts';
import { createProtection } from '../../../main/engine/ike/protection.ts';
import { configuration, gcm256x25519, Pair, seededRandom } from './pair.ts';

const cbc: IkeProposal = {
  ...gcm256x25519,
  encryption: 'aes-128-cbc',
  integrity: 'hmac-sha2-256-128',
  group: 19,
};

describe('a faulty peer', () => {
  for (let block = 0; block < 10; block++) {
    it(`ends with a reason or goes on (seeds ${block * 40} to ${block * 40 + 39})`, () => {
      for (let seed = block * 40; seed < block * 40 + 40; seed++) runSeed(seed);
    });
  }
});

function runSeed(seed: number): void {
  const keysBySpi = new Map<bigint, IkeKeys>();
  const engineOf = (environment: IkeEnvironment) =>
    createObservedIkeEngine(environment, {
      ikeKeys: ({ initiatorSpi }, keys) => keysBySpi.set(initiatorSpi, keys),
      childKeys: () => {},
    });
  const pair = new Pair(seed + 1, undefined, engineOf);
  const random = seededRandom(seed + 1000);
  const randomBytes = (bytes: Uint8Array): void => {
    for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(random() * 256);
  };
  const faulty = seed % 2 === 0 ? pair.client : pair.gateway;
  const rate = 0.15 + random() * 0.5;
  pair.intercept = (from, bytes) => {
    if (from !== faulty || random() > rate) return bytes;
    const header = decodeHeader(bytes);
    const keys = keysBySpi.get(header.initiatorSpi);
    if (keys === undefined || header.exchange === 34) return bytes;
    const { fromInitiator } = header;
    const receiver = createProtection(randomBytes, cbc, keys, !fromInitiator);
    const sender = createProtection(randomBytes, cbc, keys, fromInitiator);
    const opened = receiver.open(bytes, header);
    // After a changed SPI the two ends have different keys.
    if (opened === undefined) return bytes;
    const first = random() < 0.05 ? Math.floor(random() * 256) : opened.first;
    return sender.seal(header, first, mutate(opened.inner, random), undefined)[0];
  };
  pair.gateway.answer = (effect) =>
    effect.type === 'assign-addresses'
      ? { type: 'addresses-assigned', request: effect.request, dns: [] }
      : undefined;
  const common = { ikeProposals: [cbc], retransmission: { firstMilliseconds: 300, factor: 2, tries: 3 } };
  pair.serve(configuration('responder', common));
  pair.connect(configuration('initiator', common));
  for (let at = 1000; at < 9000; at += 500) {
    pair.at(at, () => {
      const [host, connection, association] = random() < 0.5 ? [pair.client, 1, 1] : [pair.gateway, 100, 101];
      const child = host.engine.snapshot()[0]?.children[0];
      if (random() < 0.3) host.step({ type: 'rekey-ike', connection }, pair.now);
      else if (child === undefined) host.step({ type: 'create-child', connection, association }, pair.now);
      else host.step({ type: 'rekey-child', connection, association, spi: child.inboundSpi }, pair.now);
    });
  }
  pair.run(20_000);
  pair.client.step({ type: 'disconnect', connection: 1, abrupt: true }, pair.now);
  pair.gateway.step({ type: 'disconnect', connection: 100, abrupt: true }, pair.now);
  pair.run(200_000);
  for (const host of [pair.client, pair.gateway]) {
    assert.equal(host.environment.outstanding.size, 0, `seed ${seed}: ${host.name} keeps secrets`);
    assert.equal(host.timer, undefined, `seed ${seed}: ${host.name} keeps a timer`);
    assert.equal(host.children.size, 0);
    assert.deepEqual(host.engine.snapshot(), []);
  }
}

function mutate(inner: Uint8Array, random: () => number): Uint8Array {
  const copy = [...inner];
  for (let change = 0; change < 1 + random() * 2; change++) {
    const at = Math.floor(random() * copy.length);
    const kind = random();
    if (kind < 0.7) copy[at] = Math.floor(random() * 256);
    else if (kind < 0.85) copy.splice(at, Math.floor(random() * 20));
    else copy.splice(at, 0, ...copy.slice(at, at + 12));
  }
  return Uint8Array.from(copy);
}
