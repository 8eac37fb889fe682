// A process of the tests of the desktop app, in namespaces of its own: the demo's gateway and office, and a laptop with
// the real service. Arguments: a directory for the sockets, the group that may connect, the secret. Messages out:
// 'ready', then one answer for each request.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { frameKinds, sealedKinds } from '../../build/demo/frame-kind.ts';
import { endHelpers, Laptop, Sniffer, startServers } from '../../build/demo/helpers.ts';
import { buildStage, inNamespace } from '../../build/demo/namespaces.ts';
import { gatewayProfile, laptopProfile, officeAddress, officeNetwork } from '../../build/demo/profiles.ts';
import { type RunningService, startWithProfile } from '../../build/demo/running-service.ts';

/** 5 pings into the office: how many were answered, and what a sniffer at the laptop's wire saw since the start. */
export interface PingReport {
  readonly answered: number;
  readonly sealedFrames: number;
  readonly readableFrames: number;
}

/** What the office can be asked; each is answered when it is done. */
export type OfficeRequest =
  | { readonly type: 'ping' }
  /** Crashes it, or starts it anew. */
  | { readonly type: 'kill' | 'start'; readonly who: 'gateway' | 'laptop' }
  /** The laptop's service stands still, and its clock then says that it slept so long. */
  | { readonly type: 'sleep'; readonly milliseconds: number }
  /** Starts small UDP packets from the laptop at that rate, until the next flood; 0 ends it. */
  | { readonly type: 'flood'; readonly destination: string; readonly packetsPerSecond: number }
  | { readonly type: 'process-id' };

/** Behind the same gateway, for a second connection. */
export const warehouseNetwork = '10.21.0.0/24';

const [directory, controlGroup, secret] = process.argv.slice(2) as [string, string, string];
const sleepPreload = fileURLToPath(new URL('../interop/lab/scripts/sleep-preload.ts', import.meta.url));
const sleptFile = join(directory, 'slept');
const services: { gateway?: RunningService; laptop?: RunningService } = {};
let slept = 0;
let flooding: ChildProcess | undefined;

buildStage(directory);
writeFileSync(sleptFile, '0');
// A gateway that is gone says nothing at all, as a computer that is switched off.
for (const rule of [
  'add table inet silent',
  'add chain inet silent output { type filter hook output priority 0; }',
  'add rule inet silent output icmp type destination-unreachable drop',
]) {
  execFileSync('ip', ['netns', 'exec', 'gateway', 'nft', rule]);
}
await startServers(officeAddress);
await startGateway();
await startLaptop();
const sniffer = await Sniffer.start('laptop', 'wire');
const laptop = new Laptop();

process.on('message', async (request: OfficeRequest) => {
  process.send?.((await carryOut(request)) ?? 'done');
});
process.on('disconnect', async () => {
  flooding?.kill();
  await services.laptop?.stop();
  await services.gateway?.stop();
  await endHelpers();
  process.exit(0);
});
process.send?.('ready');

async function carryOut(request: OfficeRequest): Promise<PingReport | number | undefined> {
  switch (request.type) {
    case 'ping':
      return await ping();
    case 'kill':
      await services[request.who]?.kill();
      return undefined;
    case 'start':
      await (request.who === 'gateway' ? startGateway() : startLaptop());
      return undefined;
    case 'sleep': {
      const { processId } = services.laptop!;
      process.kill(processId, 'SIGSTOP');
      slept += request.milliseconds;
      writeFileSync(sleptFile, String(slept));
      process.kill(processId, 'SIGCONT');
      return undefined;
    }
    case 'flood':
      await flood(request.destination, request.packetsPerSecond);
      return undefined;
    case 'process-id':
      return services.laptop!.processId;
  }
}

async function ping(): Promise<PingReport> {
  const { received } = await laptop.ping(officeAddress, 5);
  const { frames } = await sniffer.report();
  const readable = frameKinds.filter((kind) => !sealedKinds.includes(kind));
  return {
    answered: received,
    sealedFrames: frames.ESP,
    readableFrames: readable.reduce((sum, kind) => sum + frames[kind], 0),
  };
}

async function flood(destination: string, packetsPerSecond: number): Promise<void> {
  if (flooding !== undefined) {
    const ended = once(flooding, 'exit');
    flooding.kill();
    await ended;
    flooding = undefined;
  }
  if (packetsPerSecond === 0) return;
  const script = fileURLToPath(new URL('../bench/flood.py', import.meta.url));
  const words = [...inNamespace('laptop'), 'python3', script, destination, String(packetsPerSecond)];
  flooding = spawn(words[0]!, words.slice(1), { stdio: 'inherit' });
}

async function startGateway(): Promise<void> {
  const both = gatewayProfile.replace(
    `networks = ["${officeNetwork}"]`,
    `networks = ["${officeNetwork}", "${warehouseNetwork}"]`,
  );
  services.gateway = await startWithProfile(directory, 'gateway', both, secret);
  await services.gateway.client.call('connection.up', { profile: 'gateway', wait: true });
}

/** With a clock that sleeps when it is told to. */
async function startLaptop(): Promise<void> {
  process.env.SEALNIC_TEST_SLEPT = sleptFile;
  process.env.NODE_OPTIONS = `--import ${sleepPreload}`;
  try {
    services.laptop = await startWithProfile(directory, 'laptop', laptopProfile, secret, { controlGroup });
  } finally {
    delete process.env.SEALNIC_TEST_SLEPT;
    delete process.env.NODE_OPTIONS;
  }
}
