// UDP sockets below the tunnel against the real kernel: runs of datagrams over a veth pair, peers, marks, fall-backs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Endpoint, formatEndpoint, parseAddress } from '../../../main/engine/packet/address.ts';
import { createDatagramBatch, noPeer } from '../../../main/engine/packet/batch.ts';
import type { Underlay } from '../../../main/host/underlay/contract.ts';
import { openUnderlay } from '../../../main/host/underlay/linux.ts';
import { PollSet, pollEvent } from '../../../native/libc-io.ts';
import { cannotRun, connect, TestNamespace } from '../namespace.ts';
import { createTestMemory, testRegion } from '../pump.ts';

const skip = cannotRun;
const mark = 0x5e01;
const sendStart = testRegion.slotSize * testRegion.slotCount;

function endpoint(address: string, port: number): Endpoint {
  return { address: parseAddress(address)!, port };
}

function pair(family: 4 | 6, options: { offload?: boolean } = {}) {
  const here = new TestNamespace('here');
  const there = new TestNamespace('there');
  const [left, right] = family === 4 ? ['192.0.2.1', '192.0.2.2'] : ['2001:db8::1', '2001:db8::2'];
  const length = family === 4 ? 24 : 64;
  connect(
    { namespace: here, link: 'eth0', addresses: [`${left}/${length}`] },
    { namespace: there, link: 'eth0', addresses: [`${right}/${length}`] },
  );
  const memory = createTestMemory(sendStart + (1 << 20));
  const open = (namespace: TestNamespace, port: number): Underlay =>
    namespace.within(() => openUnderlay({ port, family, mark, offload: options.offload ?? true }, memory));
  const sender = open(here, 0);
  const receiver = open(there, 4500);
  sender.setPeer(3, endpoint(right!, 4500));
  return { here, there, left: left!, right: right!, memory, sender, receiver };
}

/** Everything that arrives until `expected` bytes are there; each datagram by itself. */
function collect(receiver: Underlay, memory: { bytes: Uint8Array }, expected: number) {
  const batch = createDatagramBatch(16);
  const set = new PollSet([{ descriptor: receiver.waitable, events: pollEvent.readable }]);
  const datagrams: Buffer[] = [];
  const entries: { runLength: number; segmentSize: number; peer: number; remote: string; local: string }[] =
    [];
  let bytes = 0;
  while (bytes < expected && set.wait(5_000) > 0) {
    receiver.receive(batch, testRegion);
    for (let index = 0; index < batch.count; index += 1) {
      const offset = batch.offset[index]!;
      const length = batch.length[index]!;
      const step = batch.segmentSize[index]! || length;
      for (let at = 0; at < length; at += step) {
        datagrams.push(Buffer.from(memory.bytes.slice(offset + at, offset + Math.min(length, at + step))));
      }
      bytes += length;
      entries.push({
        runLength: length,
        segmentSize: batch.segmentSize[index]!,
        peer: batch.peer[index]!,
        remote: formatEndpoint(receiver.remoteAt(batch.remote[index]!)),
        local: formatEndpoint(receiver.localAt(batch.remote[index]!)),
      });
    }
  }
  return { datagrams, entries };
}

function fill(memory: { bytes: Uint8Array }, length: number, start = sendStart): Buffer {
  for (let index = 0; index < length; index += 1) {
    memory.bytes[start + index] = (index * 31 + (index >> 8)) & 0xff;
  }
  return Buffer.from(memory.bytes.slice(start, start + length));
}

function run(length: number, segmentSize: number, peer = 3) {
  const batch = createDatagramBatch(4);
  batch.count = 1;
  batch.offset[0] = sendStart;
  batch.length[0] = length;
  batch.segmentSize[0] = segmentSize;
  batch.peer[0] = peer;
  return batch;
}

for (const family of [4, 6] as const) {
  test(`a run crosses in few calls and arrives as runs, whole and in order (IPv${family})`, { skip }, () => {
    const { memory, sender, receiver, left, right } = pair(family);
    assert.equal(sender.sendsSegmented, true);
    const sent = fill(memory, 150 * 1200 + 77);
    assert.equal(sender.send(run(sent.length, 1200), 0), 1);
    const { datagrams, entries } = collect(receiver, memory, sent.length);
    assert.deepEqual(Buffer.concat(datagrams), sent);
    assert.deepEqual(
      datagrams.map(({ length }) => length),
      [...Array<number>(150).fill(1200), 77],
    );
    assert.equal(
      entries.some(({ runLength }) => runLength > 10_000),
      true,
      'arrived as runs',
    );
    const brackets = (text: string) => (family === 4 ? text : `[${text}]`);
    assert.equal(entries[0]!.remote, `${brackets(left)}:${sender.localPort}`);
    assert.equal(entries[0]!.local, `${brackets(right)}:4500`);
    assert.equal(entries[0]!.peer, noPeer);
    assert.equal(sender.errors + receiver.errors, 0);

    receiver.setPeer(9, endpoint(left, sender.localPort));
    sender.send(run(100, 0), 0);
    assert.deepEqual(
      collect(receiver, memory, 100).entries.map(({ peer }) => peer),
      [9],
    );
    receiver.setPeer(9, endpoint(left, sender.localPort + 1));
    sender.send(run(100, 0), 0);
    assert.deepEqual(
      collect(receiver, memory, 100).entries.map(({ peer }) => peer),
      [noPeer],
    );
    receiver.setPeer(300, endpoint(left, sender.localPort));
    sender.send(run(100, 0), 0);
    assert.deepEqual(
      collect(receiver, memory, 100).entries.map(({ peer }) => peer),
      [300],
    );
    sender.close();
    receiver.close();
  });
}

test('without offload the same run goes datagram by datagram', { skip }, () => {
  const { memory, sender, receiver } = pair(4, { offload: false });
  assert.equal(sender.sendsSegmented, false);
  const sent = fill(memory, 100 * 1000 + 5);
  assert.equal(sender.send(run(sent.length, 1000), 0), 1);
  const { datagrams, entries } = collect(receiver, memory, sent.length);
  assert.deepEqual(Buffer.concat(datagrams), sent);
  assert.equal(
    entries.every(({ segmentSize }) => segmentSize === 0),
    true,
  );
  assert.equal(datagrams.length, 101);
  sender.close();
  receiver.close();
});

test('segments longer than the link takes are sent all the same, in fragments', { skip }, () => {
  const { here, memory, sender, receiver } = pair(4);
  here.ip('link set eth0 mtu 900');
  const sent = fill(memory, 20 * 1200);
  assert.equal(sender.send(run(sent.length, 1200), 0), 1);
  assert.deepEqual(Buffer.concat(collect(receiver, memory, sent.length).datagrams), sent);
  assert.equal(sender.sendsSegmented, true, 'the next path may be wider');
  assert.equal(sender.errors, 0);
  sender.close();
  receiver.close();
});

test('entries for peers that are gone, or out of reach, are counted and passed over', { skip }, () => {
  const { here, memory, sender, receiver } = pair(4);
  sender.setPeer(4, endpoint('203.0.113.9', 4500));
  const batch = createDatagramBatch(4);
  batch.count = 4;
  for (const [index, peer] of [3, 4, 77, 3].entries()) {
    batch.offset[index] = sendStart + index * 100;
    batch.length[index] = 100;
    batch.peer[index] = peer;
  }
  assert.equal(sender.send(batch, 0), 4);
  assert.equal(sender.errors, 2);
  assert.equal(collect(receiver, memory, 200).datagrams.length, 2);
  here.ip('link set eth0 down');
  assert.equal(sender.send(batch, 3), 1);
  assert.equal(sender.errors, 3);
  sender.close();
  receiver.close();
});

test('a single datagram goes out from the source that was asked for, with the mark', { skip }, () => {
  const { here, memory, sender, receiver } = pair(4);
  here.ip('addr add 192.0.2.77/24 dev eth0');
  here.nft(
    `table ip probe { chain out { type filter hook output priority 0; udp dport 4500 meta mark ${mark} counter; }; }`,
  );
  const message = Uint8Array.of(0, 0, 0, 0, 1, 2, 3);
  sender.sendTo(message, endpoint('192.0.2.2', 4500), endpoint('192.0.2.77', 0));
  sender.sendTo(message, endpoint('192.0.2.2', 4500), undefined);
  const { datagrams, entries } = collect(receiver, memory, 14);
  assert.deepEqual([...datagrams[0]!], [...message]);
  assert.deepEqual(
    entries.map(({ remote }) => remote.split(':')[0]),
    ['192.0.2.77', '192.0.2.1'],
  );
  assert.match(here.run('nft list table ip probe'), /counter packets 2 /);
  sender.close();
  receiver.close();
});

test('the source towards an address is what the routes for marked packets say', { skip }, () => {
  const { here, sender, receiver } = pair(4);
  here.ip(
    'addr add 192.0.2.55/24 dev eth0',
    'route add 198.51.100.0/24 via 192.0.2.2',
    `rule add fwmark ${mark} lookup 77`,
    'route add 198.51.100.0/24 via 192.0.2.2 src 192.0.2.55 table 77',
  );
  const towards = here.within(() => sender.localAddressTowards(endpoint('198.51.100.4', 500)));
  assert.equal(formatEndpoint(towards), '192.0.2.55:0');
  assert.throws(
    () => here.within(() => sender.localAddressTowards(endpoint('203.0.113.1', 500))),
    /ENETUNREACH/,
  );
  sender.close();
  receiver.close();
});
