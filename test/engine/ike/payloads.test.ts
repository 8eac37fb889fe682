// The codec: what is written is read again, and whatever else comes in gives IkeFormatError and nothing else.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IkeFormatError } from '../../../main/engine/ike/bytes.ts';
import { readReply, replyAttributes } from '../../../main/engine/ike/configuration-payload.ts';
import { decodeHeader, encodeHeader } from '../../../main/engine/ike/header.ts';
import { decodeIdentity, encodeIdentity, sameIdentity } from '../../../main/engine/ike/identity.ts';
import {
  decodePayloads,
  encodePayloads,
  encodeRawPayloads,
  type Payload,
} from '../../../main/engine/ike/payloads.ts';
import {
  chooseEsp,
  chooseIke,
  isSingleChoice,
  offerEsp,
  offerIke,
} from '../../../main/engine/ike/proposals.ts';
import {
  derToRawSignature,
  rawToDerSignature,
  schemePrefix,
  splitDigitalSignature,
} from '../../../main/engine/ike/signature-scheme.ts';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import { gcm256x25519, seededRandom } from './pair.ts';

const bytes = (minLength = 0, maxLength = 40) =>
  fc.uint8Array({ minLength, maxLength }).map((array) => new Uint8Array(array));
const byte = fc.integer({ min: 0, max: 255 });
const word = fc.integer({ min: 0, max: 0xffff });
const doubleWord = fc.integer({ min: 0, max: 0xffffffff });

const selector = fc
  .tuple(byte, word, word, fc.constantFrom(4 as const, 6 as const), bytes(16, 16), bytes(16, 16))
  .map(([protocol, first, last, family, one, other]) => {
    const size = family === 4 ? 4 : 16;
    const sorted = [one.slice(0, size), other.slice(0, size)].sort(Buffer.compare);
    return {
      protocol,
      ports: { first, last },
      addresses: { first: { family, bytes: sorted[0]! }, last: { family, bytes: sorted[1]! } },
    };
  });

const proposal = fc.record({
  number: byte,
  protocol: byte,
  spi: bytes(0, 8),
  transforms: fc.array(
    fc.record({
      type: byte,
      id: word,
      keyBits: fc.option(word, { nil: undefined }),
      unknownAttribute: fc.constant(false),
    }),
    { maxLength: 5 },
  ),
});

const payload: fc.Arbitrary<Payload> = fc.oneof(
  fc.record({ kind: fc.constant('certificate' as const), encoding: byte, data: bytes() }),
  fc.record({ kind: fc.constant('certificate-request' as const), encoding: byte, authorities: bytes() }),
  fc.record({
    kind: fc.constant('notify' as const),
    protocol: byte,
    spi: bytes(0, 8),
    type: word,
    data: bytes(),
  }),
  fc.record({
    kind: fc.constant('delete' as const),
    protocol: fc.constant(3),
    spis: fc.array(doubleWord, { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant('vendor-id' as const), data: bytes() }),
);

/** These may appear once only. */
const single: fc.Arbitrary<Payload>[] = [
  fc.record({
    kind: fc.constant('proposals' as const),
    proposals: fc.array(proposal, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('key-exchange' as const), group: word, data: bytes() }),
  fc.record({ kind: fc.constant('identity-initiator' as const), body: bytes(4) }),
  fc.record({ kind: fc.constant('identity-responder' as const), body: bytes(4) }),
  fc.record({ kind: fc.constant('authentication' as const), method: byte, data: bytes() }),
  fc.record({ kind: fc.constant('nonce' as const), data: bytes(16, 256) }),
  fc.record({
    kind: fc.constant('selectors-initiator' as const),
    selectors: fc.array(selector, { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('selectors-responder' as const),
    selectors: fc.array(selector, { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('configuration' as const),
    type: byte,
    attributes: fc.array(fc.record({ type: fc.integer({ min: 0, max: 0x7fff }), value: bytes() }), {
      maxLength: 5,
    }),
  }),
];

const message = fc
  .tuple(fc.array(payload, { maxLength: 6 }), fc.tuple(...single))
  .map(([many, once]) => [...many, ...once]);

describe('the payload codec', () => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(message, (payloads) => {
        const { first, bytes: encoded } = encodePayloads(payloads);
        assert.deepEqual(decodePayloads(first, encoded), structuredClone(payloads));
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it('throws nothing but IkeFormatError for 50,000 mutated messages', () => {
    const random = seededRandom(4711);
    const originals = fc
      .sample(message, { seed: 2, numRuns: 200 })
      .map((payloads) => encodePayloads(payloads));
    let rejected = 0;
    for (let count = 0; count < 50_000; count++) {
      const original = originals[count % originals.length]!;
      const mutated = mutate(original.bytes, random);
      const first = random() < 0.05 ? Math.floor(random() * 256) : original.first;
      try {
        decodePayloads(first, mutated);
      } catch (error) {
        assert.ok(error instanceof IkeFormatError, String(error));
        rejected += 1;
      }
    }
    assert.ok(rejected > 10_000);
  });

  it('takes an unknown payload, and refuses it where it is critical', () => {
    const raw = encodeRawPayloads([{ type: 200, body: new Uint8Array([1, 2]) }]);
    assert.deepEqual(decodePayloads(raw.first, raw.bytes), [
      { kind: 'unknown', type: 200, data: new Uint8Array([1, 2]) },
    ]);
    raw.bytes[1] = 0x80;
    assert.throws(
      () => decodePayloads(raw.first, raw.bytes),
      (error: unknown) => error instanceof IkeFormatError && error.unsupportedCriticalPayload === 200,
    );
  });

  it('refuses a payload that may come once only, a second time', () => {
    const nonce = { kind: 'nonce', data: new Uint8Array(16) } as const;
    const twice = encodePayloads([nonce, nonce]);
    assert.throws(() => decodePayloads(twice.first, twice.bytes), IkeFormatError);
  });

  it('refuses a header whose length is not the length of the datagram', () => {
    const header = encodeHeader({
      initiatorSpi: 1n,
      responderSpi: 2n,
      nextPayload: 0,
      exchange: 37,
      fromInitiator: true,
      isResponse: false,
      messageId: 3,
      length: 28,
    });
    assert.equal(decodeHeader(header).messageId, 3);
    assert.throws(() => decodeHeader(Buffer.concat([header, Buffer.alloc(1)])), IkeFormatError);
    assert.throws(() => decodeHeader(header.subarray(0, 27)), IkeFormatError);
  });
});

describe('identities', () => {
  const identities = [
    { type: 'fqdn', value: 'gateway.example' },
    { type: 'email', value: 'alice@example.org' },
    { type: 'address', value: parseAddress('192.0.2.1')! },
    { type: 'address', value: parseAddress('2001:db8::1')! },
    { type: 'distinguished-name', value: new Uint8Array([0x30, 0]) },
    { type: 'key-id', value: new Uint8Array([1, 2, 3]) },
  ] as const;

  it('survive the wire and differ from each other', () => {
    for (const [index, identity] of identities.entries()) {
      const back = decodeIdentity(encodeIdentity(identity));
      for (const [other, candidate] of identities.entries()) {
        assert.equal(sameIdentity(back, candidate), index === other);
      }
    }
  });

  it('compare names without regard to case', () => {
    assert.ok(sameIdentity({ type: 'fqdn', value: 'A.example' }, { type: 'fqdn', value: 'a.EXAMPLE' }));
  });
});

describe('proposals', () => {
  const other = { ...gcm256x25519, group: 19 as const };

  it('are chosen in our order, and answered under their number', () => {
    const offer = offerIke([gcm256x25519, other], new Uint8Array(0));
    assert.deepEqual(chooseIke(offer, [other, gcm256x25519], 0), {
      ours: other,
      number: 2,
      spi: new Uint8Array(0),
    });
    assert.equal(chooseIke(offer, [{ ...other, prf: 'hmac-sha2-384' }], 0), undefined);
  });

  it('are chosen out of many transforms in one', () => {
    const [first, second] = offerIke([gcm256x25519, other], new Uint8Array(0));
    const merged = { ...first!, transforms: [...first!.transforms, ...second!.transforms] };
    assert.equal(chooseIke([merged], [other], 0)?.ours, other);
    assert.equal(isSingleChoice([merged]), false);
    assert.equal(isSingleChoice([first!]), true);
  });

  it('are passed over when they hold a transform of a type that we do not know', () => {
    const [known] = offerIke([gcm256x25519], new Uint8Array(0));
    const withUnknown = {
      ...known!,
      transforms: [...known!.transforms, { type: 6, id: 35, keyBits: undefined, unknownAttribute: false }],
    };
    assert.equal(chooseIke([withUnknown], [gcm256x25519], 0), undefined);
  });

  it('need the key exchange of an ESP proposal unless NONE is offered too', () => {
    const spi = new Uint8Array([1, 2, 3, 4]);
    const [withGroup] = offerEsp([{ encryption: 'aes-256-gcm-16', group: 31 }], spi);
    const plain = { encryption: 'aes-256-gcm-16' } as const;
    assert.equal(chooseEsp([withGroup!], [plain]), undefined);
    const none = { type: 4, id: 0, keyBits: undefined, unknownAttribute: false };
    assert.equal(
      chooseEsp([{ ...withGroup!, transforms: [...withGroup!.transforms, none] }], [plain])?.ours,
      plain,
    );
  });
});

describe('signature schemes', () => {
  it('are named as in RFC 7427 appendix A', () => {
    const hex = (scheme: Parameters<typeof schemePrefix>[0]): string =>
      Buffer.from(schemePrefix(scheme)).toString('hex');
    assert.equal(hex({ kind: 'rsa-pkcs1', hash: 'sha256' }), '0f300d06092a864886f70d01010b0500');
    assert.equal(hex({ kind: 'ecdsa', hash: 'sha384' }), '0c300a06082a8648ce3d040303');
    assert.equal(
      hex({ kind: 'rsa-pss', hash: 'sha256' }),
      '43304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108' +
        '300d06096086480165030402010500a203020120',
    );
  });

  it('are found again in front of the signature', () => {
    for (const kind of ['rsa-pkcs1', 'rsa-pss', 'ecdsa'] as const) {
      for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
        const data = Buffer.concat([schemePrefix({ kind, hash }), Buffer.from('signature')]);
        assert.deepEqual(splitDigitalSignature(new Uint8Array(data)), {
          scheme: { kind, hash },
          signature: new Uint8Array(Buffer.from('signature')),
        });
      }
    }
    assert.equal(splitDigitalSignature(new Uint8Array([200, 1])), undefined);
    assert.equal(splitDigitalSignature(new Uint8Array(0)), undefined);
  });

  it('turn r and s into DER and back', () => {
    fc.assert(
      fc.property(bytes(64, 64), (raw) => {
        assert.deepEqual(derToRawSignature(rawToDerSignature(raw)!), raw);
      }),
      { seed: 3, numRuns: 200 },
    );
    fc.assert(
      fc.property(bytes(0, 80), (garbage) => {
        derToRawSignature(garbage);
      }),
      { seed: 4, numRuns: 2000 },
    );
  });
});

describe('the configuration reply', () => {
  it('tells addresses, DNS and subnets, and leaves out what is malformed', () => {
    const addresses = [parseAddress('10.9.0.7')!, parseAddress('fd00::7')!];
    const dns = [parseAddress('10.2.0.53')!, parseAddress('fd00::53')!];
    const attributes = [
      ...replyAttributes(addresses, dns),
      { type: 13, value: new Uint8Array([10, 2, 0, 0, 255, 255, 0, 0]) },
      { type: 1, value: new Uint8Array(3) },
      { type: 3, value: new Uint8Array(0) },
      { type: 999, value: new Uint8Array(2) },
    ];
    assert.deepEqual(readReply(attributes), {
      addresses,
      dns,
      subnets: [{ address: parseAddress('10.2.0.0')!, length: 16 }],
    });
  });
});

/** Flips, cuts, repeats or overwrites something. */
function mutate(original: Uint8Array, random: () => number): Uint8Array {
  const copy = [...original];
  const changes = 1 + Math.floor(random() * 4);
  for (let change = 0; change < changes; change++) {
    const at = Math.floor(random() * copy.length);
    const kind = random();
    if (kind < 0.5) copy[at] = Math.floor(random() * 256);
    else if (kind < 0.7) copy.splice(at, 1 + Math.floor(random() * 8));
    else if (kind < 0.85) copy.splice(at, 0, ...copy.slice(at, at + Math.floor(random() * 16)));
    else copy.length = at;
  }
  return Uint8Array.from(copy);
}
