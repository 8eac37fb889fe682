// Runs in node.exe: a data thread with keys set by hand, until the file of the last argument is there. Says what it opened,
// and in the end what it counted, one line of JSON each.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAddress } from '../../../main/engine/packet/address.ts';
import { DataThread } from '../../../main/service/data/proxy.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import { parametersFor, peer, protectTunnelNetwork } from '../../service/data/fixed-keys.ts';

const [adapterName = '', remoteAddress = '', remotePort = '', stopFile = ''] = process.argv.slice(2);
const localPort = 45_000;
const mtu = 1_400;

function say(what: string, value: unknown): void {
  console.log(JSON.stringify([what, value]));
}

const secrets = new SecretMemory();
const thread = await DataThread.start(
  {
    adapter: { name: adapterName, mtu },
    underlays: [{ port: localPort, family: 4, mark: 0, offload: true, plainIke: false }],
    bypassLinks: [],
  },
  secrets,
);
thread.on('warning', (text) => say('warning', text));
thread.on('failed', ({ message }) => say('failed', message));
// What arrives as IKE goes back, turned round.
thread.on('ike', (bytes, remote, local) => thread.sendIke(bytes.reverse(), remote, local, true));
const remote = { address: parseAddress(remoteAddress)!, port: Number(remotePort) };
thread.setPolicy(protectTunnelNetwork());
thread.setTunnelMtu(mtu);
thread.setPeer(peer, remote);
const keys = { algorithm: 'aes-128-gcm-16', encapsulation: 'udp' } as const;
thread.installInbound(parametersFor({ ...keys, spi: 0x2001 }, 2, secrets));
thread.installOutbound(parametersFor({ ...keys, spi: 0x2000 }, 1, secrets));
const local = await thread.localAddressTowards(remote);
say('opened', { ...thread.information, local: local && [...local.address.bytes, local.port] });
while (!existsSync(stopFile)) await delay(50);
const { totals, drops } = thread.snapshot();
await thread.stop();
say('ended', {
  keysLeft: secrets.liveCount,
  dropped: Object.entries(drops).filter(([, count]) => count !== 0),
  sendErrors: totals.sendErrors,
});
secrets.close();
