// EAP inside IKE_AUTH against a gateway played by hand, which knows the keys: the order of RFC 7296 section 2.16, AUTH
// by the key of EAP, and a gateway that leaves the order or sends nonsense.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { md4 } from '../../../main/engine/eap/md4.ts';
import { masterSessionKey, ntResponse, passwordHash } from '../../../main/engine/eap/ms-chap-v2.ts';
import { sharedKeyAuthentication, signedOctets } from '../../../main/engine/ike/authentication.ts';
import type { IkeConfiguration } from '../../../main/engine/ike/contract.ts';
import { decodeHeader, headerLength } from '../../../main/engine/ike/header.ts';
import { encodeIdentity } from '../../../main/engine/ike/identity.ts';
import type { IkeKeys } from '../../../main/engine/ike/key-derivation.ts';
import { createObservedIkeEngine } from '../../../main/engine/ike/key-observer.ts';
import { authenticationMethod, notifyType } from '../../../main/engine/ike/numbers.ts';
import {
  decodePayloads,
  encodePayloads,
  findPayload,
  notify,
  type Payload,
} from '../../../main/engine/ike/payloads.ts';
import { createProtection } from '../../../main/engine/ike/protection.ts';
import { TestSecrets } from '../eap/secrets.ts';
import { configuration, endpoint, gcm256x25519, Pair, seededRandom } from './pair.ts';

const text = (value: string) => [...new TextEncoder().encode(value)];
const password = 'clientPass';
const identityBody = encodeIdentity({ type: 'fqdn', value: 'gateway.example' });

function eap(code: number, identifier: number, ...body: number[]): Payload {
  const length = 4 + body.length;
  const data = new Uint8Array([code, identifier, length >>> 8, length & 0xff, ...body]);
  return { kind: 'extensible-authentication', data };
}

/** Its AUTH by certificate: the client's verifier, which the test answers for, has the last word. */
const proved: readonly Payload[] = [
  { kind: 'identity-responder', body: identityBody },
  { kind: 'authentication', method: authenticationMethod.ecdsaP256, data: new Uint8Array(64).fill(7) },
];
const noChild = notify(notifyType.noProposalChosen);

/** The answer to each IKE_AUTH request in turn. */
type Script = (request: readonly Payload[], gateway: PlayedGateway) => readonly Payload[];

class PlayedGateway {
  readonly pair: Pair;
  readonly requests: (readonly Payload[])[] = [];
  mutate: (inner: Uint8Array) => Uint8Array = (inner) => inner;
  readonly #keys = new Map<bigint, IkeKeys>();
  readonly #secrets = new TestSecrets();
  readonly #scripts: Script[];
  #ourMessage = new Uint8Array();
  #clientMessage = new Uint8Array();
  #lastKeys: IkeKeys | undefined;

  constructor(seed: number, ...scripts: Script[]) {
    this.#scripts = scripts;
    this.pair = new Pair(seed, undefined, (environment) =>
      createObservedIkeEngine(environment, {
        // Freed by the engine when it is done with them: the test keeps copies.
        ikeKeys: ({ initiatorSpi }, keys) => this.#keys.set(initiatorSpi, copied(keys)),
        childKeys: () => {},
      }),
    );
    this.pair.serve(configuration('responder'));
    this.pair.intercept = (from, bytes) => this.#intercept(from === this.pair.client, bytes);
    this.pair.client.answer = (effect) => {
      if (effect.type === 'verify-peer') {
        return { type: 'peer-verified', request: effect.request, valid: true };
      }
      if (effect.type !== 'get-password') return undefined;
      const secret = this.pair.client.environment.allocateSecret(password.length);
      secret.set(text(password));
      return { type: 'password', request: effect.request, secret };
    };
  }

  connect(changes: Partial<IkeConfiguration> = {}): this {
    this.pair.connect(
      configuration('initiator', {
        localAuthentication: { method: 'eap', userName: 'User', methods: ['mschapv2', 'gtc'] },
        remoteAuthentication: 'certificate',
        retransmission: { firstMilliseconds: 300, factor: 2, tries: 2 },
        ...changes,
      }),
    );
    this.pair.run(60_000);
    return this;
  }

  /** What both ends should have signed by the key; undefined: none came of EAP. */
  authOf(side: 'client' | 'gateway', key: Uint8Array | undefined): Uint8Array {
    const keys = this.#lastKeys!;
    const client = side === 'client';
    const own = client ? keys.authenticationInitiator : keys.authenticationResponder;
    const octets = signedOctets(
      gcm256x25519.prf,
      client ? this.#clientMessage : this.#ourMessage,
      nonceOf(client ? this.#ourMessage : this.#clientMessage),
      own,
      client ? findPayload(this.requests[0]!, 'identity-initiator')!.body : identityBody,
    );
    return sharedKeyAuthentication(this.#secrets, gcm256x25519.prf, key ?? own, octets);
  }

  #intercept(fromClient: boolean, bytes: Uint8Array): Uint8Array | undefined {
    const header = decodeHeader(bytes);
    if (header.exchange === 34) {
      if (fromClient) this.#clientMessage = bytes.slice();
      else this.#ourMessage = bytes.slice();
      return bytes;
    }
    const keys = this.#keys.get(header.initiatorSpi);
    if (!fromClient || keys === undefined || header.exchange !== 35) return undefined;
    this.#lastKeys = keys;
    const random = seededRandom(header.messageId + 1);
    const fill = (target: Uint8Array): void => {
      for (let index = 0; index < target.length; index++) target[index] = Math.floor(random() * 256);
    };
    const protection = createProtection(fill, gcm256x25519, keys, false);
    const opened = protection.open(bytes, header);
    assert.ok(opened);
    if (this.requests.length >= header.messageId) return undefined;
    const payloads = decodePayloads(opened.first, opened.inner);
    this.requests.push(payloads);
    const script = this.#scripts.shift();
    if (script === undefined) return undefined;
    const { first, bytes: inner } = encodePayloads(script(payloads, this));
    const head = { ...header, fromInitiator: false, isResponse: true };
    const [response] = protection.seal(head, first, this.mutate(inner), undefined);
    this.pair.at(this.pair.now + 5, () =>
      this.pair.client.step(
        {
          type: 'datagram',
          bytes: response!,
          local: endpoint('192.0.2.1', 40_000),
          remote: endpoint('198.51.100.1', 4500),
        },
        this.pair.now,
      ),
    );
    return undefined;
  }
}

function copied(keys: IkeKeys): IkeKeys {
  return Object.fromEntries(
    Object.entries(keys).map(([name, key]: [string, Uint8Array]) => [name, key.slice()]),
  ) as unknown as IkeKeys;
}

function nonceOf(message: Uint8Array): Uint8Array {
  return findPayload(decodePayloads(message[16]!, message.subarray(headerLength)), 'nonce')!.data;
}

const authenticator = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const challenge: Script = () => [...proved, eap(1, 2, 26, 1, 9, 0, 21, 16, ...authenticator)];

/** Reads the client's response as a server would, and works out MSK and proof (RFC 2759 section 8.7). */
function serverOf(request: readonly Payload[]): { key: Uint8Array; proof: string } {
  const { data } = findPayload(request, 'extensible-authentication')!;
  const secrets = new TestSecrets();
  const hash = passwordHash(secrets, new TextEncoder().encode(password));
  const peer = data.slice(10, 26);
  const response = data.slice(34, 58);
  assert.deepEqual(response, ntResponse({ authenticator, peer, userName: 'User' }, hash));
  const sha1 = (...parts: readonly Uint8Array[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
  const first = sha1(md4(hash), response, Uint8Array.from(text('Magic server to client signing constant')));
  const block = sha1(peer, authenticator, Uint8Array.from(text('User'))).subarray(0, 8);
  const more = Uint8Array.from(text('Pad to make it do more than one iteration'));
  const proof = sha1(first, block, more).toString('hex').toUpperCase();
  return { key: masterSessionKey(secrets, hash, response), proof };
}

describe('EAP as initiator', () => {
  it('GTC: no AUTH before, SK_pi and SK_pr after', () => {
    const gateway = new PlayedGateway(
      1,
      () => [...proved, eap(1, 1, 1)],
      () => [eap(1, 2, 6, ...text('Password:'))],
      () => [eap(3, 3)],
      (_request, self) => [
        {
          kind: 'authentication',
          method: authenticationMethod.sharedKey,
          data: self.authOf('gateway', undefined),
        },
        noChild,
      ],
    ).connect();
    const [first, second, third, last] = gateway.requests;
    assert.equal(findPayload(first!, 'authentication'), undefined);
    for (const kind of ['identity-initiator', 'proposals', 'selectors-initiator'] as const) {
      assert.ok(findPayload(first!, kind), kind);
    }
    assert.deepEqual(second, [eap(2, 1, 1, ...text('User'))]);
    assert.deepEqual(third, [eap(2, 2, 6, ...text(password))]);
    assert.deepEqual(findPayload(last!, 'authentication')?.data, gateway.authOf('client', undefined));
    assert.equal(last?.length, 1);
    assert.deepEqual(gateway.pair.client.established, [1]);
    assertNothingLeft(gateway);
  });

  it('MS-CHAPv2: both prove themselves by its key', () => {
    let key = new Uint8Array();
    const gateway = new PlayedGateway(
      2,
      challenge,
      (request) => {
        const server = serverOf(request);
        key = Uint8Array.from(server.key);
        return [eap(1, 3, 26, 3, 9, 0, 46, ...text(`S=${server.proof}`))];
      },
      () => [eap(3, 4)],
      (_request, self) => [
        {
          kind: 'authentication',
          method: authenticationMethod.sharedKey,
          data: self.authOf('gateway', key),
        },
        noChild,
      ],
    ).connect();
    assert.deepEqual(
      findPayload(gateway.requests.at(-1)!, 'authentication')?.data,
      gateway.authOf('client', key),
    );
    assert.deepEqual(gateway.pair.client.established, [1]);
    assertNothingLeft(gateway);
  });

  it('MS-CHAPv2: a refusal with its reason', () => {
    const gateway = new PlayedGateway(
      2,
      challenge,
      () => [eap(1, 3, 26, 4, 9, 0, 9, ...text('E=648'))],
      () => [eap(4, 4)],
    ).connect();
    assert.deepEqual(gateway.pair.client.closed[0]?.reason, {
      code: 'authentication-failed',
      problem: 'password-expired',
    });
    assertNothingLeft(gateway);
  });

  it('a gateway whose last AUTH is wrong is told so and left', () => {
    const wrong: Payload = {
      kind: 'authentication',
      method: authenticationMethod.sharedKey,
      data: new Uint8Array(32),
    };
    const gateway = new PlayedGateway(
      3,
      () => [...proved, eap(1, 2, 6)],
      () => [eap(3, 3)],
      () => [wrong, noChild],
    ).connect();
    assert.deepEqual(gateway.pair.client.established, []);
    assert.deepEqual(gateway.pair.client.closed[0]?.reason, {
      code: 'authentication-failed',
      problem: 'server-unproven',
    });
    assertNothingLeft(gateway);
  });

  const disorders: readonly (readonly [string, string, ...Script[]])[] = [
    ['EAP before the gateway has proved itself', 'invalid-message', () => [proved[0]!, eap(1, 1, 6)]],
    ['no EAP at all', 'invalid-message', () => [...proved, noChild]],
    ['success before anything was asked', 'invalid-message', () => [...proved, eap(3, 1)]],
    ['AUTH instead of the end of EAP', 'invalid-message', () => [...proved, eap(1, 1, 6)], () => [...proved]],
    ['nothing', 'invalid-message', () => [...proved, eap(1, 1, 6)], () => []],
    [
      'EAP after its success',
      'invalid-message',
      () => [...proved, eap(1, 1, 6)],
      () => [eap(3, 2)],
      () => [eap(1, 3, 6)],
    ],
    [
      'a refusal in between',
      'authentication-failed',
      () => [...proved, eap(1, 1, 6)],
      () => [notify(notifyType.authenticationFailed)],
    ],
    ['failure at once', 'authentication-failed', () => [...proved, eap(4, 1)]],
    ['silence', 'no-answer', () => [...proved, eap(1, 1, 6)]],
  ];
  for (const [name, code, ...scripts] of disorders) {
    it(`out of order: ${name}`, () => {
      const gateway = new PlayedGateway(4, ...scripts).connect();
      assert.deepEqual(gateway.pair.client.reasons(), [code]);
      assert.deepEqual(gateway.pair.client.established, []);
      assertNothingLeft(gateway);
    });
  }

  it('a refusal tells the password from what came before it', () => {
    const refused: Script = () => [notify(notifyType.authenticationFailed)];
    const first = new PlayedGateway(7, refused).connect();
    assert.deepEqual(first.pair.client.closed[0]?.reason, { code: 'authentication-failed' });
    const told = new PlayedGateway(7, () => [...proved, eap(1, 1, 6)], refused).connect();
    assert.deepEqual(told.pair.client.closed[0]?.reason, {
      code: 'authentication-failed',
      problem: 'wrong-password',
    });
    const after = new PlayedGateway(
      7,
      () => [...proved, eap(1, 1, 6)],
      () => [eap(3, 2)],
      refused,
    ).connect();
    assert.deepEqual(after.pair.client.closed[0]?.reason, { code: 'authentication-failed' });
    for (const gateway of [first, told, after]) assertNothingLeft(gateway);
  });

  it('no password is asked for where the gateway has not proved itself', () => {
    const gateway = new PlayedGateway(5, () => [...proved, eap(1, 1, 6)]);
    const { client } = gateway.pair;
    client.answer = (effect) =>
      effect.type === 'verify-peer'
        ? { type: 'peer-verified', request: effect.request, valid: false, problem: 'untrusted' }
        : undefined;
    gateway.connect();
    assert.deepEqual(client.reasons(), ['peer-authentication-failed']);
    assert.ok(!client.effects.some(({ type }) => type === 'get-password'));
    assertNothingLeft(gateway);
  });

  it('a password that is not given ends it; one that comes too late is freed', () => {
    const gateway = new PlayedGateway(6, () => [...proved, eap(1, 1, 6)]);
    const { client } = gateway.pair;
    let request = 0;
    client.answer = (effect) => {
      if (effect.type === 'get-password') request = effect.request;
      return effect.type === 'verify-peer'
        ? { type: 'peer-verified', request: effect.request, valid: true }
        : undefined;
    };
    gateway.connect();
    assert.equal(client.timer, undefined, 'nothing presses whoever types');
    client.step({ type: 'disconnect', connection: 1, abrupt: true }, gateway.pair.now);
    const secret = client.environment.allocateSecret(4);
    client.step({ type: 'password', request, secret }, gateway.pair.now);
    assert.deepEqual(client.reasons(), ['requested']);
    assertNothingLeft(gateway);
  });

  it('500 gateways that send nonsense: a reason, and no secret left', () => {
    for (let seed = 100; seed < 600; seed++) {
      const random = seededRandom(seed);
      const gateway = new PlayedGateway(
        seed,
        random() < 0.5 ? challenge : () => [...proved, eap(1, 1, 1)],
        () => [eap(1, 2, 6, ...text('Password:'))],
        () => [eap(3, 3)],
        (_request, self) => [
          {
            kind: 'authentication',
            method: authenticationMethod.sharedKey,
            data: self.authOf('gateway', undefined),
          },
        ],
      );
      gateway.mutate = (inner) => {
        const changed = inner.slice();
        for (let change = Math.floor(random() * 3); change > 0; change--) {
          changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
        }
        return random() < 0.1 ? changed.subarray(0, Math.floor(random() * changed.length)) : changed;
      };
      gateway.connect();
      gateway.pair.client.step({ type: 'disconnect', connection: 1, abrupt: true }, gateway.pair.now);
      assert.ok(gateway.pair.client.closed.length === 1, `seed ${seed}`);
      assertNothingLeft(gateway);
    }
  });
});

function assertNothingLeft({ pair }: PlayedGateway): void {
  pair.client.step({ type: 'disconnect', connection: 1, abrupt: true }, pair.now);
  pair.run(pair.now + 100_000);
  assert.equal(pair.client.environment.outstanding.size, 0, 'the client keeps secrets');
  assert.equal(pair.client.timer, undefined);
  assert.deepEqual(pair.client.engine.snapshot(), []);
}
