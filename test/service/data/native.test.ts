// ESP without UDP between whole data threads: raw sockets are opened when the first such SA comes, and IKE goes on by UDP.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Endpoint, parseAddress } from '../../../main/engine/packet/address.ts';
import { peer } from './fixed-keys.ts';
import { cannotRun, inside, openTunnel, startInside, type Tunnel, type TunnelEnd } from './tunnel.ts';

const transferScript = fileURLToPath(new URL('../../host/transfer.py', import.meta.url));
const network = { skip: cannotRun, timeout: 60_000 };
let tunnel: Tunnel;

before(async () => {
  if (cannotRun === false) tunnel = await openTunnel();
});
after(() => tunnel?.close());

/** Sends 5 MB by TCP and compares the hashes. */
async function transfer(from: TunnelEnd, to: TunnelEnd, address: string): Promise<void> {
  const words = [address, '7000', String(5 << 20)];
  const receiver = startInside(to.namespace, 'python3', transferScript, 'receive', ...words);
  await receiver.said('ready');
  const sender = startInside(from.namespace, 'python3', transferScript, 'send', ...words);
  const [sent, received] = await Promise.all([sender.done, receiver.done]);
  assert.deepEqual([sent.code, received.code], [0, 0], sent.output + received.output);
  assert.equal(received.output.replace('ready\n', ''), sent.output);
}

function addressOf(end: TunnelEnd): Endpoint {
  return { address: parseAddress(end.wireAddress)!, port: end.thread.information.localPort4 };
}

function rawSockets(end: TunnelEnd): string {
  return inside(end.namespace, 'sh', '-c', 'cat /proc/net/raw /proc/net/raw6 | grep -c :0032 || true').trim();
}

test('ping and 5 MB of TCP each way go as IP protocol 50, and nothing in UDP', network, async () => {
  const { one, other } = tunnel;
  tunnel.installKeys(0x1000, 'aes-128-gcm-16');
  inside(one.namespace, 'ping', '-c', '1', '-W', '2', other.tunnelAddress);
  assert.equal(rawSockets(one), '0', 'nobody asked for them');

  const chain = 'add chain inet probe in { type filter hook input priority 0; }';
  const count = (match: string) => `add rule inet probe in iifname "wire0" ${match} counter`;
  const rules = [chain, count('meta l4proto 50'), count('meta l4proto 17')];
  inside(other.namespace, 'nft', ['add table inet probe', ...rules].join('; '));
  tunnel.installKeys(0x2000, 'aes-256-gcm-16', 'native');
  assert.match(
    inside(one.namespace, 'ping', '-c', '3', '-i', '0.05', other.tunnelAddress6),
    / 0% packet loss/,
  );
  await transfer(one, other, other.tunnelAddress);
  await transfer(other, one, one.tunnelAddress);
  const [native, udp] = [
    ...inside(other.namespace, 'nft', 'list table inet probe').matchAll(/counter packets (\d+)/g),
  ].map(([, packets]) => Number(packets));
  assert.ok(native! > 3000, `${native} packets`);
  assert.equal(udp, 0);
  assert.equal(rawSockets(one), '1');
  const { drops, totals } = one.thread.snapshot();
  assert.deepEqual([drops['unknown-spi'], drops['bad-icv'], totals.sendErrors], [0, 0, 0]);
});

test('the peer whose IKE has no marker is still understood, and UDP serves again where it is agreed', {
  ...network,
}, async () => {
  const { one, other } = tunnel;
  one.thread.sendIke(Uint8Array.of(9), addressOf(other), undefined, false);
  one.thread.setPeer(peer, addressOf(other));
  await one.thread.localAddressTowards(addressOf(other));
  const received = once(one.thread, 'ike', { signal: AbortSignal.timeout(5000) });
  const message = Uint8Array.from({ length: 60 }, (_, index) => index + 1);
  other.thread.sendIke(message, addressOf(one), undefined, false);
  const [bytes, remote] = (await received) as [Uint8Array, Endpoint];
  assert.deepEqual(bytes, message);
  assert.deepEqual(remote, addressOf(other));

  tunnel.installKeys(0x3000, 'chacha20-poly1305', 'native');
  assert.match(
    inside(other.namespace, 'ping', '-c', '3', '-i', '0.05', one.tunnelAddress),
    / 0% packet loss/,
  );
});
