import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClear, checkInner } from '../../../main/engine/inbound/check.ts';
import { checksumState } from '../../../main/engine/packet/batch.ts';
import { verifyHeaderChecksum, verifyTransportChecksum } from '../../../main/engine/packet/checksum.ts';
import { buildIcmpError } from '../../../main/engine/packet/icmp.ts';
import { tcpFlag } from '../../../main/engine/packet/view.ts';
import { noFlow } from '../../../main/engine/policy/flow-table.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { address, kernel, memory, parseAt } from '../packet/packets.ts';
import { addressesOf, decide, everything, link, server, standard, virtual, web } from './standard-filter.ts';
import { createFilter, packet, row, sources, table } from './tables.ts';

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
  created.filter.setTranslation({ virtual: sources(virtual) });
  assert.equal(decide(created, packet({ from: virtual, to: web })).reason, 'no-bypass-link');
  assert.equal(created.filter.flowCount, 0);
  created.filter.setTranslation({ virtual: sources(virtual), link4: address(link) });
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

test('a flow follows the virtual address and the link when they change', () => {
  const created = standard();
  decide(created, packet({ from: virtual, to: web, protocol: 'udp' }));
  created.filter.setTranslation({ virtual: sources(virtual), link4: address('172.16.0.5') });
  const view = packet({ from: virtual, to: web, protocol: 'udp' });
  created.filter.translate(view, decide(created, view), checksumState.complete);
  assert.deepEqual(addressesOf(view), ['172.16.0.5', web]);
  const verdict = new Verdict();
  const stale = packet({ from: web, to: link, protocol: 'udp', sourcePort: 443, destinationPort: 40_000 });
  assert.equal(checkClear(created.filter, stale, 1, verdict), 'unsolicited');
  assert.equal(created.filter.flowCount, 1);
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

test('each association has its own virtual source, and one without takes the link in place of another’s', () => {
  const home = '10.8.0.3';
  const created = createFilter(
    table([
      row('PROTECT', { remote: '10.1.0.0/16', association: 1 }),
      row('PROTECT', { remote: '10.2.0.0/16', association: 2 }),
      row('PROTECT', { remote: '10.3.0.0/16', association: 3 }),
    ]),
  );
  created.filter.setTranslation({
    virtual: [...sources(virtual, 1), ...sources(home, 2)],
    link4: address(link),
  });
  const leavesFrom = (from: string, to: string) => {
    const view = packet({ from, to, protocol: 'udp' });
    const verdict = decide(created, view);
    created.filter.translate(view, verdict, checksumState.complete);
    assert.equal(verifyTransportChecksum(kernel, memory, view), true);
    return [verdict.association, addressesOf(view)[0]];
  };
  for (const from of [virtual, home, link]) {
    assert.deepEqual(leavesFrom(from, '10.1.0.80'), [1, virtual], `${from} to the first`);
    assert.deepEqual(leavesFrom(from, '10.2.0.80'), [2, home], `${from} to the second`);
    assert.deepEqual(leavesFrom(from, '10.3.0.80'), [3, link], `${from} to the third`);
    assert.deepEqual(leavesFrom(from, web), [0, link], `${from} outside`);
  }
});

test('another connection that comes or goes leaves the flows of the first as they are', () => {
  const created = standard();
  const view = packet({ from: link, to: server, protocol: 'udp' });
  const { flow } = decide(created, view);
  created.filter.setTranslation({
    virtual: [...sources(virtual), ...sources('10.8.0.3', 2)],
    link4: address(link),
  });
  assert.equal(decide(created, packet({ from: link, to: server, protocol: 'udp' })).flow, flow);
  created.filter.setTranslation({ virtual: sources(virtual), link4: address(link) });
  assert.equal(decide(created, packet({ from: link, to: server, protocol: 'udp' })).flow, flow);
});
