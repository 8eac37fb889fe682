// tshark, with the keys that the gateway knows, reads what passed on the link and finds every integrity value correct. It
// needs no entry into our program: charon shows its keys in its log.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipUnless, strongSwanPrograms } from './lab/requirements.ts';
import { Stage } from './lab/stage.ts';
import { ping, transfer } from './lab/traffic.ts';
import { aesCbc256WithSha256, aesGcm256, type IkeAlgorithms, readWire } from './lab/wire-reader.ts';

const suites: readonly { name: string; proposal: string; algorithms: IkeAlgorithms }[] = [
  { name: 'IKE in AES-GCM', proposal: 'aes256gcm16-prfsha384-ecp256', algorithms: aesGcm256 },
  { name: 'IKE in AES-CBC with HMAC', proposal: 'aes256-sha256-curve25519', algorithms: aesCbc256WithSha256 },
];

describe('tshark reads the wire', { skip: skipUnless([...strongSwanPrograms, 'tshark']) }, () => {
  for (const { name, proposal, algorithms } of suites) {
    describe(name, () => {
      let stage: Stage;
      before(async () => {
        stage = await Stage.open({ keyLog: true });
        // One datagram in each frame: a capture shows what the segmentation offload would cut later.
        await stage.office.terminal.ip('link set dev link gso_max_segs 1');
        await stage.prepare({ gateway: { ikeProposals: proposal } });
      });
      after(async () => await stage?.close());

      test('every ESP and IKE packet is correct, also over rekeys; a changed bit is seen', async () => {
        const { terminal, hostAddress, lab } = stage.office;
        const sniffer = await stage.sniff(65_535);
        let virtualAddress = '';
        try {
          const status = await stage.client.up('office');
          virtualAddress = status.details?.virtualAddresses[0]?.split('/')[0] ?? '';
          await ping(terminal, hostAddress);
          await transfer(terminal, 'PUT', hostAddress, 500_000);
          await stage.client.rekey('office', 'ike');
          await pause(500);
          await stage.client.rekey('office', 'child');
          await pause(500);
          await transfer(terminal, 'GET', hostAddress, 500_000);
          await stage.gateway.rekeyChild('office');
          await pause(500);
          await ping(terminal, hostAddress);
          await stage.client.down('office');
        } catch (error) {
          throw stage.explained(error);
        }
        await sniffer.stop();
        const keys = readFileSync(stage.keyLogFile, 'utf8');
        const report = await readWire(sniffer.file, keys, lab.directory, algorithms);
        assert.deepEqual(
          [report.espBad, report.espUnread, report.ikeBad, report.ikeUnread],
          [0, 0, 0, 0],
          JSON.stringify(report),
        );
        assert.ok(report.espGood > 700, JSON.stringify(report));
        assert.ok(report.ikeGood >= 12, JSON.stringify(report));
        assert.ok(report.innerFlows.has(`${virtualAddress}>${hostAddress}`));
        assert.ok(report.innerFlows.has(`${hostAddress}>${virtualAddress}`));

        const changed = join(lab.directory, 'changed.pcap');
        writeFileSync(changed, changeLastBits(readFileSync(sniffer.file)));
        const changedReport = await readWire(changed, keys, lab.directory, algorithms);
        assert.equal(changedReport.espGood + changedReport.ikeGood, 0, JSON.stringify(changedReport));
        assert.equal(changedReport.espBad, report.espGood);
      });
    });
  }
});

/** One bit of every frame's last byte, which is part of the integrity value. */
function changeLastBits(capture: Buffer): Buffer {
  const changed = Buffer.from(capture);
  for (let at = 24; at + 16 <= changed.length; ) {
    const length = changed.readUInt32LE(at + 8);
    changed[at + 16 + length - 1]! ^= 1;
    at += 16 + length;
  }
  return changed;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
