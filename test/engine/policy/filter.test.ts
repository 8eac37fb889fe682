import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClear, checkInner } from '../../../main/engine/inbound/check.ts';
import { checksumState } from '../../../main/engine/packet/batch.ts';
import { verifyHeaderChecksum, writeHeaderChecksum } from '../../../main/engine/packet/checksum.ts';
import { type PacketView, tcpFlag } from '../../../main/engine/packet/view.ts';
import { RowCounters } from '../../../main/engine/policy/counters.ts';
import { PacketFilter } from '../../../main/engine/policy/filter.ts';
import { noFlow } from '../../../main/engine/policy/flow-table.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { address, kernel, memory, parseAt } from '../packet/packets.ts';
import { addressesOf, decide, everything, link, server, standard, virtual, web } from './standard-filter.ts';
import { createFilter, packet, row, sources, table } from './tables.ts';

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
  created.filter.setTranslation({ virtual: sources(virtual, 1, 4), link4: address(link) });
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

test('a flow without ports does not match a row for port 0 when it is looked at again', () => {
  const rows = [row('DISCARD', { remotePorts: [{ first: 0, last: 99 }] }), row('BYPASS')];
  const created = createFilter(table(rows));
  const view = packet({ from: link, to: web, protocol: 47 });
  decide(created, view);
  created.filter.setPolicy(table(rows));
  const answer = packet({ from: web, to: link, protocol: 47 });
  assert.equal(checkClear(created.filter, answer, 1, new Verdict()), undefined);
});
