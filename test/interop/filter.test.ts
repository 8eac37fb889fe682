// One host behind the gateway and beside it: port 443 sealed, port 80 in the clear, port 25 dropped, by counter and by
// sniffer; and what nobody asked for dies.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FilterRow } from '../../main/control/values.ts';
import type { Frame } from './lab/capture.ts';
import { takeSnapshot } from './lab/office.ts';
import { skipUnless } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { fetchPage, ping, transfer } from './lab/traffic.ts';

const rows = [
  ['443', 'PROTECT'],
  ['80', 'BYPASS'],
  ['25', 'DISCARD'],
].flatMap(([port, action]) => [
  '[[filter]]',
  'destination = "10.1.0.2"',
  'protocol = "tcp"',
  `destination_ports = "${port}"`,
  `action = "${action}"`,
]);

describe('the filter in front of strongSwan', { skip: skipUnless() }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
    await stage.prepare({ profile: { end: rows } });
  });
  after(async () => await stage?.close());

  test('443 is sealed, 80 passes in the clear, 25 is dropped', async () => {
    const { terminal, hostAddress } = stage.office;
    const before = await takeSnapshot(terminal);
    await stage.client.up('office');
    try {
      for (const port of [443, 80, 25]) {
        const rowsBefore = await stage.client.filterRows();
        const sniffer = await stage.sniff();
        const page = await fetchPage(terminal, hostAddress, port);
        const frames = await sniffer.stop();
        const [sealed, clear] = [countSealed(frames), countClear(frames, port)];
        assert.equal(page, port === 25 ? undefined : `served on port ${port}\n`);
        if (port === 443) assert.ok(sealed >= 6 && clear === 0, `443: ${sealed} sealed, ${clear} clear`);
        if (port === 80) assert.ok(clear >= 6 && sealed === 0, `80: ${sealed} sealed, ${clear} clear`);
        if (port === 25) assert.ok(clear === 0 && sealed === 0, `25: ${sealed} sealed, ${clear} clear`);
        const hits = hitsOf(await stage.client.filterRows(), port) - hitsOf(rowsBefore, port);
        assert.ok(hits >= 1, `the row of port ${port} counted ${hits} packets`);
      }
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
    await stage.assertAsBefore(before);
  });

  test('the rest of the prefix is sealed', async () => {
    const { terminal, hostAddress } = stage.office;
    await stage.client.up('office');
    try {
      const sniffer = await stage.sniff();
      await ping(terminal, hostAddress);
      await transfer(terminal, 'GET', hostAddress, 1_000_000);
      const frames = await sniffer.stop();
      assert.equal(frames.filter((frame) => frame.kind === 'clear').length, 0);
      assert.ok(countSealed(frames) > 100);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
  });

  test('large bypassed transfers pass both ways', async () => {
    const bypass = [
      '[[filter]]',
      'destination = "10.1.0.2"',
      'protocol = "tcp"',
      'destination_ports = "5001"',
      'action = "BYPASS"',
    ];
    await stage.prepare({ profile: { end: [...bypass, ...rows] } });
    await stage.client.up('office');
    try {
      await transfer(stage.office.terminal, 'GET', stage.office.hostAddress, 5_000_000);
      await transfer(stage.office.terminal, 'PUT', stage.office.hostAddress, 5_000_000);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
      await stage.prepare({ profile: { end: rows } });
    }
  });

  test('an unsolicited SYN on the link dies', async () => {
    const { terminal, host, terminalAddress } = stage.office;
    const server = terminal.start([
      ...[process.execPath, '-e'],
      "require('node:http').createServer((q, a) => a.end('open')).listen(8088, () => console.log('ready'))",
    ]);
    await server.says('ready');
    await stage.client.up('office');
    try {
      assert.equal(await fetchPage(host, terminalAddress, 8088), undefined, 'while the tunnel is up');
      const explained = await stage.client.run(['filter', 'explain', '10.1.0.2', '--port', '25', '--json']);
      assert.match(explained, /DISCARD/);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
    assert.equal(await fetchPage(host, terminalAddress, 8088), 'open', 'with the tunnel off it is served');
    await server.stop();
  });

  test('rows of the user’s own come first and act at once', async () => {
    const { terminal, hostAddress } = stage.office;
    await stage.client.up('office');
    try {
      assert.equal(await fetchPage(terminal, hostAddress, 8080), 'served on port 8080\n');
      const answer = await stage.client.run([
        ...['filter', 'add', 'DISCARD', '--to', hostAddress, '--protocol', 'tcp', '--port', '8080', '--json'],
      ]);
      const { id } = JSON.parse(answer) as { id: string };
      assert.equal(await fetchPage(terminal, hostAddress, 8080), undefined);
      await stage.client.run(['filter', 'remove', id]);
      assert.equal(await fetchPage(terminal, hostAddress, 8080), 'served on port 8080\n');
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.client.down('office');
    }
  });
});

function countSealed(frames: readonly Frame[]): number {
  return frames.filter((frame) => frame.kind === 'esp-in-udp').length;
}

function countClear(frames: readonly Frame[], port: number): number {
  return frames.filter(
    (frame) => frame.kind === 'clear' && (frame.sourcePort === port || frame.destinationPort === port),
  ).length;
}

function hitsOf(list: readonly FilterRow[], port: number): number {
  const row = list.find((each) => each.destinationPorts === String(port));
  assert.ok(row !== undefined, `no row for port ${port}: ${JSON.stringify(list)}`);
  return row.hits.packets;
}
