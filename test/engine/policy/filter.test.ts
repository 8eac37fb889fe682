import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClear, checkInner } from '../../../main/engine/inbound/check.ts';
import { CompiledSelectors } from '../../../main/engine/inbound/compiled-selectors.ts';
import { checksumState } from '../../../main/engine/packet/batch.ts';
import {
  verifyHeaderChecksum,
  verifyTransportChecksum,
  writeHeaderChecksum,
} from '../../../main/engine/packet/checksum.ts';
import { buildIcmpError } from '../../../main/engine/packet/icmp.ts';
import { type PacketView, tcpFlag } from '../../../main/engine/packet/view.ts';
import { RowCounters } from '../../../main/engine/policy/counters.ts';
import { PacketFilter } from '../../../main/engine/policy/filter.ts';
import { noFlow } from '../../../main/engine/policy/flow-table.ts';
import { selectorForFamily } from '../../../main/engine/policy/selector.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { address, kernel, memory, parseAt } from '../packet/packets.ts';
import { createFilter, type Filter, packet, row, table } from './tables.ts';

const virtual = '10.9.0.2';
const link = '192.168.1.20';
const server = '10.1.0.80';
const web = '198.51.100.7';
const everything = new CompiledSelectors(
  [selectorForFamily(4), selectorForFamily(6)],
  [selectorForFamily(4), selectorForFamily(6)],
);

function standard(): Filter {
  const created = createFilter(
    table([
      row('DISCARD', { id: 'no-mail', protocol: 6, remotePorts: 25 }),
      row('PROTECT', { id: 'office', remote: '10.1.0.0/16 fd01::/16' }),
      row('BYPASS', { id: 'web', remote: '198.51.100.0/24 2001:db8::/32' }),
    ]),
  );
  created.filter.setTranslation({
    virtual4: address(virtual),
    virtual6: address('fd00::2'),
    link4: address(link),
    link6: address('2001:db8:1::20'),
  });
  return created;
}

function decide({ filter }: Filter, view: PacketView, now = 0): Verdict {
  const verdict = new Verdict();
  filter.decideOutbound(view, now, verdict);
  return verdict;
}

function addressesOf(view: PacketView): string[] {
  const size = view.family === 4 ? 4 : 16;
  return [view.sourceOffset, view.destinationOffset].map((place) =>
    view.family === 4
      ? memory.bytes.subarray(place, place + size).join('.')
      : Buffer.from(memory.bytes.subarray(place, place + size)).toString('hex'),
  );
}

test('nothing passes before there is a table', () => {
  const filter = new PacketFilter({ memory, checksum: kernel, counters: new RowCounters() });
  const verdict = new Verdict();
  filter.decideOutbound(packet({ from: link, to: web }), 0, verdict);
  assert.equal(verdict.reason, 'policy-discard');
  assert.equal(checkClear(filter, packet({ from: web, to: link }), 0, verdict), 'policy-discard');
  assert.equal(
    checkInner(filter, packet({ from: web, to: link }), 1, everything, 0, verdict),
    'inbound-policy',
  );
});

test('the row decides, the flow remembers, the counters count', () => {
  const created = standard();
  const first = decide(created, packet({ from: virtual, to: server }));
  assert.deepEqual([first.action, first.association, first.row, first.reason], ['PROTECT', 1, 1, undefined]);
  const second = decide(created, packet({ from: virtual, to: server, payload: new Uint8Array(60) }));
  assert.equal(second.flow, first.flow);
  assert.notEqual(first.flow, noFlow);
  assert.equal(created.filter.flowCount, 1);
  assert.deepEqual(created.counters.read('office'), { packets: 2, bytes: 140 });
  const mail = decide(created, packet({ from: virtual, to: server, destinationPort: 25 }));
  assert.equal(mail.reason, 'policy-discard');
  assert.deepEqual(created.counters.read('no-mail'), { packets: 1, bytes: 40 });
  const elsewhere = decide(created, packet({ from: link, to: '203.0.113.1' }));
  assert.equal(elsewhere.action, 'BYPASS');
  assert.equal(created.counters.read('outside')?.packets, 1);
});

test('a packet decided again, once its SA is there, counts once', () => {
  const created = standard();
  const verdict = decide(created, packet({ from: virtual, to: server }));
  created.filter.decideOutbound(packet({ from: virtual, to: server }), 1, verdict, false);
  assert.equal(verdict.action, 'PROTECT');
  assert.equal(created.counters.read('office')?.packets, 1);
});

for (const protocol of ['tcp', 'udp', 'echo'] as const) {
  test(`a real source is translated to the virtual one for PROTECT, and answers back (${protocol})`, () => {
    const created = standard();
    const view = packet({ from: link, to: server, protocol, identifier: 9 });
    const verdict = decide(created, view);
    assert.equal(verdict.translate, true);
    assert.deepEqual(addressesOf(view), [link, server], 'not before it leaves');
    created.filter.translate(view, verdict, checksumState.complete);
    assert.deepEqual(addressesOf(view), [virtual, server]);
    assert.equal(verifyHeaderChecksum(memory, view.offset), true);
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    const answer = packet({
      from: server,
      to: virtual,
      protocol: protocol === 'echo' ? 'reply' : protocol,
      identifier: 9,
      sourcePort: 443,
      destinationPort: 40_000,
    });
    assert.equal(checkInner(created.filter, answer, 1, everything, 10, verdict), undefined);
    assert.equal(verdict.translate, true);
    created.filter.translate(answer, verdict, checksumState.complete);
    assert.deepEqual(addressesOf(answer), [server, link]);
    assert.equal(verifyTransportChecksum(kernel, memory, answer), true);
  });
}

test('the virtual source is translated to the link’s for BYPASS, and answers back (IPv6 too)', () => {
  for (const [from, to, linkAddress] of [
    [virtual, web, link],
    ['fd00::2', '2001:db8::7', '2001:db8:1::20'],
  ] as const) {
    const created = standard();
    const view = packet({ from, to, protocol: 'udp' });
    const verdict = decide(created, view);
    created.filter.translate(view, verdict, checksumState.complete);
    assert.deepEqual(addressesOf(view), addressesOf(packet({ from: linkAddress, to, at: 5000 })));
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    const answer = packet({
      from: to,
      to: linkAddress,
      protocol: 'udp',
      sourcePort: 443,
      destinationPort: 40_000,
    });
    assert.equal(checkClear(created.filter, answer, 10, verdict), undefined);
    created.filter.translate(answer, verdict, checksumState.complete);
    assert.deepEqual(addressesOf(answer), addressesOf(packet({ from: to, to: from, at: 5000 })));
    assert.equal(verifyTransportChecksum(kernel, memory, answer), true);
  }
});

test('a source that fits is left alone', () => {
  const created = standard();
  assert.equal(decide(created, packet({ from: virtual, to: server })).translate, false);
  assert.equal(decide(created, packet({ from: link, to: web })).translate, false);
  created.filter.setTranslation({});
  assert.equal(decide(created, packet({ from: link, to: server })).translate, false);
});

test('BYPASS from the virtual source without a link is dropped, and works once there is one', () => {
  const created = standard();
  created.filter.setTranslation({ virtual4: address(virtual) });
  assert.equal(decide(created, packet({ from: virtual, to: web })).reason, 'no-bypass-link');
  assert.equal(created.filter.flowCount, 0);
  created.filter.setTranslation({ virtual4: address(virtual), link4: address(link) });
  const verdict = decide(created, packet({ from: virtual, to: web }));
  assert.deepEqual([verdict.reason, verdict.translate], [undefined, true]);
});

test('two flows that would look alike on the wire get different ports', () => {
  const created = standard();
  const verdicts = [virtual, link, '192.168.1.21', '192.168.1.22'].map((from) => {
    const view = packet({ from, to: server, protocol: 'udp' });
    const verdict = decide(created, view);
    created.filter.translate(view, verdict, checksumState.complete);
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    return { from, port: view.sourcePort, source: addressesOf(view)[0] };
  });
  assert.deepEqual(
    verdicts.map(({ source }) => source),
    Array(4).fill(virtual),
  );
  assert.equal(new Set(verdicts.map(({ port }) => port)).size, 4);
  assert.equal(verdicts[0]?.port, 40_000);
  for (const { from, port } of verdicts) {
    const answer = packet({
      from: server,
      to: virtual,
      protocol: 'udp',
      sourcePort: 443,
      destinationPort: port,
    });
    const verdict = new Verdict();
    assert.equal(checkInner(created.filter, answer, 1, everything, 5, verdict), undefined);
    created.filter.translate(answer, verdict, checksumState.complete);
    assert.deepEqual([addressesOf(answer)[1], answer.destinationPort], [from, 40_000]);
    assert.equal(verifyTransportChecksum(kernel, memory, answer), true);
  }
});

test('two pings with one identifier get different identifiers, GRE simply moves on', () => {
  const created = standard();
  const identifiers = [virtual, link].map((from) => {
    const view = packet({ from, to: server, protocol: 'echo', identifier: 5 });
    created.filter.translate(view, decide(created, view), checksumState.complete);
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    return view.icmpIdentifier;
  });
  assert.notEqual(identifiers[0], identifiers[1]);
  for (const from of [virtual, link]) {
    assert.equal(decide(created, packet({ from, to: server, protocol: 47 })).reason, undefined);
  }
});

test('an ICMP error about a translated flow reaches the terminal as about its own packet', () => {
  const created = standard();
  const sent = packet({ from: virtual, to: web, protocol: 'udp', payload: new Uint8Array(50), at: 2000 });
  const verdict = decide(created, sent);
  created.filter.translate(sent, verdict, checksumState.complete);
  // A router on the way, which is not the web server, answers the packet as it was on the wire.
  const length = buildIcmpError(memory, kernel, sent, 'no-route', 0, 4000);
  const error = parseAt(4000, length);
  assert.equal(checkClear(created.filter, error, 10, verdict), undefined);
  created.filter.translate(error, verdict, checksumState.complete);
  assert.deepEqual(addressesOf(error), [web, virtual]);
  assert.equal(verifyTransportChecksum(kernel, memory, error), true);
  const quoted = parseAt(4028, length - 28);
  assert.deepEqual(addressesOf(quoted), [virtual, web]);
  assert.equal(verifyHeaderChecksum(memory, 4028), true);
  // The same from nowhere, about a packet that was never sent, is not for the terminal.
  const strange = packet({ from: link, to: web, protocol: 'udp', sourcePort: 555, at: 2000 });
  const strangeError = parseAt(4000, buildIcmpError(memory, kernel, strange, 'no-route', 0, 4000));
  assert.equal(checkClear(created.filter, strangeError, 10, verdict), 'unsolicited');
});

test('an ICMP error that the terminal sends follows the flow that it is about', () => {
  const created = standard();
  const view = packet({ from: link, to: server, protocol: 'udp' });
  created.filter.translate(view, decide(created, view), checksumState.complete);
  const verdict = new Verdict();
  const answer = packet({
    from: server,
    to: virtual,
    protocol: 'udp',
    sourcePort: 443,
    destinationPort: 40_000,
  });
  checkInner(created.filter, answer, 1, everything, 1, verdict);
  created.filter.translate(answer, verdict, checksumState.complete);
  const error = parseAt(4000, buildIcmpError(memory, kernel, answer, 'prohibited', 0, 4000));
  assert.deepEqual(addressesOf(error), [link, server]);
  const errorVerdict = decide(created, error, 2);
  assert.equal(errorVerdict.action, 'PROTECT');
  created.filter.translate(error, errorVerdict, checksumState.complete);
  assert.deepEqual(addressesOf(error), [virtual, server]);
  assert.deepEqual(addressesOf(parseAt(4028, error.length - 28)), [server, virtual]);
  assert.equal(verifyTransportChecksum(kernel, memory, error), true);
});

test('flows live on over a new table that says the same, and counters with them', () => {
  const created = standard();
  const before = decide(created, packet({ from: link, to: server, protocol: 'udp' }));
  const bypassed = decide(created, packet({ from: link, to: web, protocol: 'udp' }));
  created.filter.setPolicy(
    table([
      row('BYPASS', { id: 'new', remote: '203.0.113.0/24' }),
      row('PROTECT', { id: 'office', remote: '10.0.0.0/8' }),
    ]),
  );
  const after = decide(created, packet({ from: link, to: server, protocol: 'udp' }), 1);
  assert.deepEqual([after.flow, after.row, after.translate], [before.flow, 1, true]);
  assert.equal(created.counters.read('office')?.packets, 2);
  assert.equal(created.counters.read('web'), undefined);
  // An answer, too, finds its flow under the new table.
  const verdict = new Verdict();
  const answer = packet({ from: web, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 40_000 });
  assert.equal(checkClear(created.filter, answer, 1, verdict), undefined);
  assert.equal(verdict.flow, bypassed.flow);
});

test('a flow whose verdict changed is decided anew, in either direction', () => {
  const created = standard();
  decide(created, packet({ from: link, to: web, protocol: 'udp' }));
  created.filter.setPolicy(table([row('DISCARD', { id: 'shut', remote: '198.51.100.0/24' })]));
  const verdict = new Verdict();
  const answer = packet({ from: web, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 40_000 });
  assert.equal(checkClear(created.filter, answer, 1, verdict), 'policy-discard');
  assert.equal(decide(created, packet({ from: link, to: web, protocol: 'udp' })).reason, 'policy-discard');
  created.filter.setPolicy(table([row('PROTECT', { association: 4 })]));
  const protectedNow = decide(created, packet({ from: link, to: web, protocol: 'udp' }));
  assert.deepEqual([protectedNow.action, protectedNow.association], ['PROTECT', 4]);
});

test('a flow follows the virtual address and the link when they change', () => {
  const created = standard();
  decide(created, packet({ from: virtual, to: web, protocol: 'udp' }));
  created.filter.setTranslation({ virtual4: address(virtual), link4: address('172.16.0.5') });
  const view = packet({ from: virtual, to: web, protocol: 'udp' });
  created.filter.translate(view, decide(created, view), checksumState.complete);
  assert.deepEqual(addressesOf(view), ['172.16.0.5', web]);
  const verdict = new Verdict();
  const stale = packet({ from: web, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 40_000 });
  assert.equal(checkClear(created.filter, stale, 1, verdict), 'unsolicited');
  assert.equal(created.filter.flowCount, 1);
});

/** A fragment of a UDP packet; `offset` in units of 8 bytes. */
function fragment(
  from: string,
  to: string,
  id: number,
  offset: number,
  more: boolean,
  destinationPort = 443,
): PacketView {
  const whole = packet({ from, to, protocol: 'udp', destinationPort, payload: new Uint8Array(64) });
  memory.view.setUint16(whole.offset + 4, id);
  memory.view.setUint16(whole.offset + 6, offset | (more ? 0x2000 : 0));
  writeHeaderChecksum(memory, whole.offset);
  return parseAt(whole.offset, whole.length);
}

test('fragments follow their first fragment, also through translation', () => {
  const created = createFilter(
    table([
      row('DISCARD', { protocol: 17, remotePorts: 53 }),
      row('PROTECT', { remote: '10.1.0.0/16', protocol: 17, remotePorts: 443 }),
      row('BYPASS', { remote: '10.0.0.0/8' }),
    ]),
  );
  created.filter.setTranslation({ virtual4: address(virtual), link4: address(link) });
  assert.equal(decide(created, fragment(link, server, 7, 9, true)).reason, 'fragment-without-first');
  const first = fragment(link, server, 7, 0, true);
  const verdict = decide(created, first);
  assert.deepEqual([verdict.action, verdict.translate], ['PROTECT', true]);
  const later = fragment(link, server, 7, 9, false);
  const laterVerdict = decide(created, later);
  assert.deepEqual(
    [laterVerdict.action, laterVerdict.association, laterVerdict.translate],
    ['PROTECT', 1, true],
  );
  created.filter.translate(later, laterVerdict, checksumState.complete);
  assert.deepEqual(addressesOf(later), [virtual, server]);
  assert.equal(verifyHeaderChecksum(memory, later.offset), true);
  assert.equal(
    decide(created, fragment(link, server, 8, 9, false)).reason,
    'fragment-without-first',
    'another packet',
  );
  assert.equal(decide(created, fragment(link, server, 9, 0, true, 53)).reason, 'policy-discard');
  assert.equal(decide(created, fragment(link, server, 9, 9, false)).reason, 'policy-discard');
  // Late ones, and those from before a new table, have no first any more.
  assert.equal(
    decide(created, fragment(link, server, 7, 20, false), 10_001).reason,
    'fragment-without-first',
  );
  decide(created, fragment(link, server, 10, 0, true));
  created.filter.setPolicy(created.filter.cache.policy.table);
  assert.equal(decide(created, fragment(link, server, 10, 9, false)).reason, 'fragment-without-first');
});

test('a fragment alone passes where no port could matter', () => {
  const created = createFilter(
    table([row('PROTECT', { protocol: 6, remotePorts: 443 }), row('BYPASS', { remote: '198.51.100.0/24' })]),
  );
  assert.equal(decide(created, fragment(link, web, 7, 9, true)).action, 'BYPASS');
});

test('the fragment table is bounded and makes room when entries are old', () => {
  const created = createFilter(table([row('BYPASS', { protocol: 17, remotePorts: 443 })]), {
    fragmentCapacity: 64,
  });
  const reasons = (now: number): (string | undefined)[] =>
    Array.from(
      { length: 400 },
      (_, id) => decide(created, fragment(link, web, id + now, 0, true), now).reason,
    );
  assert(reasons(0).includes('fragment-table-full'));
  assert.equal(reasons(20_000)[0], undefined);
});

test('a SYN begins a new flow where the old connection was closing', () => {
  const created = standard();
  const tcp = (flags: number, now: number) => decide(created, packet({ from: link, to: web, flags }), now);
  tcp(tcpFlag.syn, 0);
  tcp(tcpFlag.fin | tcpFlag.ack, 1000);
  tcp(tcpFlag.syn, 2000);
  tcp(tcpFlag.ack, 3000);
  assert.equal(created.filter.cache.flows.isClosing(tcp(tcpFlag.ack, 4000).flow), false);
  assert.equal(created.filter.flowCount, 1);
});

test('many flows are bounded, and the newest still work', () => {
  const created = createFilter(table([row('BYPASS')]), { flowCapacity: 256 });
  for (let port = 1; port <= 5000; port += 1) {
    decide(created, packet({ from: link, to: web, protocol: 'udp', sourcePort: port }), port);
  }
  assert.equal(created.filter.flowCount, 256);
  const verdict = new Verdict();
  const answer = packet({ from: web, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 5000 });
  assert.equal(checkClear(created.filter, answer, 5001, verdict), undefined);
  created.filter.expireFlows(5001 + 180_001, 256);
  assert.equal(created.filter.flowCount, 0);
});

test('the other side cannot begin under the name of a flow whose port was moved', () => {
  const created = standard();
  decide(created, packet({ from: link, to: server, protocol: 'udp' }));
  const moved = decide(created, packet({ from: virtual, to: server, protocol: 'udp' }));
  assert.equal(moved.translate, true);
  const verdict = new Verdict();
  const shut = packet({
    from: server,
    to: '10.9.0.3',
    protocol: 'udp',
    sourcePort: 443,
    destinationPort: 40_000,
  });
  assert.equal(checkInner(created.filter, shut, 1, everything, 1, verdict), undefined);
  const before = created.filter.flowCount;
  // The wire's side 192.168.1.20:40000 is free, but the terminal's side of that name is a flow already.
  const same = packet({ from: server, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 40_000 });
  assert.equal(checkInner(created.filter, same, 1, everything, 1, verdict), undefined);
  assert.deepEqual([verdict.flow, created.filter.flowCount], [noFlow, before]);
  const again = decide(created, packet({ from: link, to: server, protocol: 'udp' }));
  assert.equal(again.translate, true, 'the flow that was there is still there');
});

test('an ICMP error follows its flow where the table alone would say something else', () => {
  const created = createFilter(
    table([
      row('PROTECT', { remote: '10.1.0.0/16', protocol: 17, remotePorts: 443 }),
      row('DISCARD', { protocol: 1 }),
    ]),
  );
  const verdict = new Verdict();
  const received = packet({
    from: server,
    to: virtual,
    protocol: 'udp',
    sourcePort: 443,
    destinationPort: 40_000,
  });
  assert.equal(checkInner(created.filter, received, 1, everything, 1, verdict), undefined);
  const error = parseAt(4000, buildIcmpError(memory, kernel, received, 'prohibited', 0, 4000));
  assert.deepEqual([decide(created, error).action, decide(created, error).reason], ['PROTECT', undefined]);
  const other = packet({
    from: server,
    to: virtual,
    protocol: 'udp',
    sourcePort: 444,
    destinationPort: 40_000,
  });
  const strange = parseAt(4000, buildIcmpError(memory, kernel, other, 'prohibited', 0, 4000));
  assert.equal(decide(created, strange).reason, 'policy-discard');
});

test('an ICMP error that quotes a SYN does not end the flow that it is about', () => {
  const created = standard();
  decide(created, packet({ from: link, to: web, flags: tcpFlag.fin | tcpFlag.ack }));
  const syn = packet({ from: link, to: web, flags: tcpFlag.syn });
  const error = parseAt(4000, buildIcmpError(memory, kernel, syn, 'no-route', 0, 4000));
  const verdict = new Verdict();
  assert.equal(checkClear(created.filter, error, 1, verdict), undefined);
  assert.equal(created.filter.flowCount, 1);
});

test('a flow without ports does not match a row for port 0 when it is looked at again', () => {
  const rows = [row('DISCARD', { remotePorts: [{ first: 0, last: 99 }] }), row('BYPASS')];
  const created = createFilter(table(rows));
  const view = packet({ from: link, to: web, protocol: 47 });
  decide(created, view);
  created.filter.setPolicy(table(rows));
  const answer = packet({ from: web, to: link, protocol: 47 });
  assert.equal(checkClear(created.filter, answer, 1, new Verdict()), undefined);
});
