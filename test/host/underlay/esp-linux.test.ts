// ESP without UDP against the real kernel: raw sockets over a veth pair, peers by address alone, marks, fragments, the tap.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Endpoint,
  formatEndpoint,
  parseAddress,
  parsePrefix,
} from '../../../main/engine/packet/address.ts';
import { createDatagramBatch, createPacketBatch, noPeer } from '../../../main/engine/packet/batch.ts';
import { openBypassLink } from '../../../main/host/underlay/bypass-linux.ts';
import type { Underlay } from '../../../main/host/underlay/contract.ts';
import { openUnderlay } from '../../../main/host/underlay/linux.ts';
import { PollSet, pollEvent } from '../../../native/libc-io.ts';
import { cannotRun, connect, TestNamespace } from '../namespace.ts';
import { createTestMemory, testRegion } from '../pump.ts';

const skip = cannotRun;
const mark = 0x5e03;
const sendStart = testRegion.slotSize * testRegion.slotCount;
const addresses = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] } as const;

function endpoint(address: string, port: number): Endpoint {
  return { address: parseAddress(address)!, port };
}

function pair(family: 4 | 6) {
  const here = new TestNamespace('here');
  const there = new TestNamespace('there');
  const [left, right] = addresses[family];
  const length = family === 4 ? 24 : 64;
  connect(
    { namespace: here, link: 'eth0', addresses: [`${left}/${length}`] },
    { namespace: there, link: 'eth0', addresses: [`${right}/${length}`] },
  );
  const memory = createTestMemory(sendStart + (1 << 20));
  const open = (namespace: TestNamespace): Underlay =>
    namespace.within(() =>
      openUnderlay({ port: 0, family, mark, offload: true, encapsulation: 'native' }, memory),
    );
  const sender = open(here);
  const receiver = open(there);
  // The port of a peer's IKE is of no matter here.
  sender.setPeer(3, endpoint(right, 4500));
  return { here, there, left, right, memory, sender, receiver };
}

/** Everything that arrives until `expected` bytes are there. */
function collect(receiver: Underlay, memory: { bytes: Uint8Array }, expected: number) {
  const batch = createDatagramBatch(16);
  const set = new PollSet([{ descriptor: receiver.waitable, events: pollEvent.readable }]);
  const packets: Buffer[] = [];
  const sources: string[] = [];
  const peers: number[] = [];
  let bytes = 0;
  while (bytes < expected && set.wait(5_000) > 0) {
    receiver.receive(batch, testRegion);
    for (let index = 0; index < batch.count; index += 1) {
      const offset = batch.offset[index]!;
      const length = batch.length[index]!;
      assert.equal(batch.segmentSize[index], 0);
      packets.push(Buffer.from(memory.bytes.slice(offset, offset + length)));
      sources.push(formatEndpoint(receiver.remoteAt(batch.remote[index]!)));
      peers.push(batch.peer[index]!);
      bytes += length;
    }
  }
  return { packets, sources, peers };
}

function fill(memory: { bytes: Uint8Array }, length: number): Buffer {
  for (let index = 0; index < length; index += 1) {
    memory.bytes[sendStart + index] = (index * 31 + (index >> 8)) & 0xff;
  }
  return Buffer.from(memory.bytes.slice(sendStart, sendStart + length));
}

function run(length: number, segmentSize: number) {
  const batch = createDatagramBatch(4);
  batch.count = 1;
  batch.offset[0] = sendStart;
  batch.length[0] = length;
  batch.segmentSize[0] = segmentSize;
  batch.peer[0] = 3;
  return batch;
}

for (const family of [4, 6] as const) {
  test(`a run leaves packet by packet and arrives without its IP header (IPv${family})`, { skip }, () => {
    const { here, memory, sender, receiver, left } = pair(family);
    here.nft(
      `table inet probe { chain out { type filter hook output priority 0; meta l4proto 50 meta mark ${mark} counter; }; }`,
    );
    assert.deepEqual([sender.sendsSegmented, sender.localPort], [false, 0]);
    const sent = fill(memory, 100 * 1200 + 77);
    assert.equal(sender.send(run(sent.length, 1200), 0), 1);
    const { packets, sources, peers } = collect(receiver, memory, sent.length);
    assert.deepEqual(Buffer.concat(packets), sent);
    assert.deepEqual(
      packets.map(({ length }) => length),
      [...Array<number>(100).fill(1200), 77],
    );
    assert.match(here.run('nft list table inet probe'), /counter packets 101 /);
    assert.equal(sources[0], formatEndpoint(endpoint(left, 0)));
    assert.equal(peers[0], noPeer);

    receiver.setPeer(9, endpoint(left, 500));
    sender.send(run(100, 0), 0);
    assert.deepEqual(collect(receiver, memory, 100).peers, [9]);
    receiver.setPeer(9, endpoint(family === 4 ? '192.0.2.9' : '2001:db8::9', 500));
    sender.sendTo(Uint8Array.of(1, 2, 3, 4), endpoint(addresses[family][1], 4500), undefined);
    const single = collect(receiver, memory, 4);
    assert.deepEqual([single.peers, [...single.packets[0]!]], [[noPeer], [1, 2, 3, 4]]);
    assert.equal(sender.errors + receiver.errors, 0);
    sender.close();
    receiver.close();
  });

  test(`a packet longer than the link takes arrives all the same (IPv${family})`, { skip }, () => {
    const { here, memory, sender, receiver } = pair(family);
    here.ip('link set eth0 mtu 1280');
    const sent = fill(memory, 1400);
    assert.equal(sender.send(run(sent.length, 0), 0), 1);
    assert.deepEqual(Buffer.concat(collect(receiver, memory, sent.length).packets), sent);
    assert.equal(sender.errors, 0);
    sender.close();
    receiver.close();
  });

  test(`the tap leaves ESP to the raw socket where it is told to (IPv${family})`, { skip }, () => {
    const { there, memory, sender, receiver, left } = pair(family);
    const { address, length } = parsePrefix(`${left}/${family === 4 ? 32 : 128}`)!;
    const prefixes = [{ family: address.family, bytes: address.bytes, length }];
    const taps = [true, false].map((excludesEsp) =>
      there.within(() =>
        openBypassLink({ interfaceName: 'eth0', mark, prefixes, excludedPorts: [], excludesEsp }, memory),
      ),
    );
    sender.send(run(100, 0), 0);
    assert.equal(collect(receiver, memory, 100).packets.length, 1);
    const batch = createPacketBatch(4);
    const taken = taps.map((tap) => {
      tap.receive(batch, testRegion);
      return batch.count;
    });
    assert.deepEqual(taken, [0, 1]);
    for (const tap of taps) tap.close();
    sender.close();
    receiver.close();
  });
}
