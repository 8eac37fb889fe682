// The TUN adapter against the real kernel: pings answered by hand, and TCP super-packets between two namespaces.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checksumState, createPacketBatch, segmentation } from '../../../main/engine/packet/batch.ts';
import { openAdapter } from '../../../main/host/adapter/linux.ts';
import { SystemCallError } from '../../../native/libc.ts';
import { cannotRun, outcome, TestNamespace } from '../namespace.ts';
import { createTestMemory, pumpUntil, testRegion } from '../pump.ts';

const skip = cannotRun;
const mtu = 1400;
const transfer = fileURLToPath(new URL('../transfer.py', import.meta.url));

test('an echo request read from the adapter is answered through it', { skip }, async () => {
  const namespace = new TestNamespace('echo');
  const memory = createTestMemory();
  const adapter = namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory));
  namespace.ip('addr add 10.66.0.1/24 dev tun0');
  const batch = createPacketBatch(8);
  adapter.read(batch, testRegion);
  assert.equal(batch.count, 0, 'a fresh interface is silent: the system sends nothing of its own');

  const ping = outcome(namespace.start(['ping', '-c', '2', '-i', '0.01', '-W', '5', '10.66.0.2']));
  const result = await pumpUntil(ping, [
    {
      descriptor: adapter.waitable,
      work() {
        adapter.read(batch, testRegion);
        for (let index = 0; index < batch.count; index += 1) {
          const packet = memory.bytes.subarray(
            batch.offset[index]!,
            batch.offset[index]! + batch.length[index]!,
          );
          assert.equal(packet[0], 0x45);
          const source = packet.slice(12, 16);
          packet.copyWithin(12, 16, 20);
          packet.set(source, 16);
          assert.equal(packet[20], 8);
          packet[20] = 0;
          // From type 8 to type 0 the checksum grows by 0x0800.
          const sum = ((packet[22]! << 8) | packet[23]!) + 0x0800;
          packet[22] = ((sum >> 8) + (sum >> 16)) & 0xff;
          packet[23] = sum & 0xff;
        }
        assert.equal(adapter.write(batch, 0), batch.count);
      },
    },
  ]);
  assert.match(result.stdout, /2 received/);
  assert.equal(adapter.refused, 0);
  adapter.close();
  assert.equal(namespace.succeeds('ip link show tun0'), false, 'the interface goes with its adapter');
});

test('a burst that nobody reads for a while waits, and none of it is dropped', { skip }, async () => {
  const burst = 1500;
  const namespace = new TestNamespace('burst');
  const memory = createTestMemory();
  const adapter = namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory));
  namespace.ip('addr add 10.66.0.1/24 dev tun0');
  const script =
    'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n' +
    `for n in range(${burst}): s.sendto(n.to_bytes(4, "big"), ("10.66.0.2", 7000))`;
  await outcome(namespace.start(['python3', '-c', script]));
  const batch = createPacketBatch(testRegion.slotCount);
  const numbers: number[] = [];
  do {
    adapter.read(batch, testRegion);
    for (let index = 0; index < batch.count; index += 1) {
      numbers.push(memory.view.getUint32(batch.offset[index]! + 28));
    }
  } while (batch.count > 0);
  assert.deepEqual(
    numbers,
    Array.from({ length: burst }, (_, number) => number),
  );
  adapter.close();
});

test('a batch of datagrams does not overrun a receiver on the same processor', { skip }, async () => {
  const count = 1000;
  const slot = 64;
  const namespace = new TestNamespace('yield');
  const memory = createTestMemory();
  const adapter = namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory));
  namespace.ip('addr add 10.66.0.1/24 dev tun0');
  const script =
    'import os, socket\nos.sched_setaffinity(0, [0])\n' +
    's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.66.0.1", 7000)); s.settimeout(5)\n' +
    `print("ready", flush=True)\nfor n in range(${count}): assert int.from_bytes(s.recv(99), "big") == n, n`;
  const receiver = namespace.start(['python3', '-c', script]);
  const result = outcome(receiver);
  await once(receiver.stdout!, 'data');
  const batch = createPacketBatch(count);
  const header = '4500002000000000401100000a4200020a4200011b581b58000c0000';
  for (let index = 0; index < count; index += 1) {
    const offset = testRegion.start + index * slot + 16;
    memory.bytes.set(Buffer.from(header, 'hex'), offset);
    memory.view.setUint32(offset + 28, index);
    // RFC 1071, over the header without its checksum; UDP goes without one.
    let sum = 0;
    for (let place = 0; place < 20; place += 2) sum += memory.view.getUint16(offset + place);
    memory.view.setUint16(offset + 10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    batch.offset[index] = offset;
    batch.length[index] = 32;
  }
  batch.count = count;
  const affinity = ['-c', '-p'];
  const before = /: (\S+)\s*$/.exec(execFileSync('taskset', [...affinity, `${process.pid}`]).toString())![1]!;
  execFileSync('taskset', [...affinity, '0', `${process.pid}`]);
  try {
    assert.equal(adapter.write(batch, 0), count);
  } finally {
    execFileSync('taskset', [...affinity, before, `${process.pid}`]);
  }
  const { code, stderr } = await result;
  assert.equal(code, 0, stderr);
  adapter.close();
});

for (const [family, left, right, type] of [
  ['IPv4', '10.66.0.1', '10.66.0.2', segmentation.tcp4],
  ['IPv6', 'fd66::1', 'fd66::2', segmentation.tcp6],
] as const) {
  test(`TCP super-packets cross between two adapters over ${family}`, { skip }, async () => {
    const length = family === 'IPv4' ? 24 : 64;
    const memory = createTestMemory();
    const side = (role: string, address: string) => {
      const namespace = new TestNamespace(role);
      const adapter = namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory));
      namespace.ip(`addr add ${address}/${length} dev tun0`);
      return { namespace, adapter };
    };
    const one = side('left', left);
    const other = side('right', right);
    assert.equal(one.adapter.superPackets, true);

    const size = 8 << 20;
    const receiver = other.namespace.start(['python3', transfer, 'receive', right, '7000', `${size}`]);
    const received = outcome(receiver);
    await once(receiver.stdout!, 'data');
    const sent = outcome(one.namespace.start(['python3', transfer, 'send', right, '7000', `${size}`]));
    const batch = createPacketBatch(testRegion.slotCount);
    let superPackets = 0;
    let largest = 0;
    const forward = (from: typeof one, to: typeof one) => ({
      descriptor: from.adapter.waitable,
      work() {
        from.adapter.read(batch, testRegion);
        for (let index = 0; index < batch.count; index += 1) {
          if (batch.segmentType[index] === segmentation.none) {
            assert.equal(batch.length[index]! <= mtu, true);
            continue;
          }
          assert.equal(batch.segmentType[index], type);
          assert.equal(batch.checksum[index], checksumState.needed);
          assert.equal(batch.checksumStart[index], family === 'IPv4' ? 20 : 40);
          assert.equal(batch.checksumOffset[index], 16);
          assert.equal(batch.segmentSize[index]! < mtu, true);
          superPackets += 1;
          largest = Math.max(largest, batch.length[index]!);
        }
        let written = 0;
        while (written < batch.count) written += to.adapter.write(batch, written);
      },
    });
    const [atSender, atReceiver] = await pumpUntil(Promise.all([sent, received]), [
      forward(one, other),
      forward(other, one),
    ]);
    assert.equal(atSender.code, 0, atSender.stderr);
    assert.equal(atReceiver.stdout.trim().split('\n').at(-1), atSender.stdout.trim());
    assert.equal(superPackets > 0, true, 'the kernel hands over super-packets');
    assert.equal(largest > 16_000, true, `the largest was ${largest} bytes`);
    assert.equal(one.adapter.refused, 0);
    assert.equal(other.adapter.refused, 0);
    one.adapter.close();
    other.adapter.close();
  });
}

test('a packet that the system finds wrong is passed over, not thrown', { skip }, () => {
  const namespace = new TestNamespace('wrong');
  const memory = createTestMemory();
  const adapter = namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory));
  const batch = createPacketBatch(2);
  batch.count = 2;
  batch.offset.fill(64);
  batch.length.fill(20);
  memory.bytes[64] = 0x10;
  assert.equal(adapter.write(batch, 0), 2);
  assert.equal(adapter.refused, 2);
  adapter.close();
});

test('an interface name that is taken is refused with the reason', { skip }, () => {
  const namespace = new TestNamespace('taken');
  const memory = createTestMemory();
  const adapter = namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory));
  assert.throws(
    () => namespace.within(() => openAdapter({ name: 'tun0', mtu }, memory)),
    (error: unknown) => error instanceof SystemCallError && error.code === 'EBUSY',
  );
  adapter.close();
});
