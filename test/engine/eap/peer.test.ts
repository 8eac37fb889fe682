// The one who is asked in EAP: whole conversations by the examples of RFC 2759, what is refused, and 20,000 hostile ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EapPeer, type EapSettings, type EapStep } from '../../../main/engine/eap/peer.ts';
import { IkeFormatError } from '../../../main/engine/ike/bytes.ts';
import { seededRandom } from '../ike/pair.ts';
import { TestSecrets } from './secrets.ts';

const request = 1;
const bytes = (hex: string) => [...Buffer.from(hex, 'hex')];
const text = (value: string) => [...new TextEncoder().encode(value)];

function eap(code: number, identifier: number, ...body: number[]): Uint8Array {
  const length = 4 + body.length;
  return new Uint8Array([code, identifier, length >>> 8, length & 0xff, ...body]);
}
const ask = (identifier: number, type: number, ...data: number[]) => eap(request, identifier, type, ...data);
const success = (identifier: number) => eap(3, identifier);
const failure = (identifier: number) => eap(4, identifier);
const challenge = (identifier: number) =>
  ask(identifier, 26, 1, 9, 0, 26, 16, ...bytes('5b5d7c7d7b3f2f3e3c2c602132262628'), ...text('vpn'));
const told = (identifier: number, operation: number, words: string) =>
  ask(identifier, 26, operation, 9, 0, 4 + words.length, ...text(words));
const proof = 'S=407A5589115FD0D6209F510FE9C04566932CDA56 M=welcome';

function start(changes: Partial<EapSettings> = {}) {
  const secrets = new TestSecrets();
  // The peer's challenge of RFC 2759, section 9.2.
  secrets.random = (target) => target.set(bytes('21402324255e262a28295f2b3a337c7e'));
  const peer = new EapPeer(secrets, { userName: 'User', methods: ['mschapv2', 'gtc'], ...changes });
  return { peer, secrets };
}

function responseOf(step: EapStep): readonly number[] {
  assert.equal(step.type, 'respond');
  return step.type === 'respond' ? [...step.packet] : [];
}

const password = new TextEncoder().encode('clientPass');

test('MS-CHAPv2 from identity to success', () => {
  const { peer, secrets } = start();
  assert.deepEqual(responseOf(peer.receive(ask(1, 1))), [...eap(2, 1, 1, ...text('User'))]);
  assert.deepEqual(peer.receive(challenge(2)), { type: 'ask', kind: 'password', message: '' });
  const response = [
    ...bytes('21402324255e262a28295f2b3a337c7e'),
    ...new Array(8).fill(0),
    ...bytes('82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df'),
    0,
  ];
  const expected = eap(2, 2, 26, 2, 9, 0, 58, 49, ...response, ...text('User'));
  assert.deepEqual(responseOf(peer.provide(password)), [...expected]);
  assert.equal(peer.key, undefined);
  assert.deepEqual(responseOf(peer.receive(told(3, 3, proof))), [...eap(2, 3, 26, 3)]);
  assert.deepEqual(peer.receive(success(4)), { type: 'success' });
  assert.equal(Buffer.from(peer.key!.subarray(16, 32)).toString('hex'), '8b7cdc149b993a1ba118cb153f56dccb');
  peer.dispose();
  assert.equal(secrets.outstanding, 0);
});

test('a server that does not know the password is left', () => {
  for (const words of [proof.replace('407A', '407B'), 'S=40', 'M=welcome', '']) {
    const { peer, secrets } = start();
    peer.receive(challenge(2));
    peer.provide(password);
    assert.deepEqual(peer.receive(told(3, 3, words)), { type: 'failure', problem: 'server-unproven' });
    peer.dispose();
    assert.equal(secrets.outstanding, 0);
  }
});

test('success is believed only when the method is complete', () => {
  for (const before of [[], [ask(1, 1)], [challenge(2)], [ask(1, 4, 1, 0)]]) {
    const { peer } = start();
    for (const packet of before) peer.receive(packet);
    assert.throws(() => peer.receive(success(9)), IkeFormatError);
  }
  const { peer } = start();
  peer.receive(challenge(2));
  peer.provide(password);
  assert.throws(() => peer.receive(success(9)), IkeFormatError);
});

test('refusals say why, and a retry that the server allows is not taken', () => {
  for (const [words, problem] of [
    ['E=691 R=1 C=00112233445566778899aabbccddeeff V=3 M=no', 'wrong-password'],
    ['E=647 R=0', 'account-disabled'],
    ['E=648 R=0', 'password-expired'],
    ['E=646', 'not-permitted'],
    ['E=999', 'wrong-password'],
    ['', 'wrong-password'],
  ] as const) {
    const { peer, secrets } = start();
    peer.receive(challenge(2));
    peer.provide(password);
    assert.deepEqual(responseOf(peer.receive(told(3, 4, words))), [...eap(2, 3, 26, 4)]);
    assert.throws(() => peer.receive(challenge(4)), IkeFormatError);
    assert.deepEqual(peer.receive(failure(4)), { type: 'failure', problem });
    peer.dispose();
    assert.equal(secrets.outstanding, 0);
  }
});

test('GTC: the password first, then a code with the words of the gateway', () => {
  const { peer } = start();
  peer.receive(ask(1, 1));
  assert.deepEqual(peer.receive(ask(2, 6, ...text('Password: '))), {
    type: 'ask',
    kind: 'password',
    message: 'Password: ',
  });
  assert.deepEqual(responseOf(peer.provide(password)), [...eap(2, 2, 6, ...text('clientPass'))]);
  assert.deepEqual(peer.receive(ask(3, 6, ...text('Code 7 of your list'))), {
    type: 'ask',
    kind: 'one-time-code',
    message: 'Code 7 of your list',
  });
  assert.deepEqual(responseOf(peer.provide(new Uint8Array(text('4711')))), [
    ...eap(2, 3, 6, ...text('4711')),
  ]);
  assert.deepEqual(peer.receive(success(4)), { type: 'success' });
  assert.equal(peer.key, undefined);
});

test('MD5, expanded types and what the profile leaves out are answered by what we speak', () => {
  const { peer } = start();
  assert.deepEqual(responseOf(peer.receive(ask(1, 4, 16, ...new Array(16).fill(1)))), [
    ...eap(2, 1, 3, 26, 6),
  ]);
  assert.deepEqual(responseOf(peer.receive(ask(2, 254, 0, 0, 0, 0, 0, 0, 4))), [...eap(2, 2, 3, 26, 6)]);
  assert.deepEqual(peer.receive(failure(3)), { type: 'failure', problem: 'no-common-method' });
  const careful = start({ methods: ['mschapv2'] });
  assert.deepEqual(responseOf(careful.peer.receive(ask(1, 6, ...text('?')))), [...eap(2, 1, 3, 26)]);
  assert.equal(careful.peer.receive(challenge(2)).type, 'ask');
});

test('notifications are answered, a repeated request gets the same answer, a second method is an error', () => {
  const { peer } = start();
  assert.deepEqual(responseOf(peer.receive(ask(1, 2, ...text('maintenance at nine')))), [...eap(2, 1, 2)]);
  peer.receive(challenge(2));
  const first = responseOf(peer.provide(password));
  assert.deepEqual(responseOf(peer.receive(challenge(2))), first);
  assert.throws(() => peer.receive(ask(3, 6)), IkeFormatError);
  assert.throws(() => peer.receive(ask(3, 1)), IkeFormatError);
  assert.throws(() => peer.receive(ask(3, 4)), IkeFormatError);
});

test('a conversation without end is ended', () => {
  const { peer } = start();
  const talk = () => {
    for (let round = 0; round < 1000; round++) peer.receive(ask(round & 0xff, 2));
  };
  assert.throws(talk, /does not come to an end/);
});

test('20,000 hostile conversations: its own error at most, few rounds, no secret left', () => {
  const random = seededRandom(4711);
  const number = (below: number) => Math.floor(random() * below);
  const pick = <Value>(values: readonly Value[]): Value => values[number(values.length)]!;
  const honest = [
    ask(1, 1),
    ask(2, 2),
    challenge(3),
    told(4, 3, proof),
    told(4, 4, 'E=691 R=1'),
    ask(5, 6, ...text('Password')),
    ask(6, 4, 1, 1),
    success(7),
    failure(7),
  ];
  for (let conversation = 0; conversation < 20_000; conversation++) {
    const { peer, secrets } = start();
    let rounds = 0;
    try {
      for (; rounds < 100; rounds++) {
        const packet = Uint8Array.from(pick(honest));
        for (let change = number(4); change > 0; change--) packet[number(packet.length)] = number(256);
        const step = peer.receive(random() < 0.2 ? packet.subarray(0, number(packet.length + 1)) : packet);
        if (step.type === 'success' || step.type === 'failure') break;
        if (step.type === 'ask' && random() < 0.8) peer.provide(password);
      }
    } catch (error) {
      assert.ok(error instanceof IkeFormatError, String(error));
    }
    assert.ok(rounds <= 32);
    peer.dispose();
    assert.equal(secrets.outstanding, 0);
  }
});
