// Which socket an IKE message leaves by, with or without marker, and how many come in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Endpoint, parseAddress } from '../../../main/engine/packet/address.ts';
import type { Underlay } from '../../../main/host/underlay/contract.ts';
import { IkeHandOver, type OpenedUnderlay } from '../../../main/service/data/ike-hand-over.ts';

interface Sent {
  readonly port: number;
  readonly bytes: number[];
}

function create(sockets: readonly { port: number; family: 4 | 6; plainIke: boolean }[]) {
  const sent: Sent[] = [];
  const underlays = sockets.map(({ port, family, plainIke }): OpenedUnderlay => {
    const underlay = {
      localPort: port,
      sendTo: (bytes: Uint8Array) => sent.push({ port, bytes: [...bytes] }),
    } as unknown as Underlay;
    return { underlay, family, plainIke };
  });
  return { handOver: new IkeHandOver(underlays), sent };
}

function endpoint(address: string, port: number): Endpoint {
  return { address: parseAddress(address)!, port };
}

const responder = [
  { port: 500, family: 4, plainIke: true },
  { port: 4500, family: 4, plainIke: false },
  { port: 4501, family: 6, plainIke: false },
] as const;
const message = Uint8Array.of(1, 2, 3);

test('a responder answers from the port that was asked, and sends ESP from the other', () => {
  const { handOver, sent } = create(responder);
  const remote = endpoint('192.0.2.1', 40_000);
  handOver.send(message, remote, endpoint('192.0.2.2', 500), false);
  handOver.send(message, remote, endpoint('192.0.2.2', 4500), true);
  handOver.sendKeepalive(remote, undefined);
  assert.deepEqual(sent, [
    { port: 500, bytes: [1, 2, 3] },
    { port: 4500, bytes: [0, 0, 0, 0, 1, 2, 3] },
    { port: 4500, bytes: [0xff] },
  ]);
  assert.equal(handOver.choose(remote, undefined)?.underlay.localPort, 4500);
  assert.equal(handOver.isPlainRemote(remote), false, 'on port 500 nothing needs to be remembered');
});

test('the family decides; without a socket of it there is no way', () => {
  const { handOver, sent } = create(responder);
  assert.equal(handOver.send(message, endpoint('2001:db8::1', 500), undefined, true), true);
  assert.equal(sent[0]?.port, 4501);
  const { handOver: onlyFour } = create([{ port: 7, family: 4, plainIke: false }]);
  assert.equal(onlyFour.send(message, endpoint('2001:db8::1', 500), undefined, true), false);
});

test('an initiator remembers which remotes it wrote to without marker', () => {
  const { handOver } = create([{ port: 50_000, family: 4, plainIke: false }]);
  const gateway = endpoint('192.0.2.1', 500);
  handOver.send(message, gateway, undefined, false);
  assert.equal(handOver.isPlainRemote(gateway), true);
  assert.equal(handOver.isPlainRemote(endpoint('192.0.2.1', 4500)), false);
});

test('a flood of datagrams is cut to so many in a window', () => {
  const { handOver } = create(responder);
  const admitted = Array.from({ length: 2000 }, () => handOver.admits(1000)).filter(Boolean).length;
  assert.equal(admitted, 500);
  assert.equal(handOver.admits(1100), true);
});
