// The way around the tunnel against the real kernel: what the tap takes and leaves, and TCP through tap and raw socket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parsePrefix } from '../../../main/engine/packet/address.ts';
import {
  checksumState,
  createPacketBatch,
  type PacketBatch,
  segmentation,
} from '../../../main/engine/packet/batch.ts';
import { openAdapter } from '../../../main/host/adapter/linux.ts';
import { openBypassLink } from '../../../main/host/underlay/bypass-linux.ts';
import { PollSet, pollEvent } from '../../../native/libc-io.ts';
import { cannotRun, connect, outcome, TestNamespace } from '../namespace.ts';
import { createTestMemory, pumpUntil, testRegion } from '../pump.ts';

const skip = cannotRun;
const mark = 0x5e02;
const transfer = fileURLToPath(new URL('../transfer.py', import.meta.url));

function prefixes(...texts: string[]) {
  return texts.map((text) => {
    const { address, length } = parsePrefix(text)!;
    return { family: address.family, bytes: address.bytes, length };
  });
}

function laptopAndServer() {
  const laptop = new TestNamespace('laptop');
  const server = new TestNamespace('server');
  connect(
    { namespace: laptop, link: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
    { namespace: server, link: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64'] },
  );
  server.ip(
    'addr add 198.51.100.1/24 dev lo',
    'addr add 203.0.113.1/24 dev lo',
    'addr add fd00:100::1/64 dev lo',
    'addr add fd00:200::1/64 dev lo',
  );
  laptop.ip(
    'route add 198.51.100.0/24 via 192.0.2.2',
    'route add 203.0.113.0/24 via 192.0.2.2',
    'route add fd00:100::/64 via 2001:db8::2',
    'route add fd00:200::/64 via 2001:db8::2',
  );
  return { laptop, server };
}

const sendUdp = (source: string, target: string, port: number) => [
  'python3',
  '-c',
  `import socket
s = socket.socket(socket.AF_INET6 if ":" in "${source}" else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${source}", 0))
s.sendto(b"x", ("${target}", ${port}))`,
];

test('the tap takes what comes from the watched prefixes to us, and leaves the rest', { skip }, async () => {
  const { laptop, server } = laptopAndServer();
  const memory = createTestMemory();
  const link = laptop.within(() =>
    openBypassLink(
      {
        interfaceName: 'eth0',
        mark,
        prefixes: prefixes('198.51.100.0/24', '203.0.113.0/24', 'fd00:100::/63', 'fd00:200::1/128'),
        excludedPrefixes: prefixes('203.0.113.0/28', 'fd00:200::/32'),
        excludedPorts: [4500],
      },
      memory,
    ),
  );
  const set = new PollSet([{ descriptor: link.waitable, events: pollEvent.readable }]);
  const batch = createPacketBatch(16);
  const seen: string[] = [];
  const look = () => {
    link.receive(batch, testRegion);
    for (let index = 0; index < batch.count; index += 1) {
      const offset = batch.offset[index]!;
      const inet = memory.bytes[offset]! >> 4 === 4;
      const ports = offset + (inet ? 20 : 40);
      const source = memory.bytes.subarray(offset + (inet ? 12 : 8), offset + (inet ? 16 : 24));
      const text = inet ? source.join('.') : Buffer.from(source).toString('hex');
      seen.push(`${text} to ${memory.view.getUint16(ports + 2)}, ${batch.length[index]} bytes`);
    }
  };
  for (const [source, port] of [
    ['192.0.2.2', 1],
    ['198.51.100.1', 2],
    ['198.51.100.1', 4500],
    ['198.51.100.1', 68],
    ['203.0.113.1', 3],
  ] as const) {
    await outcome(server.start(sendUdp(source, '192.0.2.1', port)));
  }
  for (const [source, port] of [
    ['2001:db8::2', 4],
    ['fd00:100::1', 5],
    ['fd00:100::1', 4500],
    ['fd00:200::1', 6],
  ] as const) {
    await outcome(server.start(sendUdp(source, '2001:db8::1', port)));
  }
  // Ours to them: leaves, so the tap must not see it. The answer (port closed) is ICMP from the watched prefix.
  await outcome(laptop.start(sendUdp('192.0.2.1', '198.51.100.1', 7)));
  while (set.wait(50) > 0) look();
  assert.deepEqual(seen.slice(0, 2), [
    '198.51.100.1 to 2, 29 bytes',
    `fd000100${'0'.repeat(23)}1 to 5, 49 bytes`,
  ]);
  // 3 is the ICMP type "destination unreachable" in the place of a port's high byte.
  assert.equal(seen.length, 3, seen.join('\n'));
  assert.match(seen[2]!, /^192\.0\.2\.2 to|^198\.51\.100\.1 to/);
  link.close();
});

/** Sums what the sender left to its card (RFC 1071). */
function completeChecksum(bytes: Uint8Array, batch: PacketBatch, index: number): void {
  if (batch.checksum[index] !== checksumState.needed) return;
  const start = batch.offset[index]! + batch.checksumStart[index]!;
  const end = batch.offset[index]! + batch.length[index]!;
  let sum = 0;
  for (let at = start; at < end; at += 2) sum += (bytes[at]! << 8) | (at + 1 < end ? bytes[at + 1]! : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const place = start + batch.checksumOffset[index]!;
  bytes[place] = (~sum >> 8) & 0xff;
  bytes[place + 1] = ~sum & 0xff;
}

for (const [family, own, remote, covered, firewallFamily] of [
  ['IPv4', '192.0.2.1', '198.51.100.1', '198.51.100.0/24', 'ip'],
  ['IPv6', '2001:db8::1', 'fd00:100::1', 'fd00:100::/64', 'ip6'],
] as const) {
  test(`TCP comes by the tap into the adapter and goes by the raw socket (${family})`, { skip }, async () => {
    const { laptop, server } = laptopAndServer();
    const memory = createTestMemory();
    const adapter = laptop.within(() => openAdapter({ name: 'tun0', mtu: 1400 }, memory));
    const link = laptop.within(() =>
      openBypassLink({ interfaceName: 'eth0', mark, prefixes: prefixes(covered), excludedPorts: [] }, memory),
    );
    const flag = family === 'IPv4' ? '-4' : '-6';
    laptop.run(`ip ${flag} route add ${covered} dev tun0 src ${own} table 77`);
    laptop.run(`ip ${flag} rule add not fwmark ${mark} lookup 77 priority 100`);
    server.run(`ip ${flag} route flush cache`);
    laptop.nft(
      `table inet probe { chain in { type filter hook prerouting priority -300; iifname eth0 ${firewallFamily} saddr ${covered} drop; }; }`,
    );
    // The server's side of the transfer speaks from the covered prefix.
    server.run(`ip ${flag} route replace ${own} dev eth0 src ${remote}`);

    const size = 8 << 20;
    const receiver = laptop.start(['python3', transfer, 'receive', own, '7000', `${size}`]);
    const received = outcome(receiver);
    await once(receiver.stdout!, 'data');
    const sent = outcome(server.start(['python3', transfer, 'send', own, '7000', `${size}`]));
    const batch = createPacketBatch(testRegion.slotCount);
    let superPackets = 0;
    const [atServer, atLaptop] = await pumpUntil(Promise.all([sent, received]), [
      {
        descriptor: adapter.waitable,
        work() {
          adapter.read(batch, testRegion);
          for (let index = 0; index < batch.count; index += 1) {
            assert.equal(batch.segmentType[index], segmentation.none, 'acknowledgements only');
            completeChecksum(memory.bytes, batch, index);
            assert.equal(link.send(batch.offset[index]!, batch.length[index]!), true);
          }
        },
      },
      {
        descriptor: link.waitable,
        work() {
          link.receive(batch, testRegion);
          for (let index = 0; index < batch.count; index += 1) {
            if (batch.segmentType[index] !== segmentation.none) superPackets += 1;
          }
          let written = 0;
          while (written < batch.count) written += adapter.write(batch, written);
        },
      },
    ]);
    assert.equal(atServer.code, 0, atServer.stderr);
    assert.equal(atLaptop.stdout.trim().split('\n').at(-1), atServer.stdout.trim());
    assert.equal(superPackets > 0, true, 'the tap hands over super-packets');
    assert.equal(link.errors, 0);
    assert.equal(adapter.refused, 0);
    link.close();
    adapter.close();
  });
}

test('a link that is not there is refused with the reason', { skip }, () => {
  const namespace = new TestNamespace('none');
  assert.throws(
    () =>
      namespace.within(() =>
        openBypassLink({ interfaceName: 'eth7', mark, prefixes: [], excludedPorts: [] }, createTestMemory()),
      ),
    /eth7.*ENODEV/,
  );
});
