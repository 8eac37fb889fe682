// A capture over its life: which links it looks at, what it writes, and how it ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlError } from '../../../main/control/failure.ts';
import { type IpAddress, parseAddress } from '../../../main/engine/packet/address.ts';
import type { CaptureTapOptions, TapListener, WireFilter } from '../../../main/host/capture/contract.ts';
import { Capture } from '../../../main/service/capture/capture.ts';

const gateway = parseAddress('192.0.2.1')!;
const peer = parseAddress('198.51.100.7')!;

class FakeTap {
  readonly link = 'ethernet';
  readonly name: string;
  readonly listener: TapListener;
  filter: WireFilter | undefined;
  open = true;
  missedPackets = 0;
  constructor({ interfaceName, filter }: CaptureTapOptions, listener: TapListener) {
    this.name = interfaceName;
    this.filter = filter;
    this.listener = listener;
  }
  setFilter(filter: WireFilter): void {
    this.filter = filter;
  }
  close(): void {
    this.open = false;
  }
  send(length = 100): void {
    this.listener.packet({
      bytes: new Uint8Array(length),
      originalLength: length,
      direction: 'outbound',
      timestamp: { seconds: 1, nanoseconds: 0 },
    });
  }
}

function world() {
  const session = { data: { information: { interfaceName: 'sealnic0', localPorts: [40_000, 40_000] } } };
  const taps: FakeTap[] = [];
  const blocks: number[] = [];
  const ends: { detail: string | undefined; missed: number | undefined }[] = [];
  const watchers = new Set<() => void>();
  const watch = (changed: () => void) => {
    watchers.add(changed);
    return { close: () => watchers.delete(changed) };
  };
  const peers: { details: { remote: { address: IpAddress } } }[] = [];
  const state = { underlayInterface: 'wlan0' as string | undefined, gateways: [gateway] };
  const tunnel: { session: typeof session | undefined; state: typeof state } = { session, state };
  const link = (name: string, up = true, loopback = false) => ({
    name,
    index: 1,
    mtu: 1500,
    up,
    loopback,
    hardwareAddress: undefined,
    addresses: [],
  });
  const fake = {
    taps,
    blocks,
    ends,
    watchers,
    peers,
    tunnel,
    state,
    room: true,
    async changed() {
      for (const watcher of [...watchers]) watcher();
      await new Promise((resolve) => setImmediate(resolve));
    },
    start(side: 'adapter' | 'wire') {
      return Capture.start(
        {
          version: '1.2.3',
          host: {
            terminal: async () => ({
              hostName: 'x',
              links: [link('lo', true, true), link('wan'), link('lan'), link('off', false), link('sealnic0')],
              defaultLink4: undefined,
              defaultLink6: undefined,
            }),
            watchTerminal: watch,
          },
          tunnel,
          connections: { onChange: watch, gateways: [{ peers }] },
        },
        { side, snapLength: 65_535 },
        {
          write: (block) => {
            if (fake.room) blocks.push(new DataView(block.buffer).getUint32(0, true));
            return fake.room;
          },
          end: (detail, missed) => ends.push({ detail, missed }),
        },
        (options, listener) => {
          const tap = new FakeTap(options, listener);
          taps.push(tap);
          return tap;
        },
      );
    },
  };
  return fake;
}

const section = 0x0a0d0d0a;
const [description, packet, statistics] = [1, 6, 5];

test('without a tunnel there is nothing to capture', async () => {
  const fake = world();
  fake.tunnel.session = undefined;
  await assert.rejects(
    fake.start('adapter'),
    (error) => error instanceof ControlError && error.failure.code === 'not-connected',
  );
  assert.deepEqual([fake.taps.length, fake.watchers.size], [0, 0]);
});

test('the adapter: everything on it, until it is stopped', async () => {
  const fake = world();
  const capture = await fake.start('adapter');
  assert.deepEqual(
    fake.taps.map(({ name, filter }) => [name, filter]),
    [['sealnic0', undefined]],
  );
  fake.taps[0]!.send();
  fake.taps[0]!.missedPackets = 3;
  capture.stop();
  capture.stop();
  assert.deepEqual(fake.blocks, [section, description, packet, statistics]);
  assert.deepEqual(fake.ends, [{ detail: undefined, missed: 3 }]);
  assert.deepEqual([fake.taps[0]!.open, fake.watchers.size], [false, 0]);
});

test('the wire: the link to the gateway, our ports; it follows to another link', async () => {
  const fake = world();
  const capture = await fake.start('wire');
  assert.deepEqual(fake.taps[0]?.filter, { ports: [40_000], remotes: [gateway.bytes] });
  fake.state.underlayInterface = 'eth0';
  await fake.changed();
  assert.deepEqual(
    fake.taps.map(({ name, open }) => [name, open]),
    [
      ['wlan0', false],
      ['eth0', true],
    ],
  );
  assert.deepEqual(fake.blocks, [section, description, statistics, description]);
  // The link goes down and comes back.
  fake.taps[1]!.listener.ended(new Error('down'));
  assert.deepEqual(fake.ends, []);
  await fake.changed();
  assert.equal(fake.taps[2]?.name, 'eth0');
  capture.stop();
});

test('where we are the gateway: every real link, and whoever connects', async () => {
  const fake = world();
  fake.state.underlayInterface = undefined;
  fake.state.gateways = [];
  const capture = await fake.start('wire');
  assert.deepEqual(
    fake.taps.map(({ name }) => name),
    ['wan', 'lan'],
  );
  fake.peers.push({ details: { remote: { address: peer } } });
  await fake.changed();
  assert.equal(fake.taps.length, 2);
  assert.deepEqual(fake.taps[0]?.filter, { ports: [40_000], remotes: [peer.bytes] });
  capture.stop();
});

test('it ends when the tunnel closes, and when the adapter is lost', async () => {
  const closing = world();
  await closing.start('wire');
  closing.tunnel.session = undefined;
  await closing.changed();
  assert.deepEqual(closing.ends, [{ detail: 'the tunnel was closed', missed: 0 }]);
  assert.deepEqual([closing.taps[0]!.open, closing.watchers.size], [false, 0]);

  const losing = world();
  await losing.start('adapter');
  losing.taps[0]!.listener.ended(new Error('down'));
  assert.deepEqual(losing.ends, [{ detail: 'the adapter is gone', missed: 0 }]);
  assert.equal(losing.taps[0]!.open, false);
});

test('a client that does not keep up never gets a packet whose interface it was not told', async () => {
  const fake = world();
  fake.room = false;
  const capture = await fake.start('adapter');
  fake.taps[0]!.send();
  fake.room = true;
  fake.taps[0]!.send();
  fake.taps[0]!.send();
  assert.deepEqual(fake.blocks, [section, description, packet, packet]);
  capture.stop();
});
