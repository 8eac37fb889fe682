// What the demo's sniffer takes for sealed, it must recognise exactly: a frame in the clear must never count as ESP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyFrame } from '../../build/demo/frame-kind.ts';

const macs = '020000000001020000000002';

function ipv4(protocol: number, payload: string, flags = '0000'): Uint8Array {
  const header = `45000000000${'0'}${flags}40${protocol.toString(16).padStart(2, '0')}0000c0000202c0000201`;
  return Buffer.from(`${macs}0800${header}${payload}`.replaceAll(' ', ''), 'hex');
}

function udp(source: number, destination: number, length: number, payload: string): string {
  return (
    [source, destination, length, 0].map((word) => word.toString(16).padStart(4, '0')).join('') + payload
  );
}

const samples: readonly [name: string, frame: Uint8Array, kind: string][] = [
  ['ARP', Buffer.from(`${macs}0806${'00'.repeat(28)}`, 'hex'), 'ARP/ND'],
  ['native ESP', ipv4(50, 'c1f3a2b400000001'), 'ESP'],
  ['ESP in UDP', ipv4(17, udp(40000, 4500, 100, 'c1f3a2b400000001')), 'ESP'],
  ['ESP in UDP, answer', ipv4(17, udp(4500, 40000, 100, 'c1f3a2b400000001')), 'ESP'],
  ['IKE on port 4500', ipv4(17, udp(40000, 4500, 100, '0000000011223344')), 'IKE'],
  ['NAT keepalive', ipv4(17, udp(40000, 4500, 9, 'ff000000')), 'IKE'],
  ['an SPI that begins with ff', ipv4(17, udp(40000, 4500, 100, 'ff00000000000001')), 'ESP'],
  ['IKE on port 500', ipv4(17, udp(40000, 500, 100, '1122334455667788')), 'IKE'],
  ['DNS', ipv4(17, udp(40000, 53, 40, '12340100')), 'DNS'],
  ['other UDP', ipv4(17, udp(40000, 4501, 40, '12340100')), 'UDP'],
  ['ICMP', ipv4(1, '0800000000010001'), 'ICMP'],
  ['TCP', ipv4(6, '9c40005000000000'), 'TCP'],
  ['a later fragment', ipv4(17, udp(40000, 4500, 100, 'c1f3a2b4'), '2001'), 'other'],
  ['a protocol of its own', ipv4(47, '00000000'), 'other'],
  ['a UDP header cut short', ipv4(17, '9c4011'), 'UDP'],
  ['nothing', new Uint8Array(0), 'other'],
  ['LLDP', Buffer.from(`${macs}88cc0000`, 'hex'), 'other'],
];

for (const [name, frame, kind] of samples) {
  test(`${name} is ${kind}`, () => {
    assert.equal(classifyFrame(frame).kind, kind);
  });
}

function ipv6(next: number, payload: string): Uint8Array {
  const addresses = `fe80${'0'.repeat(27)}1fe80${'0'.repeat(27)}2`;
  return Buffer.from(
    `${macs}86dd600000000008${next.toString(16).padStart(2, '0')}ff${addresses}${payload}`,
    'hex',
  );
}

test('neighbour discovery is told from other ICMPv6', () => {
  assert.equal(classifyFrame(ipv6(58, '8700000000000000')).kind, 'ARP/ND');
  assert.equal(classifyFrame(ipv6(58, '8000000000000000')).kind, 'ICMP');
  assert.equal(classifyFrame(ipv6(58, '8f00000000000000')).kind, 'ICMP');
});

test('every beginning of a frame has a kind', () => {
  const frame = ipv4(17, udp(40000, 4500, 100, 'c1f3a2b400000001'));
  for (let length = 0; length <= frame.length; length++) {
    assert.ok(classifyFrame(frame.subarray(0, length)).kind);
  }
});
