// The packet filter against a model of it that is made of maps: random conversations, both ways, under changing tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkClear, checkInner } from '../../../main/engine/inbound/check.ts';
import { CompiledSelectors } from '../../../main/engine/inbound/compiled-selectors.ts';
import { checksumState } from '../../../main/engine/packet/batch.ts';
import { verifyTransportChecksum } from '../../../main/engine/packet/checksum.ts';
import type { PacketView } from '../../../main/engine/packet/view.ts';
import type { PacketFilter } from '../../../main/engine/policy/filter.ts';
import { selectorForFamily } from '../../../main/engine/policy/selector.ts';
import type { PolicyTable } from '../../../main/engine/policy/table.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { address, kernel, memory, parseBytes } from '../packet/packets.ts';
import { createFilter, naiveDecide, packet, row, sources, table } from './tables.ts';

const virtual = '10.9.0.2';
const link = '192.168.1.20';
const locals = [virtual, link, '192.168.1.21'];
const remotes = ['10.1.0.1', '10.1.0.2', '198.51.100.7'];
const everything = new CompiledSelectors([selectorForFamily(4)], [selectorForFamily(4)]);

const tables: readonly PolicyTable[] = [
  table([
    row('BYPASS', { protocol: 17, remote: '10.1.0.2', remotePorts: 53 }),
    row('BYPASS', {
      protocol: 17,
      localPorts: [{ first: 1001, last: 1001 }],
      remote: '198.51.100.7',
      allowInbound: true,
    }),
    row('PROTECT', { remote: '10.1.0.0/16', association: 1 }),
  ]),
  table([
    row('PROTECT', { remote: '10.1.0.0/16', association: 1 }),
    row('DISCARD', { local: '192.168.1.21' }),
  ]),
  table([
    row('PROTECT', { remotePorts: 443, protocol: 17, association: 2 }),
    row('BYPASS', { allowInbound: true }),
  ]),
];

interface Conversation {
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
}

interface ModelFlow {
  readonly terminal: Conversation;
  readonly wire: Conversation | undefined;
  readonly begunByTerminal: boolean;
  readonly action: string;
  readonly association: number;
}

function text({ local, localPort, remote, remotePort }: Conversation): string {
  return `${local}:${localPort} ${remote}:${remotePort}`;
}

function decide(policy: PolicyTable, conversation: Conversation, outbound: boolean) {
  const local = [address(conversation.local), conversation.localPort] as const;
  const remote = [address(conversation.remote), conversation.remotePort] as const;
  const [from, to] = outbound ? [local, remote] : [remote, local];
  const index = naiveDecide(
    policy,
    { source: from[0], sourcePort: from[1], destination: to[0], destinationPort: to[1], protocol: 17 },
    outbound,
  );
  const defaults = [policy.defaultInside, policy.defaultOutside];
  return policy.rows[index] ?? { ...defaults[index - policy.rows.length]!, allowInbound: false };
}

class Model {
  policy = tables[0]!;
  readonly byTerminal = new Map<string, ModelFlow>();
  readonly byWire = new Map<string, ModelFlow>();

  find(map: Map<string, ModelFlow>, conversation: Conversation): ModelFlow | undefined {
    const flow = map.get(text(conversation));
    if (!flow) return undefined;
    const now = decide(this.policy, flow.terminal, true);
    const same = now.action === flow.action && now.association === flow.association;
    if (same && (flow.begunByTerminal || flow.action !== 'BYPASS' || now.allowInbound)) return flow;
    this.remove(flow);
    return undefined;
  }

  add(flow: ModelFlow): void {
    this.byTerminal.set(text(flow.terminal), flow);
    if (!flow.wire) return;
    assert(!this.byWire.has(text(flow.wire)), 'no two flows look alike on the wire');
    this.byWire.set(text(flow.wire), flow);
  }

  remove(flow: ModelFlow): void {
    this.byTerminal.delete(text(flow.terminal));
    if (flow.wire) this.byWire.delete(text(flow.wire));
  }
}

function build(conversation: Conversation, outbound: boolean): PacketView {
  const { local, localPort, remote, remotePort } = conversation;
  return outbound
    ? packet({ from: local, to: remote, sourcePort: localPort, destinationPort: remotePort, protocol: 'udp' })
    : packet({
        from: remote,
        to: local,
        sourcePort: remotePort,
        destinationPort: localPort,
        protocol: 'udp',
      });
}

function read(view: PacketView, outbound: boolean): Conversation {
  const dotted = (place: number) => memory.bytes.subarray(place, place + 4).join('.');
  const [source, destination] = [dotted(view.sourceOffset), dotted(view.destinationOffset)];
  return outbound
    ? { local: source, localPort: view.sourcePort, remote: destination, remotePort: view.destinationPort }
    : { local: destination, localPort: view.destinationPort, remote: source, remotePort: view.sourcePort };
}

function sendOut(filter: PacketFilter, model: Model, conversation: Conversation): Conversation | undefined {
  const verdict = new Verdict();
  const view = build(conversation, true);
  filter.decideOutbound(view, 0, verdict);
  const expected = decide(model.policy, conversation, true);
  assert.equal(verdict.action, expected.action);
  assert.equal(verdict.reason, expected.action === 'DISCARD' ? 'policy-discard' : undefined);
  if (expected.action === 'PROTECT') assert.equal(verdict.association, expected.association);
  const known = model.find(model.byTerminal, conversation);
  if (verdict.reason === undefined) filter.translate(view, verdict, checksumState.complete);
  assert.equal(verifyTransportChecksum(kernel, memory, view), true);
  const wire = expected.action === 'DISCARD' ? undefined : read(view, true);
  if (wire && (!known || known.begunByTerminal)) {
    if (expected.action === 'PROTECT') assert.equal(wire.local, virtual);
    else assert.equal(wire.local, conversation.local === virtual ? link : conversation.local);
  }
  if (known) assert.deepEqual(wire, known.wire, 'a flow keeps its looks');
  else {
    // A flow that nobody looked at since the table changed may still hold the place on the wire; then ours moved.
    const { action, association } = expected;
    model.add({ terminal: conversation, wire, begunByTerminal: true, action, association });
  }
  return wire;
}

function comeIn(filter: PacketFilter, model: Model, conversation: Conversation, association: number): void {
  const verdict = new Verdict();
  const view = build(conversation, false);
  const isClear = association === 0;
  const reason = isClear
    ? checkClear(filter, view, 0, verdict)
    : checkInner(filter, view, association, everything, 0, verdict);
  if (reason === undefined) filter.translate(view, verdict, checksumState.complete);
  assert.equal(verifyTransportChecksum(kernel, memory, view), true);
  const flow = model.find(model.byWire, conversation);
  if (flow) {
    if (isClear) assert.equal(reason, flow.action === 'BYPASS' ? undefined : 'should-have-been-protected');
    else {
      const fits = flow.action === 'PROTECT' && flow.association === association;
      assert.equal(reason, fits ? undefined : 'inbound-policy');
    }
    if (reason === undefined) assert.deepEqual(read(view, false), flow.terminal);
    return;
  }
  const { action, association: wanted, allowInbound } = decide(model.policy, conversation, false);
  let expected: string | undefined;
  if (!isClear) expected = action === 'PROTECT' && wanted === association ? undefined : 'inbound-policy';
  else if (action === 'PROTECT') expected = 'should-have-been-protected';
  else if (action === 'DISCARD') expected = 'policy-discard';
  else if (!allowInbound) expected = 'unsolicited';
  assert.equal(reason, expected);
  if (reason === undefined && !model.byTerminal.has(text(conversation))) {
    model.add({
      terminal: conversation,
      wire: conversation,
      begunByTerminal: false,
      action,
      association: wanted,
    });
  }
}

test('random conversations get the verdicts and the addresses that the model gives them', () => {
  const conversation = fc.record(
    {
      local: fc.constantFrom(...locals),
      localPort: fc.constantFrom(1000, 1001),
      remote: fc.constantFrom(...remotes),
      remotePort: fc.constantFrom(53, 443),
    },
    { noNullPrototype: true },
  );
  const step = fc.record({
    kind: fc.constantFrom('out', 'out', 'answer', 'answer', 'in', 'table'),
    conversation,
    association: fc.constantFrom(0, 0, 1, 2),
    number: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { filter } = createFilter(tables[0]!, { flowCapacity: 4096 });
      filter.setTranslation({ virtual: sources(virtual, 1, 2), link4: address(link) });
      const model = new Model();
      for (const one of steps) {
        if (one.kind === 'out') sendOut(filter, model, one.conversation);
        else if (one.kind === 'in') comeIn(filter, model, one.conversation, one.association);
        else if (one.kind === 'answer') {
          const flows = [...model.byWire.values()];
          const flow = flows[one.number % Math.max(1, flows.length)];
          if (!flow?.wire) continue;
          const { association } = decide(model.policy, flow.terminal, true);
          comeIn(filter, model, flow.wire, one.number % 4 === 0 ? one.association : association);
        } else {
          model.policy = tables[one.number % tables.length]!;
          filter.setPolicy(model.policy);
        }
      }
      assert.equal(filter.flowCount, model.byTerminal.size);
    }),
    { seed: 1, numRuns: 400 },
  );
});

test('whatever comes, from either side, is answered with a verdict', () => {
  const { filter } = createFilter(tables[0]!, { flowCapacity: 64, fragmentCapacity: 16 });
  filter.setTranslation({ virtual: sources(virtual, 1, 2), link4: address(link) });
  const verdict = new Verdict();
  const bytes = fc.uint8Array({ minLength: 28, maxLength: 120 });
  const head = fc.constantFrom(0x45, 0x46, 0x60);
  const protocol = fc.constantFrom(0, 1, 6, 17, 44, 58, 60);
  const way = fc.constantFrom('out', 'clear', 'inner');
  fc.assert(
    fc.property(
      head,
      protocol,
      bytes,
      way,
      fc.constantFrom(0, 1, 2),
      (first, next, rest, direction, state) => {
        const content = Uint8Array.from([first, ...rest]);
        content.set(first === 0x60 ? [0, content.length - 40] : [0, content.length], first === 0x60 ? 4 : 2);
        content[first === 0x60 ? 6 : 9] = next;
        // Half of them quote or answer what is known.
        if (first !== 0x60) content.set(address(locals[rest[0]! % 3]!).bytes, direction === 'out' ? 12 : 16);
        const view = parseBytes(content, 8192);
        if (!view) return;
        const now = rest[1]! * 1000;
        if (direction === 'out') filter.decideOutbound(view, now, verdict);
        else if (direction === 'clear') checkClear(filter, view, now, verdict);
        else checkInner(filter, view, 1, everything, now, verdict);
        if (verdict.reason === undefined) filter.translate(view, verdict, state);
        assert(filter.flowCount <= 64);
      },
    ),
    { seed: 2, numRuns: 20_000 },
  );
});
