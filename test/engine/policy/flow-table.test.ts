import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tcpFlag } from '../../../main/engine/packet/view.ts';
import { FlowKey } from '../../../main/engine/policy/flow-key.ts';
import { FlowTable, flowTimeout, noFlow } from '../../../main/engine/policy/flow-table.ts';
import { keyText } from './tables.ts';

function makeKey(number: number, protocol = 17, family: 4 | 6 = 4): FlowKey {
  const key = new FlowKey();
  key.family = family;
  key.protocol = protocol;
  key.local0 = 0x0a090002 | 0;
  key.remote0 = 0xcb007100 | 0;
  if (family === 6) key.remote3 = number >> 4;
  else key.remote0 += number >> 4;
  key.localPort = 40_000 + (number & 15);
  key.remotePort = 443;
  return key;
}

/** Inserts with the wire's side moved by `shift` ports. */
function insert(flows: FlowTable, key: FlowKey, now: number, shift = 0): number {
  const flow = flows.insert(key, true, now);
  const wire = new FlowKey();
  flows.readTerminalSide(flow, wire);
  wire.localPort = (wire.localPort + shift) & 0xffff;
  wire.local0 ^= shift;
  flows.setWireSide(flow, wire);
  return flow;
}

test('the table behaves as two maps, whatever order flows come, go and expire in', () => {
  const step = fc.record({
    kind: fc.constantFrom('insert', 'insert', 'find', 'find', 'remove', 'touch', 'wait'),
    number: fc.integer({ min: 0, max: 60 }),
    family: fc.constantFrom(4 as const, 6 as const),
    milliseconds: fc.integer({ min: 0, max: 100_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
      const flows = new FlowTable(200, seed);
      const reference = new Map<string, { flow: number; seen: number; wire: string }>();
      let now = 1000;
      for (const { kind, number, family, milliseconds } of steps) {
        const key = makeKey(number, 17, family);
        const text = keyText(key);
        if (kind === 'wait') now += milliseconds;
        for (const [name, { seen }] of reference) if (seen + flowTimeout.other < now) reference.delete(name);
        const known = reference.get(text);
        const found = flows.findByTerminalSide(key, now);
        assert.equal(found, known?.flow ?? noFlow);
        const shifted = makeKey(number, 17, family);
        shifted.localPort += 7;
        shifted.local0 ^= 7;
        assert.equal(flows.findByWireSide(shifted, now), known?.flow ?? noFlow);
        if (kind === 'insert' && !known) {
          const flow = insert(flows, key, now, 7);
          reference.set(text, { flow, seen: now, wire: keyText(shifted) });
        } else if (kind === 'remove' && known) {
          flows.remove(known.flow);
          reference.delete(text);
        } else if (kind === 'touch' && known) {
          flows.touch(known.flow, true, 0, now);
          reference.set(text, { ...known, seen: now });
        }
      }
      flows.expire(now, 200);
      for (const [name, { seen }] of reference) if (seen + flowTimeout.other < now) reference.delete(name);
      assert.equal(flows.count, reference.size);
      const read = new FlowKey();
      for (const [text, { flow, wire }] of reference) {
        flows.readTerminalSide(flow, read);
        assert.equal(keyText(read), text);
        flows.readWireSide(flow, read);
        assert.equal(keyText(read), wire);
        assert.equal(flows.isTranslated(flow), true);
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('a full table stays at its capacity and forgets what would expire first', () => {
  const flows = new FlowTable(64);
  for (let number = 0; number < 64; number += 1) {
    const isPing = number % 8 === 0;
    insert(flows, makeKey(number, isPing ? 1 : 17), number);
  }
  for (let number = 100; number < 108; number += 1) insert(flows, makeKey(number), 100);
  assert.equal(flows.count, 64);
  let pings = 0;
  for (let number = 0; number < 64; number += 8) {
    if (flows.findByTerminalSide(makeKey(number, 1), 100) !== noFlow) pings += 1;
  }
  assert.equal(pings, 0, 'the pings went, not the conversations');
  for (let number = 1000; number < 20_000; number += 1) insert(flows, makeKey(number), 200 + number);
  assert.equal(flows.count, 64);
  assert.notEqual(flows.findByTerminalSide(makeKey(19_999), 20_200), noFlow);
});

test('expired flows are the first to go from a full table', () => {
  const flows = new FlowTable(32);
  for (let number = 0; number < 32; number += 1) insert(flows, makeKey(number), number < 16 ? 0 : 170_000);
  for (let number = 100; number < 116; number += 1) insert(flows, makeKey(number), 190_000);
  for (let number = 16; number < 32; number += 1) {
    assert.notEqual(flows.findByTerminalSide(makeKey(number), 190_000), noFlow);
  }
});

test('idle times follow the protocol and the state of the connection', () => {
  const alive = (setUp: (flows: FlowTable, flow: number) => void, protocol: number): number => {
    const flows = new FlowTable(8);
    const flow = insert(flows, makeKey(1, protocol), 0);
    setUp(flows, flow);
    const { tcpClosing, icmp, other, tcpOpening, tcpEstablished } = flowTimeout;
    const times = [icmp, tcpClosing, tcpOpening, other, tcpEstablished];
    for (const time of times) {
      if (flows.findByTerminalSide(makeKey(1, protocol), time + 1) === noFlow) return time;
    }
    return Number.POSITIVE_INFINITY;
  };
  assert.equal(
    alive(() => {}, 17),
    flowTimeout.other,
  );
  assert.equal(
    alive(() => {}, 1),
    flowTimeout.icmp,
  );
  assert.equal(
    alive(() => {}, 58),
    flowTimeout.icmp,
  );
  assert.equal(
    alive(() => {}, 50),
    flowTimeout.other,
  );
  const syn = (flows: FlowTable, flow: number): void => flows.touch(flow, true, tcpFlag.syn, 0);
  assert.equal(alive(syn, 6), flowTimeout.tcpOpening);
  const established = (flows: FlowTable, flow: number): void => {
    syn(flows, flow);
    flows.touch(flow, false, tcpFlag.syn | tcpFlag.ack, 0);
    flows.touch(flow, true, tcpFlag.ack, 0);
  };
  assert.equal(alive(established, 6), flowTimeout.tcpEstablished);
  for (const flag of [tcpFlag.fin, tcpFlag.rst]) {
    const closing = (flows: FlowTable, flow: number): void => {
      established(flows, flow);
      flows.touch(flow, false, flag | tcpFlag.ack, 0);
      flows.touch(flow, true, tcpFlag.ack, 0);
      assert.equal(flows.isClosing(flow), true);
    };
    assert.equal(alive(closing, 6), flowTimeout.tcpClosing);
  }
});

test('a flow remembers its verdict and who began it', () => {
  const flows = new FlowTable(8);
  const ours = flows.insert(makeKey(1), true, 0);
  const theirs = flows.insert(makeKey(2), false, 0);
  flows.setVerdict(ours, 5, 'PROTECT', 77, 3);
  flows.setVerdict(theirs, 6, 'DISCARD', 0, 4);
  flows.setVerdict(theirs, 6, 'BYPASS', 0, 4);
  assert.deepEqual(
    [flows.row(ours), flows.action(ours), flows.association(ours), flows.stamp(ours)],
    [5, 'PROTECT', 77, 3],
  );
  assert.deepEqual(
    [flows.action(theirs), flows.begunByTerminal(ours), flows.begunByTerminal(theirs)],
    ['BYPASS', true, false],
  );
});

test('a flow without a wire’s side is found by the terminal’s alone, and can be removed', () => {
  const flows = new FlowTable(8);
  const flow = flows.insert(makeKey(1), true, 0);
  assert.equal(flows.findByWireSide(makeKey(1), 0), noFlow);
  assert.equal(flows.findByTerminalSide(makeKey(1), 0), flow);
  flows.remove(flow);
  assert.equal(flows.count, 0);
});
