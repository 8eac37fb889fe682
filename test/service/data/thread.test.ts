// Whole data threads in network namespaces: real adapters and sockets, keys set by hand.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from '../../../main/engine/packet/address.ts';
import { formatAddress, parseAddress } from '../../../main/engine/packet/address.ts';
import type { PathEvent } from '../../../main/engine/path/data-plane.ts';
import { monotonicMilliseconds } from '../../../main/service/data/clock.ts';
import type { VerdictSample } from '../../../main/service/data/messages.ts';
import { DataThread } from '../../../main/service/data/proxy.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { association } from './fixed-keys.ts';
import { cannotRun, inside, openTunnel, startInside, type Tunnel, type TunnelEnd } from './tunnel.ts';

const transferScript = fileURLToPath(new URL('../../host/transfer.py', import.meta.url));
const megabyte = 1 << 20;
const network = { skip: cannotRun, timeout: 60_000 };

let tunnel: Tunnel;

before(async () => {
  if (cannotRun === false) tunnel = await openTunnel();
});
after(() => tunnel?.close());

function ping(from: TunnelEnd, to: string, count = 3): string {
  return inside(from.namespace, 'ping', '-c', String(count), '-i', '0.05', '-W', '2', to);
}

/** Sends so many bytes by TCP and compares the hashes; `during` runs while they are under way. */
async function transfer(from: TunnelEnd, to: TunnelEnd, address: string, bytes: number, during?: () => void) {
  const words = [address, '7000', String(bytes)];
  const receiver = startInside(to.namespace, 'python3', transferScript, 'receive', ...words);
  await receiver.said('ready');
  const sender = startInside(from.namespace, 'python3', transferScript, 'send', ...words);
  during?.();
  const [sent, received] = await Promise.all([sender.done, receiver.done]);
  assert.equal(sent.code, 0, sent.output);
  assert.equal(received.code, 0, received.output);
  assert.equal(received.output.replace('ready\n', ''), sent.output);
}

function port(end: TunnelEnd): Endpoint {
  return { address: parseAddress(end.wireAddress)!, port: end.thread.information.localPort4 };
}

test('a packet without keys asks for them, waits, and arrives when they are there', {
  skip: cannotRun,
}, async () => {
  const { one, other } = tunnel;
  const asked = once(one.thread, 'path') as Promise<[PathEvent]>;
  const pinging = startInside(one.namespace, 'ping', '-c', '1', '-W', '5', other.tunnelAddress);
  const [event] = await asked;
  assert.equal(event.type, 'agreement-needed');
  assert.equal(
    event.type === 'agreement-needed' && formatAddress(event.packet.destination),
    other.tunnelAddress,
  );
  tunnel.installKeys(0x1000, 'aes-128-gcm-16');
  const { code, output } = await pinging.done;
  assert.equal(code, 0, output);
  assert.equal(one.thread.snapshot().totals.heldPackets, 0);
});

for (const [index, algorithm] of (
  ['aes-128-gcm-16', 'aes-256-gcm-16', 'chacha20-poly1305'] as const
).entries()) {
  test(`${algorithm}: ping and 20 MB of TCP each way, over IPv4 and IPv6`, network, async () => {
    const { one, other } = tunnel;
    tunnel.installKeys(0x2000 + index * 16, algorithm);
    assert.match(ping(one, other.tunnelAddress), / 0% packet loss/);
    assert.match(ping(other, one.tunnelAddress6), / 0% packet loss/);
    await transfer(one, other, other.tunnelAddress, 20 * megabyte);
    await transfer(other, one, one.tunnelAddress6, 20 * megabyte);
    const { associations } = one.thread.snapshot();
    const outbound = associations.find(({ spi }) => spi === 0x2000 + index * 16)!;
    assert.equal(outbound.algorithm, algorithm);
    assert.ok(outbound.bytes > 20 * megabyte);
    assert.equal(one.secrets.liveCount, 0, 'the key was wiped and its place given back');
  });
}

test('super-packets cross the adapter, so that there are fewer calls than packets', {
  skip: cannotRun,
}, async () => {
  const { one, other } = tunnel;
  const before = one.thread.snapshot().totals;
  const beforeOther = other.thread.snapshot().totals;
  await transfer(one, other, other.tunnelAddress, 20 * megabyte);
  const { totals } = one.thread.snapshot();
  const sealed = totals.outboundPackets - before.outboundPackets;
  const read = totals.adapterReads - before.adapterReads;
  const written = other.thread.snapshot().totals.adapterWrites - beforeOther.adapterWrites;
  assert.ok(read < sealed / 4, `${read} reads for ${sealed} packets`);
  assert.ok(written < sealed / 2, `${written} writes for ${sealed} packets`);
});

test('keys change again and again under a transfer, and nothing is dropped', {
  skip: cannotRun,
}, async () => {
  const { one, other } = tunnel;
  const drops = () => [one, other].map(({ thread }) => thread.snapshot().drops);
  const before = drops();
  await transfer(one, other, other.tunnelAddress, 40 * megabyte, () => {
    for (let round = 0; round < 20; round++) tunnel.installKeys(0x3000 + 2 * round, 'aes-256-gcm-16');
  });
  assert.deepEqual(drops(), before);
});

test('IKE passes both ways, with and without the marker, and the keepalive is counted', network, async () => {
  const { one, other } = tunnel;
  // A stranger: not in the other end's peer table, as a gateway's port 500 is not.
  const secrets = new SecretMemory();
  const stranger = await DataThread.start(
    {
      adapter: { name: 'seal2', mtu: 1400 },
      underlays: [{ port: 0, family: 4, mark: 0, offload: true, plainIke: false }],
      bypassLinks: [],
      networkNamespace: `/run/netns/${one.namespace}`,
    },
    secrets,
  );
  const address = parseAddress(one.wireAddress)!;
  const strangerPort = { address, port: stranger.information.localPort4 };
  const message = Uint8Array.from({ length: 60 }, (_, index) => index + 1);
  for (const marker of [true, false]) {
    // Who was written to without marker answers without.
    if (!marker) other.thread.sendIke(Uint8Array.of(9), strangerPort, undefined, false);
    await other.thread.localAddressTowards(strangerPort);
    const received = once(other.thread, 'ike') as Promise<[Uint8Array, Endpoint, Endpoint]>;
    stranger.sendIke(message, port(other), undefined, marker);
    const [bytes, remote, local] = await received;
    assert.deepEqual(bytes, message);
    assert.deepEqual(remote, strangerPort);
    assert.deepEqual(local, port(other));
  }
  const before = other.thread.snapshot().totals.keepalives;
  stranger.sendKeepalive(port(other), undefined);
  const following = once(other.thread, 'ike');
  stranger.sendIke(message, port(other), undefined, false);
  await following;
  assert.equal(other.thread.snapshot().totals.keepalives, before + 1);
  await stranger.stop();
  secrets.close();
});

test('the local address towards a remote, or none where there is no way', network, async () => {
  const { one, other } = tunnel;
  const local = await one.thread.localAddressTowards(port(other));
  assert.equal(local && formatAddress(local.address), one.wireAddress);
  assert.equal(local?.port, one.thread.information.localPort4);
  const nowhere = { address: parseAddress('203.0.113.1')!, port: 500 };
  assert.equal(await one.thread.localAddressTowards(nowhere), undefined);
});

test('row hits and the time of the last packet are read live', network, () => {
  const { one, other } = tunnel;
  const before = one.thread.snapshot().rows.get('protect')!;
  ping(one, other.tunnelAddress, 2);
  const hits = one.thread.snapshot().rows.get('protect')!;
  assert.equal(hits.packets - before.packets, 4, 'two requests and two answers');
  const age = monotonicMilliseconds() - one.thread.lastHeardMilliseconds(association)!;
  assert.ok(age >= 0 && age < 10_000, `${age} ms`);
  assert.equal(one.thread.lastHeardMilliseconds(99), undefined);
});

test('verdict samples come while they are asked for', network, async () => {
  const { one, other } = tunnel;
  one.thread.sampleVerdicts(true);
  const sampled = once(one.thread, 'verdict') as Promise<[VerdictSample]>;
  ping(one, other.tunnelAddress, 1);
  const [sample] = await sampled;
  assert.equal(sample.verdict, 'PROTECT');
  assert.equal(sample.rowId, 'protect');
  one.thread.sampleVerdicts(false);
});

test('a failed agreement is told to the program that waits', network, async () => {
  const { one } = tunnel;
  one.thread.removeOutbound(association, 0x3000 + 2 * 19);
  const end = await openTunnel();
  const asked = once(end.one.thread, 'path');
  const pinging = startInside(end.one.namespace, 'ping', '-c', '1', '-W', '5', end.other.tunnelAddress);
  await asked;
  end.one.thread.agreementFailed(association, monotonicMilliseconds() + 60_000);
  const { code, output } = await pinging.done;
  assert.equal(code, 1);
  assert.match(output, /Unreachable|unreachable|prohibited|filtered/);
  await end.close();
});

test('what cannot be opened is said, and leaves nothing behind', network, async () => {
  const { one } = tunnel;
  const secrets = new SecretMemory();
  const options = {
    adapter: { name: 'seal1', mtu: 1400 },
    bypassLinks: [],
    networkNamespace: `/run/netns/${one.namespace}`,
  };
  const taken = {
    port: one.thread.information.localPort4,
    family: 4,
    mark: 0,
    offload: true,
    plainIke: false,
  } as const;
  await assert.rejects(DataThread.start({ ...options, underlays: [taken] }, secrets), /EADDRINUSE/);
  const free = { ...taken, port: 0 };
  const busy = { ...options, adapter: { name: 'seal0', mtu: 1400 }, underlays: [free] };
  await assert.rejects(DataThread.start(busy, secrets), /EBUSY/);
  const missing = { ...options, networkNamespace: '/run/netns/sn-data-none', underlays: [free] };
  await assert.rejects(DataThread.start(missing, secrets), /ENOENT/);
  secrets.close();
});

test('stop takes the adapter away and ends the thread; what comes after it is ignored', {
  skip: cannotRun,
}, async () => {
  const end = await openTunnel();
  end.installKeys(0x100, 'aes-128-gcm-16');
  const { one } = end;
  await one.thread.stop();
  assert.throws(() => inside(one.namespace, 'ip', 'link', 'show', one.interfaceName));
  end.installKeys(0x200, 'aes-128-gcm-16');
  one.thread.setTunnelMtu(1300);
  assert.equal(one.secrets.liveCount, 0);
  await one.thread.stop();
  await end.close();
});

test('a link that cannot be opened is a warning, not the end', network, async () => {
  const { one } = tunnel;
  const warned = once(one.thread, 'warning') as Promise<[string]>;
  one.thread.setBypassLinks([{ interfaceName: 'nolink0', mark: 0, prefixes: [], excludedPorts: [] }]);
  const [message] = await warned;
  assert.match(message, /nolink0/);
  one.thread.setBypassLinks([]);
  assert.match(ping(one, tunnel.other.tunnelAddress), / 0% packet loss/);
});

test('the adapter that is taken away ends the thread with a reason', network, async () => {
  const end = await openTunnel();
  const failed = once(end.one.thread, 'failed') as Promise<[Error]>;
  inside(end.one.namespace, 'ip', 'link', 'del', end.one.interfaceName);
  const [error] = await failed;
  assert.match(error.message, /seal0|EBADFD|read/);
  await end.close();
  assert.equal(existsSync(`/run/netns/${end.one.namespace}`), false);
});
