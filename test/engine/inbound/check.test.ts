import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClear, checkInner } from '../../../main/engine/inbound/check.ts';
import { CompiledSelectors } from '../../../main/engine/inbound/compiled-selectors.ts';
import { checksumState } from '../../../main/engine/packet/batch.ts';
import { buildIcmpError } from '../../../main/engine/packet/icmp.ts';
import { type PacketView, tcpFlag } from '../../../main/engine/packet/view.ts';
import { selectorFromPrefix } from '../../../main/engine/policy/selector.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { address, kernel, memory, parseAt } from '../packet/packets.ts';
import { createFilter, type Filter, packet, row, sources, table } from '../policy/tables.ts';

const virtual = '10.9.0.2';
const link = '192.168.1.20';
const server = '10.1.0.80';
const web = '198.51.100.7';
const selectors = new CompiledSelectors(
  [selectorFromPrefix('10.9.0.2')],
  [selectorFromPrefix('10.1.0.0/16')],
);

function standard(): Filter {
  const created = createFilter(
    table([
      row('DISCARD', { id: 'no-telnet', protocol: 6, remotePorts: 23 }),
      row('PROTECT', { id: 'office', remote: '10.1.0.0/16', association: 3 }),
      row('BYPASS', { id: 'ssh-in', protocol: 6, localPorts: [{ first: 22, last: 22 }], allowInbound: true }),
      row('BYPASS', { id: 'web', remote: '198.51.100.0/24' }),
    ]),
  );
  created.filter.setTranslation({ virtual: sources(virtual, 3), link4: address(link) });
  return created;
}

function outbound({ filter }: Filter, view: PacketView, now = 0): void {
  const verdict = new Verdict();
  filter.decideOutbound(view, now, verdict);
  assert.equal(verdict.reason, undefined);
  filter.translate(view, verdict, checksumState.complete);
}

function inner({ filter }: Filter, view: PacketView, now = 1, association = 3): string | undefined {
  return checkInner(filter, view, association, selectors, now, new Verdict());
}

function clear({ filter }: Filter, view: PacketView, now = 1): string | undefined {
  return checkClear(filter, view, now, new Verdict());
}

test('an inner packet inside selectors and filter is given to the terminal and counted', () => {
  const created = standard();
  assert.equal(inner(created, packet({ from: server, to: virtual, payload: new Uint8Array(60) })), undefined);
  assert.deepEqual(created.counters.read('office'), { packets: 1, bytes: 100 });
  assert.equal(created.filter.flowCount, 1);
});

test('an inner packet outside the SA’s selectors is not, wherever it claims to come from or go', () => {
  const created = standard();
  assert.equal(inner(created, packet({ from: web, to: virtual })), 'selector-mismatch');
  assert.equal(inner(created, packet({ from: '10.2.0.1', to: virtual })), 'selector-mismatch');
  assert.equal(inner(created, packet({ from: server, to: '10.9.0.3' })), 'selector-mismatch');
  assert.equal(
    inner(created, packet({ from: virtual, to: server })),
    'selector-mismatch',
    'the wrong way round',
  );
  assert.equal(created.counters.read('office')?.packets, 0);
});

test('an inner packet for which the filter says something else is not', () => {
  const created = standard();
  const telnet = packet({ from: server, to: virtual, sourcePort: 23, destinationPort: 5000 });
  assert.equal(inner(created, telnet), 'inbound-policy', 'DISCARD row');
  assert.equal(
    inner(created, packet({ from: server, to: virtual }), 1, 4),
    'inbound-policy',
    'SA of another row',
  );
  const wide = new CompiledSelectors([selectorFromPrefix('0.0.0.0/0')], [selectorFromPrefix('0.0.0.0/0')]);
  const bypassed = packet({ from: web, to: link, sourcePort: 443, destinationPort: 40_000 });
  assert.equal(
    checkInner(created.filter, bypassed, 3, wide, 1, new Verdict()),
    'inbound-policy',
    'BYPASS row',
  );
  outbound(created, packet({ from: link, to: web }));
  assert.equal(
    checkInner(created.filter, bypassed, 3, wide, 1, new Verdict()),
    'inbound-policy',
    'BYPASS flow',
  );
});

test('an answer to a protected flow may not come through another association', () => {
  const created = standard();
  outbound(created, packet({ from: virtual, to: server }));
  const answer = packet({ from: server, to: virtual, sourcePort: 443, destinationPort: 40_000 });
  assert.equal(inner(created, answer, 1, 9), 'inbound-policy');
  assert.equal(inner(created, answer), undefined);
});

test('what should have come protected and came in the clear is dropped', () => {
  const created = standard();
  assert.equal(clear(created, packet({ from: server, to: link })), 'should-have-been-protected');
  outbound(created, packet({ from: virtual, to: server }));
  const answer = packet({ from: server, to: virtual, sourcePort: 443, destinationPort: 40_000 });
  assert.equal(clear(created, answer), 'should-have-been-protected', 'even an answer to a protected flow');
});

test('in the clear only answers to the terminal’s flows pass', () => {
  const created = standard();
  const answer = (): PacketView => packet({ from: web, to: link, sourcePort: 443, destinationPort: 40_000 });
  assert.equal(clear(created, answer()), 'unsolicited');
  outbound(created, packet({ from: link, to: web }));
  assert.equal(clear(created, answer()), undefined);
  const otherPort = packet({ from: web, to: link, sourcePort: 443, destinationPort: 40_001 });
  assert.equal(clear(created, otherPort), 'unsolicited');
  const otherHost = packet({ from: '198.51.100.8', to: link, sourcePort: 443, destinationPort: 40_000 });
  assert.equal(clear(created, otherHost), 'unsolicited');
  const udp = packet({ from: web, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 40_000 });
  assert.equal(clear(created, udp), 'unsolicited');
  assert.equal(clear(created, answer(), 10_000_000), 'unsolicited', 'long after');
});

test('a row may let the other side begin; its flow then goes both ways', () => {
  const created = standard();
  const syn = packet({ from: web, to: link, sourcePort: 50_000, destinationPort: 22, flags: tcpFlag.syn });
  assert.equal(clear(created, syn), undefined);
  assert.equal(created.counters.read('ssh-in')?.packets, 1);
  outbound(created, packet({ from: link, to: web, sourcePort: 22, destinationPort: 50_000 }));
  assert.equal(created.filter.flowCount, 1);
  const next = packet({ from: web, to: link, sourcePort: 50_000, destinationPort: 22 });
  assert.equal(clear(created, next), undefined);
  const other = packet({ from: web, to: link, sourcePort: 50_000, destinationPort: 23, flags: tcpFlag.syn });
  assert.equal(clear(created, other), 'unsolicited');
});

test('a flow that the other side began ends when the row no longer lets it', () => {
  const created = standard();
  const packetIn = (): PacketView => packet({ from: web, to: link, sourcePort: 50_000, destinationPort: 22 });
  assert.equal(clear(created, packetIn()), undefined);
  created.filter.setPolicy(table([row('BYPASS', { remote: '198.51.100.0/24' })]));
  assert.equal(clear(created, packetIn()), 'unsolicited');
});

test('a DISCARD row drops in the clear too, and counts', () => {
  const created = standard();
  const telnet = packet({ from: web, to: link, sourcePort: 23, destinationPort: 5000 });
  assert.equal(clear(created, telnet), 'policy-discard');
  assert.equal(created.counters.read('no-telnet')?.packets, 1);
});

test('an unsolicited SYN does not pass on the tuple of a connection that is closing', () => {
  const created = standard();
  outbound(created, packet({ from: link, to: web, flags: tcpFlag.fin | tcpFlag.ack }));
  const fields = { from: web, to: link, sourcePort: 443, destinationPort: 40_000 };
  assert.equal(clear(created, packet({ ...fields, flags: tcpFlag.ack })), undefined);
  assert.equal(clear(created, packet({ ...fields, flags: tcpFlag.syn })), 'unsolicited');
});

test('echo replies pass for echo requests that were sent, not the other way round', () => {
  const created = standard();
  const reply = packet({ from: web, to: link, protocol: 'reply', identifier: 4 });
  assert.equal(clear(created, reply), 'unsolicited');
  outbound(created, packet({ from: link, to: web, protocol: 'echo', identifier: 4 }));
  assert.equal(clear(created, packet({ from: web, to: link, protocol: 'reply', identifier: 4 })), undefined);
  assert.equal(
    clear(created, packet({ from: web, to: link, protocol: 'reply', identifier: 5 })),
    'unsolicited',
  );
});

test('ICMP errors pass for flows that are known, through the tunnel from any router', () => {
  const created = standard();
  const sent = packet({ from: virtual, to: server, protocol: 'udp', at: 2000 });
  outbound(created, sent);
  const length = buildIcmpError(memory, kernel, sent, 'no-route', 0, 4000);
  const router = address('172.31.0.1').bytes;
  memory.bytes.set(router, 4012);
  assert.equal(inner(created, parseAt(4000, length)), undefined);
  assert.equal(inner(created, parseAt(4000, length), 1, 4), 'selector-mismatch', 'not through another SA');
  assert.equal(clear(created, parseAt(4000, length)), 'should-have-been-protected');
  const other = packet({ from: virtual, to: server, protocol: 'udp', sourcePort: 1, at: 2000 });
  buildIcmpError(memory, kernel, other, 'no-route', 0, 4000);
  memory.bytes.set(router, 4012);
  assert.equal(inner(created, parseAt(4000, length)), 'selector-mismatch', 'not about another packet');
});

/** A fragment of a UDP packet; `offset` in units of 8 bytes. */
function fragment(from: string, to: string, id: number, offset: number, ports = [443, 40_000]): PacketView {
  const [sourcePort, destinationPort] = ports;
  const payload = new Uint8Array(64);
  const whole = packet({
    from,
    to,
    protocol: 'udp',
    payload,
    sourcePort: sourcePort!,
    destinationPort: destinationPort!,
  });
  memory.view.setUint16(whole.offset + 4, id);
  memory.view.setUint16(whole.offset + 6, offset | 0x2000);
  return parseAt(whole.offset, whole.length);
}

test('fragments in the clear follow their first', () => {
  const created = standard();
  outbound(created, packet({ from: link, to: web, protocol: 'udp' }));
  assert.equal(clear(created, fragment(web, link, 5, 9)), 'fragment-without-first');
  assert.equal(clear(created, fragment(web, link, 5, 0)), undefined);
  assert.equal(clear(created, fragment(web, link, 5, 9)), undefined);
  assert.equal(clear(created, fragment(web, link, 6, 0, [443, 1])), 'unsolicited');
  assert.equal(clear(created, fragment(web, link, 6, 9)), 'fragment-without-first');
  assert.equal(
    inner(created, fragment(web, link, 5, 9)),
    'selector-mismatch',
    'other ways are other packets',
  );
});

test('inner fragments follow their first where selectors have ports', () => {
  const created = standard();
  const narrow = new CompiledSelectors(
    [selectorFromPrefix('10.9.0.2')],
    [selectorFromPrefix('10.1.0.0/16', 17, { first: 443, last: 443 })],
  );
  const check = (view: PacketView): string | undefined =>
    checkInner(created.filter, view, 3, narrow, 1, new Verdict());
  assert.equal(check(fragment(server, virtual, 5, 9)), 'fragment-without-first');
  assert.equal(check(fragment(server, virtual, 5, 0)), undefined);
  assert.equal(check(fragment(server, virtual, 5, 9)), undefined);
  assert.equal(check(fragment(server, virtual, 6, 0, [53, 1])), 'selector-mismatch');
  assert.equal(check(fragment('10.2.0.1', virtual, 5, 9)), 'selector-mismatch');
  assert.equal(inner(created, fragment(server, virtual, 7, 9)), undefined, 'no ports asked for, none needed');
});

test('a later inner fragment is held to the filter even where no ports are asked for', () => {
  const created = createFilter(
    table([row('BYPASS', { remote: '10.1.0.0/24' }), row('PROTECT', { association: 3 })]),
  );
  assert.equal(inner(created, fragment(server, virtual, 7, 9)), 'inbound-policy');
  assert.equal(inner(created, fragment('10.1.1.1', virtual, 7, 9)), undefined);
  assert.equal(inner(created, fragment('10.1.1.1', virtual, 7, 9), 1, 4), 'inbound-policy');
});
