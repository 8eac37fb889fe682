// ESP without UDP, IP protocol 50, between two of our services. strongSwan cannot be the peer here: its user-space ESP
// (kernel-libipsec) exists in UDP only, and this kernel need not have an ESP of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { countKinds } from './lab/capture.ts';
import { officeSecret } from './lab/gateway.ts';
import { type Office, openOffice, takeSnapshot } from './lab/office.ts';
import { gatewayProfileText, type ProfileChoice, profileText } from './lab/profile.ts';
import { skipUnless } from './lab/requirements.ts';
import { SealNic } from './lab/sealnic.ts';
import { Sniffer } from './lab/sniffer.ts';
import { clearFrames } from './lab/stage.ts';
import { ping, startServers, transfer } from './lab/traffic.ts';

const fiveMegabytes = 5_000_000;

for (const nat of [false, true]) {
  describe(nat ? 'native ESP wished for, behind a NAT' : 'native ESP', { skip: skipUnless([]) }, () => {
    let office: Office;
    let gateway: SealNic;
    let client: SealNic;

    before(async () => {
      office = await openOffice({ nat });
      await startServers(office.host);
      gateway = await SealNic.start(office.gateway);
      await gateway.putSecret('office', 'psk', officeSecret);
      await gateway.importProfile('office', gatewayProfileText());
      await gateway.up('office');
      client = await SealNic.start(office.terminal);
      await client.putSecret('office', 'psk', officeSecret);
    });
    after(async () => {
      await client?.stop();
      await gateway?.stop();
      await office?.lab.close();
    });

    /** Connects, lets traffic pass both ways and disconnects; resolves to the kinds of frames that were on the link. */
    async function row(choice: Partial<ProfileChoice>, expected: 'udp' | 'native') {
      const { terminal, gatewayAddress, hostAddress, link } = office;
      const profile = { gatewayAddress, esp: ['encapsulation = "native"'], ...choice };
      await client.importProfile('office', profileText(profile));
      const before = await takeSnapshot(terminal);
      const sniffer = await Sniffer.start(link.namespace, link.interfaceName);
      try {
        const status = await client.up('office');
        assert.deepEqual([status.state, status.details?.espEncapsulation], ['connected', expected]);
        assert.equal(status.details?.mtu, expected === 'native' ? 1446 : 1438);
        await ping(terminal, hostAddress);
        await transfer(terminal, 'PUT', hostAddress, fiveMegabytes);
        await client.rekey('office', 'child');
        await client.rekey('office', 'ike');
        await transfer(terminal, 'GET', hostAddress, fiveMegabytes);
        const { drops } = await client.status();
        const dropped = Object.values(drops).reduce((sum, packets) => sum + packets, 0);
        assert.ok(dropped < 50, `ESP is taken for nothing else: ${JSON.stringify(drops)}`);
        await client.down('office');
      } catch (error) {
        await sniffer.stop();
        throw new Error(`${String(error)}\n${client.log().slice(-4000)}\n${gateway.log().slice(-4000)}`);
      }
      const frames = await sniffer.stop();
      assert.deepEqual(clearFrames(frames), [], 'nothing in the clear');
      assert.deepEqual(await takeSnapshot(terminal), before, 'the terminal is as it was');
      assert.equal(await terminal.shell('cat /proc/net/raw /proc/net/raw6 | grep -c :0032 || true'), '0\n');
      return countKinds(frames);
    }

    if (nat) {
      test('there UDP is agreed on, and used', async () => {
        const kinds = await row({}, 'udp');
        assert.equal(kinds.esp, undefined, JSON.stringify(kinds));
        assert.ok((kinds['esp-in-udp'] ?? 0) > 200, JSON.stringify(kinds));
      });
    } else {
      test('ping, 5 MB each way and rekeys as IP protocol 50, no ESP in UDP, a clean end', async () => {
        const kinds = await row({}, 'native');
        assert.equal(kinds['esp-in-udp'], undefined, JSON.stringify(kinds));
        assert.ok((kinds.esp ?? 0) > 7000, JSON.stringify(kinds));
        assert.ok((kinds.ike ?? 0) >= 8, JSON.stringify(kinds));
      });

      test('also where everything is protected, the gateway itself too, and the reverse path filter strict', async () => {
        for (const link of ['all', 'link']) {
          await office.terminal.shell(`echo 1 > /proc/sys/net/ipv4/conf/${link}/rp_filter`);
        }
        const kinds = await row({ networks: '["0.0.0.0/0"]' }, 'native');
        assert.equal(kinds['esp-in-udp'], undefined, JSON.stringify(kinds));
        assert.ok((kinds.esp ?? 0) > 7000, JSON.stringify(kinds));
      });
    }
  });
}
