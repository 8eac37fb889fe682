// The tap against the real kernel: what it sees of a link with and without its filter, and what becomes of a lost link.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { CaptureTap, WireFilter } from '../../../main/host/capture/contract.ts';
import { openCaptureTap } from '../../../main/host/capture/linux.ts';
import { cannotRun, connect, outcome, TestNamespace } from '../namespace.ts';

const skip = cannotRun;
if (skip !== false) process.stderr.write(`SKIPPED, the capture's tap: ${skip}\n`);

/** One line for each packet: "out 192.0.2.1:40000>192.0.2.2:4500 100" with the bytes of the IP packet. */
function describe(packet: Uint8Array, direction: string): string {
  const ip = Buffer.from(packet.subarray(14));
  const inet = ip[0]! >> 4 === 4;
  const protocol = inet ? ip[9]! : ip[6]!;
  const udp = ip.subarray(inet ? 20 : 40);
  const fragment = inet ? (ip.readUInt16BE(6) & 0x1fff) > 0 : protocol === 44;
  const what = fragment
    ? 'fragment'
    : protocol === 17
      ? `udp ${udp.readUInt16BE(0)}>${udp.readUInt16BE(2)}`
      : `protocol ${protocol}`;
  return `${direction} v${inet ? 4 : 6} ${what}`;
}

function twoComputers() {
  const laptop = new TestNamespace('looks');
  const server = new TestNamespace('server');
  connect(
    { namespace: laptop, link: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
    { namespace: server, link: 'eth0', addresses: ['192.0.2.2/24', '192.0.2.3/24', '2001:db8::2/64'] },
  );
  return { laptop, server };
}

/** Opens the tap in the namespace; `until` resolves when `last` was seen. */
function look(namespace: TestNamespace, filter?: WireFilter) {
  const seen: string[] = [];
  const sizes: number[] = [];
  const times: number[] = [];
  let arrived = () => {};
  let lost: Error | undefined;
  const tap: CaptureTap = namespace.within(() =>
    openCaptureTap(
      { interfaceName: 'eth0', filter },
      {
        packet: ({ bytes, direction, originalLength, timestamp }) => {
          seen.push(describe(bytes, direction));
          sizes.push(originalLength);
          times.push(timestamp.seconds * 1000 + timestamp.nanoseconds / 1e6);
          arrived();
        },
        ended: (error) => {
          lost = error;
          arrived();
        },
      },
    ),
  );
  const until = async (done: () => boolean) => {
    while (!done()) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
  };
  return { tap, seen, sizes, times, until, lost: () => lost };
}

const script = `
import socket
def udp(source, port, target, to, size=20):
    s = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, port)); s.sendto(b"x" * size, (target, to)); s.close()
def esp(source, target):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
    s.bind((source, 0)); s.sendto(b"e" * 40, (target, 0)); s.close()
`;

const limit = { skip, timeout: 20_000 };

test('the filter takes our ports, and ESP and fragments of the remotes only', limit, async () => {
  const { laptop, server } = twoComputers();
  const remotes = [
    Uint8Array.of(192, 0, 2, 2),
    Uint8Array.from(Buffer.from('20010db8000000000000000000000002', 'hex')),
  ];
  const { tap, seen, times, until } = look(laptop, { ports: [40_000], remotes });
  assert.equal(tap.link, 'ethernet');
  const before = Date.now();
  const received = await outcome(
    server.start([
      'python3',
      '-c',
      `${script}
udp("192.0.2.2", 4500, "192.0.2.1", 40000)
udp("192.0.2.2", 4500, "192.0.2.1", 40001)
udp("192.0.2.3", 9, "192.0.2.1", 40000)
esp("192.0.2.2", "192.0.2.1")
esp("192.0.2.3", "192.0.2.1")
udp("192.0.2.2", 4500, "192.0.2.1", 40000, 2000)
udp("192.0.2.3", 4500, "192.0.2.1", 40001, 2000)
udp("2001:db8::2", 4500, "2001:db8::1", 40000)
udp("2001:db8::2", 4500, "2001:db8::1", 40001)
udp("2001:db8::2", 4500, "2001:db8::1", 40000, 2000)
`,
    ]),
  );
  assert.equal(received.code, 0, received.stderr);
  const sent = await outcome(
    laptop.start([
      'python3',
      '-c',
      `${script}
udp("192.0.2.1", 40001, "192.0.2.2", 4500)
udp("192.0.2.1", 40000, "192.0.2.2", 4500)
udp("2001:db8::1", 40000, "2001:db8::2", 4500)
`,
    ]),
  );
  assert.equal(sent.code, 0, sent.stderr);
  const expected = [
    'inbound v4 udp 4500>40000',
    'inbound v4 udp 9>40000',
    'inbound v4 protocol 50',
    // The first fragment has the ports.
    'inbound v4 udp 4500>40000',
    'inbound v4 fragment',
    'inbound v6 udp 4500>40000',
    'inbound v6 fragment',
    'inbound v6 fragment',
    'outbound v4 udp 40000>4500',
    'outbound v6 udp 40000>4500',
  ];
  await until(() => seen.length >= expected.length);
  assert.deepEqual(seen, expected);
  assert.ok(times.every((time) => time > before - 1000 && time < Date.now() + 1000));

  tap.setFilter({ ports: [40_001], remotes: [] });
  await outcome(
    laptop.start([
      'python3',
      '-c',
      `${script}
udp("192.0.2.1", 40000, "192.0.2.2", 4500)
udp("192.0.2.1", 40001, "192.0.2.2", 4500)`,
    ]),
  );
  await until(() => seen.length > expected.length);
  assert.deepEqual(seen.slice(expected.length), ['outbound v4 udp 40001>4500']);
  assert.equal(tap.missedPackets, 0);
  tap.close();
  tap.close();
});

test('datagrams that are sent as one are seen one by one', limit, async () => {
  const { laptop } = twoComputers();
  const { tap, seen, sizes, until } = look(laptop, { ports: [40_000], remotes: [] });
  const sent = await outcome(
    laptop.start([
      'python3',
      '-c',
      `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 1000)
s.bind(("192.0.2.1", 40000)); s.sendto(b"x" * 4500, ("192.0.2.2", 4500))`,
    ]),
  );
  assert.equal(sent.code, 0, sent.stderr);
  await until(() => seen.length >= 5);
  assert.deepEqual(sizes, [1042, 1042, 1042, 1042, 542]);
  tap.close();
});

test('a link that goes away ends the tap; one that is not there cannot be opened', limit, async () => {
  const { laptop } = twoComputers();
  const { tap, until, lost } = look(laptop);
  laptop.ip('link del eth0');
  await until(() => lost() !== undefined);
  assert.match(String(lost()), /ENETDOWN/);
  tap.close();
  assert.throws(() => look(laptop), /ENODEV/);
});

test('nothing arrives once it is closed', limit, async () => {
  const { laptop, server } = twoComputers();
  const { tap, seen } = look(laptop);
  tap.close();
  const ping = laptop.start(['ping', '-c', '1', '-W', '2', '192.0.2.2']);
  await once(ping, 'close');
  assert.deepEqual(seen, []);
  server.remove();
});
