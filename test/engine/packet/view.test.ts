import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildEcho, buildIp, buildTcp, buildUdp } from '../../../main/engine/packet/build.ts';
import { PacketView, parsePacket, parseQuotedPacket, tcpFlag } from '../../../main/engine/packet/view.ts';
import { address, hex, kernel, memory, parseAt, parseBytes } from './packets.ts';

const v4 = { source: address('10.9.0.2'), destination: address('203.0.113.5') };
const v6 = { source: address('fd00::2'), destination: address('2001:db8::5') };

test('a TCP packet over IPv4', () => {
  const payload = new Uint8Array(33).fill(7);
  const fields = { ...v4, sourcePort: 40_000, destinationPort: 443, flags: tcpFlag.syn, payload };
  const length = buildTcp(memory, kernel, 100, { ...fields, dontFragment: true, hopLimit: 3 });
  const view = parseAt(100, length);
  assert.equal(view.family, 4);
  assert.equal(view.length, 73);
  assert.equal(view.protocol, 6);
  assert.equal(view.headerLength, 20);
  assert.equal(view.transportOffset, 120);
  assert.equal(view.transportLength, 53);
  assert.equal(view.sourceOffset, 112);
  assert.equal(view.destinationOffset, 116);
  assert.equal(view.source0 >>> 0, 0x0a090002);
  assert.equal(view.destination0 >>> 0, 0xcb007105);
  assert.deepEqual([view.sourcePort, view.destinationPort, view.portsKnown], [40_000, 443, true]);
  assert.equal(view.tcpFlags, tcpFlag.syn);
  assert.equal(view.tcpHeaderLength, 20);
  assert.deepEqual([view.dontFragment, view.isFragment, view.moreFragments], [true, false, false]);
  assert.equal(view.hopLimit, 3);
});

test('a UDP packet over IPv6, and ICMPv6', () => {
  const view = parseAt(64, buildUdp(memory, kernel, 64, { ...v6, sourcePort: 53, destinationPort: 5353 }));
  assert.deepEqual([view.family, view.protocol, view.length], [6, 17, 48]);
  assert.deepEqual([view.sourcePort, view.destinationPort], [53, 5353]);
  assert.deepEqual([view.source0 >>> 0, view.source1, view.source2, view.source3], [0xfd000000, 0, 0, 2]);
  assert.equal(view.destination0, 0x20010db8);
  assert.equal(view.dontFragment, true);
  const echo = parseAt(
    64,
    buildEcho(memory, kernel, 64, { ...v6, identifier: 77, sequence: 1, reply: true }),
  );
  assert.equal(echo.destinationPort, 129 << 8);
  assert.equal(echo.sourcePort, 0);
  assert.equal(echo.icmpIdentifier, 77);
});

test('IPv4 options are walked; source routes and broken options are refused', () => {
  const packet = (options: string): Uint8Array => {
    const header = hex(
      `4${(5 + options.length / 8).toString(16)}b9 0000 0001 0000 40 11 0000 0a090002 cb007105`,
    );
    const bytes = Uint8Array.from([...header, ...hex(options), ...hex('0035 1234 0008 0000')]);
    bytes[3] = bytes.length;
    return bytes;
  };
  const view = parseBytes(packet('94040000'));
  assert.deepEqual([view?.headerLength, view?.sourcePort, view?.dscp, view?.ecn], [24, 53, 0x2e, 1]);
  assert(parseBytes(packet('0101010101000000')));
  assert.equal(parseBytes(packet('8303040a')), undefined, 'loose source route');
  assert.equal(parseBytes(packet('0189030400000000')), undefined, 'strict source route');
  assert.equal(parseBytes(packet('94000000')), undefined, 'option of length 0');
  assert.equal(parseBytes(packet('94050000')), undefined, 'option beyond the header');
});

test('lengths that do not agree are refused, trailing bytes are left out, and 0 means the descriptor', () => {
  const length = buildUdp(memory, kernel, 0, {
    ...v4,
    sourcePort: 1,
    destinationPort: 2,
    payload: new Uint8Array(10),
  });
  const packet = memory.bytes.slice(0, length);
  assert.equal(parseBytes(packet.subarray(0, 37)), undefined);
  assert.equal(parseBytes(Uint8Array.from([...packet, 0, 0, 0, 0]))?.length, 38);
  const open = packet.slice();
  open.set([0, 0], 2);
  assert.equal(parseBytes(open)?.length, 38);
  const wrongHeaderLength = packet.slice();
  wrongHeaderLength[0] = 0x44;
  assert.equal(parseBytes(wrongHeaderLength), undefined);
  const wrongVersion = packet.slice();
  wrongVersion[0] = 0x55;
  assert.equal(parseBytes(wrongVersion), undefined);
  assert.equal(parseBytes(new Uint8Array(0)), undefined);
});

test('a super-packet of 64 kB parses as one', () => {
  const payload = new Uint8Array(65_000);
  const length = buildTcp(memory, kernel, 16, { ...v4, sourcePort: 1, destinationPort: 2, payload });
  assert.equal(parseAt(16, length).length, 65_040);
});

const udp = '0035 1234 0008 0000';
const v6Header = (next: string, payload: number): string =>
  `6 2b 00000 ${payload.toString(16).padStart(4, '0')} ${next} 40 fd000000000000000000000000000002 20010db8000000000000000000000005`;

function v6Packet(next: string, rest: string): Uint8Array {
  const body = hex(rest);
  return Uint8Array.from([...hex(v6Header(next, body.length)), ...body]);
}

test('IPv6 extension headers are walked to the transport header', () => {
  const view = parseBytes(
    v6Packet(
      '00',
      `2b 00 010400000000
       3c 02 03 02 00000000 00000000000000000000000000000000
       33 01 0104000000000000 000000000000
       11 04 0000 00000001 00000001 000000000000000000000000
       ${udp}`,
    ),
  );
  assert.equal(view?.protocol, 17);
  assert.equal(view?.headerLength, 40 + 8 + 24 + 16 + 24);
  assert.deepEqual([view?.sourcePort, view?.destinationPort], [53, 0x1234]);
  assert.deepEqual([view?.dscp, view?.ecn], [0x0a, 3]);
});

test('IPv6 fragments: first, later and atomic', () => {
  const first = parseBytes(v6Packet('2c', `11 00 0001 deadbeef ${udp}`));
  assert.deepEqual(
    [first?.isFragment, first?.moreFragments, first?.fragmentOffset, first?.portsKnown],
    [true, true, 0, true],
  );
  assert.equal((first?.fragmentId ?? 0) >>> 0, 0xdeadbeef);
  const later = parseBytes(v6Packet('2c', `11 00 0008 deadbeef 0001020304050607`));
  assert.deepEqual(
    [later?.isFragment, later?.fragmentOffset, later?.portsKnown, later?.protocol, later?.sourcePort],
    [true, 8, false, 17, 0],
  );
  const atomic = parseBytes(v6Packet('2c', `11 00 0000 deadbeef ${udp}`));
  assert.deepEqual([atomic?.isFragment, atomic?.sourcePort], [false, 53]);
  // The rest of a later fragment is data, whatever the fragment header says is next.
  assert.equal(parseBytes(v6Packet('2c', '3c 00 0008 00000001 ffffffffffffffff'))?.protocol, 60);
});

test('IPv6 headers that must not be are refused', () => {
  const option = '00 010400000000';
  assert(parseBytes(v6Packet('3c', `${`3c ${option}`.repeat(7)}11 ${option}${udp}`)), 'eight headers');
  assert.equal(
    parseBytes(v6Packet('3c', `${`3c ${option}`.repeat(8)}11 ${option}${udp}`)),
    undefined,
    'nine',
  );
  assert.equal(parseBytes(v6Packet('3c', `00 ${option} 11 ${option} ${udp}`)), undefined, 'late hop-by-hop');
  assert.equal(parseBytes(v6Packet('2b', `11 00 00 01 00000000 ${udp}`)), undefined, 'RFC 5095');
  assert(parseBytes(v6Packet('2b', `11 00 00 00 00000000 ${udp}`)), 'source route at its end');
  assert.equal(parseBytes(v6Packet('3c', `11 ff ${'00'.repeat(14)}`)), undefined, 'header beyond the packet');
  assert.equal(
    parseBytes(v6Packet('2c', `2c 00 0001 00000001 11 00 0001 00000001 ${udp}`)),
    undefined,
    'twice',
  );
  assert.equal(parseBytes(v6Packet('00', '')), undefined, 'nothing behind');
  assert.equal(parseBytes(v6Packet('3b', ''))?.protocol, 59);
});

test('transport headers that do not lie whole in the first fragment are refused (RFC 1858)', () => {
  const fragment = (flagsAndOffset: string, protocol: string, rest: string): PacketView | undefined => {
    const body = hex(rest);
    const bytes = Uint8Array.from([
      ...hex(`4500 0000 0007 ${flagsAndOffset} 40 ${protocol} 0000 0a090002 cb007105`),
      ...body,
    ]);
    bytes[3] = bytes.length;
    return parseBytes(bytes);
  };
  assert.equal(fragment('2000', '06', '0001 0002 00000000'), undefined, 'TCP header cut');
  assert.equal(fragment('0001', '06', '0001 0002 00000000'), undefined, 'would overwrite TCP flags');
  assert.equal(fragment('0002', '06', '0001 0002 00000000'), undefined);
  assert.equal(fragment('2003', '06', '0001 0002 00000000')?.fragmentOffset, 24);
  assert.equal(fragment('2000', '11', '0001 0002 0000'), undefined, 'UDP header cut');
  assert.equal(fragment('2000', '11', '0001 0002 0010 0000')?.destinationPort, 2);
  assert.equal(fragment('0001', '11', '00')?.portsKnown, false);
  assert.equal(fragment('0000', '01', '0800'), undefined, 'ICMP header cut');
});

test('a quoted packet may be cut off', () => {
  const length = buildTcp(memory, kernel, 0, {
    ...v4,
    sourcePort: 9,
    destinationPort: 10,
    payload: new Uint8Array(99),
  });
  const view = new PacketView();
  assert.equal(length, 139);
  assert.equal(parsePacket(memory, 0, 28, view), false);
  assert.equal(parseQuotedPacket(memory, 0, 28, view), true);
  assert.deepEqual([view.sourcePort, view.destinationPort, view.length], [9, 10, 28]);
  assert.equal(parseQuotedPacket(memory, 0, 24, view), false);
});

test('a packet of a protocol without ports', () => {
  const view = parseAt(0, buildIp(memory, kernel, 0, 47, { ...v4, payload: new Uint8Array(3) }));
  assert.deepEqual([view.protocol, view.portsKnown, view.sourcePort], [47, false, 0]);
});

test('parsing arbitrary bytes never throws and never leaves the packet', () => {
  const start = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x61, 0x00);
  const next = fc.constantFrom(0, 1, 6, 17, 43, 44, 51, 58, 60, 59);
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 160 });
  fc.assert(
    fc.property(start, next, bytes, fc.boolean(), (version, protocol, rest, honest) => {
      const packet = Uint8Array.from([version, ...rest]);
      if (packet.length > 9) {
        packet[version >> 4 === 4 ? 9 : 6] = protocol;
        if (honest)
          packet.set(
            version >> 4 === 4 ? [0, packet.length] : [0, Math.max(0, packet.length - 40)],
            version >> 4 === 4 ? 2 : 4,
          );
      }
      const offset = memory.bytes.length - packet.length;
      const view = parseBytes(packet, offset);
      if (!view) return;
      assert(view.length <= packet.length);
      assert(view.headerLength >= 20 && view.headerLength <= view.length);
      assert.equal(view.transportOffset, offset + view.headerLength);
      assert.equal(view.transportLength, view.length - view.headerLength);
      if (view.protocol === 6 && view.portsKnown) assert(view.tcpHeaderLength <= view.transportLength);
    }),
    { seed: 6, numRuns: 20_000 },
  );
});

test('a view keeps nothing of the packet before', () => {
  const view = new PacketView();
  const tcp = buildTcp(memory, kernel, 0, { ...v6, sourcePort: 9, destinationPort: 10, flags: tcpFlag.fin });
  parsePacket(memory, 0, tcp, view);
  const echo = buildEcho(memory, kernel, 0, { ...v6, identifier: 7, sequence: 8 });
  parsePacket(memory, 0, echo, view);
  assert.deepEqual({ ...view }, { ...parseAt(0, echo) });
  const gre = buildIp(memory, kernel, 0, 47, { ...v4, payload: new Uint8Array(4) });
  parsePacket(memory, 0, gre, view);
  assert.deepEqual({ ...view }, { ...parseAt(0, gre) });
});
