// The laboratory itself: without a tunnel everything passes and the sniffer sees it in the clear.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { countKinds } from './capture.ts';
import { type Office, openOffice, takeSnapshot } from './office.ts';
import { skipUnless } from './requirements.ts';
import { Sniffer } from './sniffer.ts';
import { exerciseTunnel, fetchPage, NumberedTraffic, startServers } from './traffic.ts';

describe('the laboratory without a tunnel', { skip: skipUnless([]) }, () => {
  for (const nat of [false, true]) {
    describe(nat ? 'behind a NAT router' : 'on one link', () => {
      let office: Office;
      before(async () => {
        office = await openOffice({ nat });
        await startServers(office.host);
      });
      after(async () => {
        await office?.lab.close();
        assert.equal(existsSync(office.lab.directory), false);
        assert.equal(existsSync(`/run/netns/${office.terminal.name}`), false);
      });

      test('traffic passes both ways and is seen in the clear', async () => {
        const before = await takeSnapshot(office.terminal);
        const sniffer = await Sniffer.start(office.link.namespace, office.link.interfaceName);
        await exerciseTunnel(office.terminal, office.hostAddress, 2);
        assert.equal(await fetchPage(office.terminal, office.hostAddress, 443), 'served on port 443\n');
        const frames = await sniffer.stop();
        const kinds = countKinds(frames);
        assert.ok((kinds.clear ?? 0) > 100, JSON.stringify(kinds));
        assert.equal(kinds['esp-in-udp'], undefined);
        assert.deepEqual(await takeSnapshot(office.terminal), before);
      });

      test('numbered datagrams: none is lost at 2,000 a second each way', async () => {
        const numbered = await NumberedTraffic.start(office.terminal, office.hostAddress);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const report = await numbered.stop();
        assert.ok(report.sent > 1500, JSON.stringify(report));
        assert.equal(report.outbound.lost + report.inbound.lost, 0, JSON.stringify(report));
      });
    });
  }
});
