import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AddressRange, numberToAddress } from '../../../main/engine/packet/address.ts';
import { buildIp } from '../../../main/engine/packet/build.ts';
import { PacketView, parsePacket } from '../../../main/engine/packet/view.ts';
import type { FiveTuple } from '../../../main/engine/path/data-plane.ts';
import { explain } from '../../../main/engine/policy/explain.ts';
import { FlowKey } from '../../../main/engine/policy/flow-key.ts';
import { CompiledPolicy, undecided } from '../../../main/engine/policy/matcher.ts';
import type { PolicyRow } from '../../../main/engine/policy/row.ts';
import type { PortRange } from '../../../main/engine/policy/selector.ts';
import { kernel, memory } from '../packet/packets.ts';
import { naiveDecide, packet, row, table } from './tables.ts';

// Few values, so that rows and packets meet often.
const base = { 4: 0x7fffffffn, 6: (1n << 127n) - (1n << 95n) - 2n } as const;
const host = (family: 4 | 6, value: number) => numberToAddress(base[family] + BigInt(value), family);
const anyFamily = fc.constantFrom(4 as const, 6 as const);
const anyRange = fc.tuple(anyFamily, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).map(
  ([family, a, b]): AddressRange => ({
    first: host(family, Math.min(a, b)),
    last: host(family, Math.max(a, b)),
  }),
);
const anyPortRange = fc.oneof(
  fc.constant<PortRange>({ first: 0, last: 65_535 }),
  fc
    .tuple(fc.constantFrom(0, 80, 443, 8 << 8, 65_535), fc.constantFrom(0, 80, 443, 8 << 8, 65_535))
    .map(([a, b]): PortRange => ({ first: Math.min(a, b), last: Math.max(a, b) })),
);
const anyRow = fc
  .record({
    local: fc.array(anyRange, { maxLength: 2 }),
    remote: fc.array(anyRange, { maxLength: 3 }),
    protocol: fc.constantFrom(undefined, undefined, 1, 6, 17, 47, 58),
    localPorts: fc.oneof(fc.constant([]), fc.array(anyPortRange, { maxLength: 2 })),
    remotePorts: fc.array(anyPortRange, { maxLength: 2 }),
    action: fc.constantFrom('PROTECT' as const, 'BYPASS' as const, 'DISCARD' as const),
  })
  .map((fields): PolicyRow => ({ ...row(fields.action), ...fields }));
const anyTuple = fc
  .record({
    family: anyFamily,
    source: fc.integer({ min: 0, max: 6 }),
    destination: fc.integer({ min: 0, max: 6 }),
    protocol: fc.constantFrom(1, 6, 17, 47, 58, 132),
    sourcePort: fc.constantFrom(0, 80, 443, 65_535),
    destinationPort: fc.constantFrom(0, 80, 443, 8 << 8, 65_535),
  })
  .map(
    (fields): FiveTuple => ({
      ...fields,
      source: host(fields.family, fields.source),
      destination: host(fields.family, fields.destination),
    }),
  );

/** The tuple as a packet, through the parser. Ports of protocols without ports are data that nobody may look at. */
function view(tuple: FiveTuple): PacketView {
  const payload = new Uint8Array(20);
  const data = new DataView(payload.buffer);
  const isIcmp = tuple.protocol === 1 || tuple.protocol === 58;
  data.setUint16(0, isIcmp ? tuple.destinationPort : tuple.sourcePort);
  data.setUint16(2, isIcmp ? 0 : tuple.destinationPort);
  payload[12] = 0x50;
  const length = buildIp(memory, kernel, 0, tuple.protocol, { ...tuple, payload });
  const result = new PacketView();
  assert(parsePacket(memory, 0, length, result));
  return result;
}

function keyOf(packetView: PacketView, outbound: boolean): FlowKey {
  const key = new FlowKey();
  if (outbound) key.fillOutbound(packetView);
  else key.fillInbound(packetView);
  return key;
}

test('the compiled table decides as the naive one, in both directions, and so does explain', () => {
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 8 }), fc.array(anyTuple, { maxLength: 12 }), (rows, tuples) => {
      const policy = table(rows);
      const compiled = new CompiledPolicy(policy);
      for (const tuple of tuples) {
        for (const outbound of [true, false]) {
          const expected = naiveDecide(policy, tuple, outbound);
          const decided = compiled.decide(keyOf(view(tuple), outbound));
          assert.equal(decided, expected);
          const told = explain(policy, tuple, outbound ? 'outbound' : 'inbound');
          const defaults = [policy.defaultInside, policy.defaultOutside];
          const decider = rows[expected] ?? defaults[expected - rows.length]!;
          assert.equal(told.id, decider.id);
          assert.equal(told.action, compiled.action(decided));
          assert.equal(told.passed.length, Math.min(expected, rows.length));
        }
      }
    }),
    { seed: 1, numRuns: 800 },
  );
});

test('without ports, a row is named only if every choice of ports would name it', () => {
  const ports = [0, 80, 443, 8 << 8, 65_535, 1234];
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 6 }), anyTuple, (rows, tuple) => {
      if (tuple.source.family !== 4) return;
      const policy = table(rows);
      const key = keyOf(view(tuple), true);
      key.portsKnown = false;
      const decided = new CompiledPolicy(policy).decideWithoutPorts(key);
      if (decided === undecided) return;
      for (const sourcePort of ports) {
        for (const destinationPort of ports) {
          assert.equal(naiveDecide(policy, { ...tuple, sourcePort, destinationPort }, true), decided);
        }
      }
    }),
    { seed: 2, numRuns: 800 },
  );
});

test('without ports, a row that asks for ports leaves it undecided only if it could be the one', () => {
  const later = (rows: PolicyRow[], to: string): number => {
    const key = keyOf(packet({ from: to.includes(':') ? 'fd00::9' : '10.9.9.9', to }), true);
    key.portsKnown = false;
    return new CompiledPolicy(table(rows)).decideWithoutPorts(key);
  };
  const web = row('PROTECT', { remote: '10.1.0.0/16 fd01::/16', protocol: 6, remotePorts: 443 });
  assert.equal(later([web], '10.1.0.1'), undecided);
  assert.equal(later([web], '10.2.0.1'), 2, 'elsewhere it cannot be');
  assert.equal(
    later([row('BYPASS', { remote: '10.1.0.0/16' }), web], '10.1.0.1'),
    0,
    'an earlier row decides',
  );
  const udp = row('PROTECT', { protocol: 17, remotePorts: 53 });
  assert.equal(later([udp], '10.1.0.1'), 1, 'IPv4 fragments tell their protocol');
  assert.equal(later([udp], 'fd01::1'), undecided, 'IPv6 fragments do not');
});

test('a row of many ranges finds each of them', () => {
  const ranges = Array.from({ length: 500 }, (_, index) => `10.${index >> 4}.${(index & 15) * 16}.4/30`);
  const compiled = new CompiledPolicy(table([row('PROTECT', { remote: ranges.join(' ') })]));
  for (let index = 0; index < 500; index += 1) {
    const inside = packet({
      from: '192.0.2.1',
      to: `10.${index >> 4}.${(index & 15) * 16}.${4 + (index & 3)}`,
    });
    assert.equal(compiled.decide(keyOf(inside, true)), 0);
    const beside = packet({ from: '192.0.2.1', to: `10.${index >> 4}.${(index & 15) * 16}.8` });
    assert.equal(compiled.decide(keyOf(beside, true)), 2);
  }
});

test('defaults depend on whether a PROTECT row touches the remote address', () => {
  const policy = table([row('PROTECT', { remote: '10.1.0.0/16', protocol: 6 })]);
  const compiled = new CompiledPolicy(policy);
  const decide = (to: string) =>
    compiled.decide(keyOf(packet({ from: '10.9.9.9', to, protocol: 'udp' }), true));
  assert.equal(decide('10.1.2.3'), 1);
  assert.equal(decide('10.2.2.3'), 2);
  assert.deepEqual([compiled.action(1), compiled.action(2)], ['DISCARD', 'BYPASS']);
});
