// A process of the tray's test, in namespaces of its own: the demo's gateway and office, and a laptop with the real
// service. Arguments: a directory for the sockets, the group that may connect, the secret. Messages out: 'ready', then for each
// message in how many of 5 pings through the tunnel were answered and how many frames a sniffer could read.

import { frameKinds, sealedKinds } from '../../build/demo/frame-kind.ts';
import { endHelpers, Laptop, Sniffer, startServers } from '../../build/demo/helpers.ts';
import { buildStage } from '../../build/demo/namespaces.ts';
import { gatewayProfile, laptopProfile, officeAddress } from '../../build/demo/profiles.ts';
import { startWithProfile } from '../../build/demo/running-service.ts';

export interface PingReport {
  readonly answered: number;
  readonly sealedFrames: number;
  readonly readableFrames: number;
}

const [directory, controlGroup, secret] = process.argv.slice(2) as [string, string, string];

buildStage(directory);
await startServers(officeAddress);
const gateway = await startWithProfile(directory, 'gateway', gatewayProfile, secret);
await gateway.client.call('connection.up', { profile: 'gateway', wait: true });
const service = await startWithProfile(directory, 'laptop', laptopProfile, secret, { controlGroup });
const sniffer = await Sniffer.start('laptop', 'wire');
const laptop = new Laptop();

process.on('message', async () => {
  const { received } = await laptop.ping(officeAddress, 5);
  const { frames } = await sniffer.report();
  const readable = frameKinds.filter((kind) => !sealedKinds.includes(kind));
  process.send?.({
    answered: received,
    sealedFrames: frames.ESP,
    readableFrames: readable.reduce((sum, kind) => sum + frames[kind], 0),
  } satisfies PingReport);
});
process.on('disconnect', async () => {
  await service.stop();
  await gateway.stop();
  await endHelpers();
  process.exit(0);
});
process.send?.('ready');
