// The demo inside its namespaces: the same traffic without and with the tunnel, watched by a sniffer on the wire.
import { randomBytes } from 'node:crypto';
import { wordsOf } from '../../main/cli/words.ts';
import type { ControlClient } from '../../main/control/client.ts';
import { ControlError } from '../../main/control/failure.ts';
import { type FrameKind, frameKinds, sealedKinds } from './frame-kind.ts';
import { endHelpers, Laptop, Sniffer, startServers } from './helpers.ts';
import { LiveView } from './live-view.ts';
import { buildStage, laptopState } from './namespaces.ts';
import { fileBytes, officeName } from './office.ts';
import { gatewayProfile, laptopProfile, officeAddress } from './profiles.ts';
import { startWithProfile } from './running-service.ts';
import { bytesText, countedText, countText, Screen } from './screen.ts';
import type { SnifferReport } from './sniffer.ts';
import type { TrafficResult } from './traffic.ts';

/** Tells it all and resolves to the exit code. */
export async function tellStory(): Promise<number> {
  const screen = new Screen();
  const start = performance.now();
  try {
    await perform(screen);
  } catch (error) {
    screen.result(false, 'the demo stopped', wordsOfError(error));
  } finally {
    await endHelpers();
  }
  const good = screen.failures === 0;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  screen.title(
    good ? `All of it was as promised, in ${seconds} s.` : `${screen.failures} of it was not as promised.`,
  );
  return good ? 0 : 1;
}

async function perform(screen: Screen): Promise<void> {
  screen.title('SealNIC demo');
  screen.text(
    'laptop 192.0.2.2  ────── the wire (a sniffer listens) ──────  192.0.2.1 gateway ── office 10.20.0.0/24',
  );
  const stage = buildStage();
  await startServers(officeAddress);
  const sniffer = await Sniffer.start('laptop', 'wire');
  const laptop = new Laptop();
  const before = laptopState();

  await withoutTunnel(screen, laptop, sniffer);

  screen.heading('Start: a service on the laptop, and one as the gateway');
  const secret = randomBytes(32).toString('base64url');
  const gateway = await startWithProfile(stage.directory, 'gateway', gatewayProfile, secret);
  await gateway.client.call('connection.up', { profile: 'gateway', wait: true });
  screen.result(true, 'gateway', 'our own IKEv2 responder waits on UDP ports 500 and 4500');
  const service = await startWithProfile(stage.directory, 'laptop', laptopProfile, secret);

  const quiet = await sniffer.report();
  await connect(screen, service.client);
  await throughTunnel(screen, laptop, sniffer, service.client);
  await explain(screen, service.client);
  await service.client.call('connection.down', { profile: 'office' });
  await onTheWire(screen, sniffer, quiet);
  screen.heading('After "sealnic down"');
  screen.result(
    laptopState() === before,
    'the laptop',
    'addresses, rules, routes, firewall and DNS are as they were before',
  );
  await service.stop();
  await gateway.stop();
}

async function withoutTunnel(screen: Screen, laptop: Laptop, sniffer: Sniffer): Promise<void> {
  screen.heading('Tunnel off: the office is reachable, and everyone on the wire reads along');
  const { received } = await laptop.ping(officeAddress, 3);
  screen.result(received === 3, 'ping', `${received} of 3 answered`);
  const page = await laptop.perform({ type: 'fetch', url: `http://${officeAddress}/` });
  screen.result(page.type === 'page' && page.status === 200, 'web page', textOf(page));
  const { frames, readable } = await sniffer.report();
  screen.result(frames.ICMP > 0 && frames.TCP > 0, 'the sniffer saw', framesText(frames));
  screen.detail('  in the clear, e.g.', readable.at(0) ?? 'nothing');
}

async function connect(screen: Screen, client: ControlClient): Promise<void> {
  screen.heading('sealnic up office');
  const start = performance.now();
  const { details } = await client.call('connection.up', { profile: 'office', wait: true });
  const milliseconds = performance.now() - start;
  screen.result(true, 'connected', `after ${milliseconds.toFixed(0)} ms`);
  screen.detail('  IKE', details?.ikeProposal ?? '');
  const { children } = await client.call('sa.list', {});
  const child = children[0];
  screen.detail('  ESP', `${child?.algorithm} in ${child?.encapsulation === 'udp' ? 'UDP' : 'IP'}`);
  screen.detail('  virtual address', details?.virtualAddresses.join(', ') ?? '');
  screen.detail('  protected', details?.protectedPrefixes.join(', ') ?? '');
  screen.detail('  name server', details?.dns.join(', ') ?? '');
}

async function throughTunnel(
  screen: Screen,
  laptop: Laptop,
  sniffer: Sniffer,
  client: ControlClient,
): Promise<void> {
  screen.heading('Tunnel on: the same traffic');
  const { received, averageMilliseconds } = await laptop.ping(officeAddress, 10);
  screen.result(received === 10, 'ping', `${received} of 10 answered, ${averageMilliseconds} ms on average`);
  const name = await laptop.perform({ type: 'look-up', name: officeName });
  screen.result(
    name.type === 'address' && name.address === officeAddress,
    'DNS look-up',
    `${officeName}: ${textOf(name)}`,
  );
  const mail = await laptop.perform({
    type: 'knock',
    address: officeAddress,
    port: 25,
    limitMilliseconds: 400,
  });
  screen.result(
    mail.type === 'knocked' && !mail.open,
    'port 25',
    `discarded by the filter (${textOf(mail)})`,
  );

  screen.text('');
  const view = new LiveView(screen, client, sniffer);
  view.start();
  const url = `http://${officeName}/100MB`;
  const file = await laptop.perform({ type: 'download', url }, (bytes) => view.setReceived(bytes));
  await view.stop();
  const whole = file.type === 'file' && file.bytes === fileBytes && file.intact;
  screen.result(whole, 'download', textOf(file));
}

async function explain(screen: Screen, client: ControlClient): Promise<void> {
  const { rows } = await client.call('filter.list', {});
  for (const action of ['PROTECT', 'DISCARD'] as const) {
    const hits = rows.filter((row) => row.action === action).reduce((sum, row) => sum + row.hits.packets, 0);
    screen.result(hits > 0, `${action} rows`, countedText(hits, 'packet'));
  }
}

async function onTheWire(screen: Screen, sniffer: Sniffer, earlier: SnifferReport): Promise<void> {
  screen.heading('What the sniffer saw from "sealnic up" to "sealnic down"');
  const now = await sniffer.report();
  const since = (kind: FrameKind) => now.frames[kind] - earlier.frames[kind];
  const bytesSince = (kind: FrameKind) => now.bytes[kind] - earlier.bytes[kind];
  for (const kind of sealedKinds) {
    screen.result(
      kind === 'ARP/ND' || since(kind) > 0,
      kind,
      `${countedText(since(kind), 'frame')}, ${bytesText(bytesSince(kind))}`,
    );
  }
  const readable = frameKinds
    .filter((kind) => !sealedKinds.includes(kind))
    .reduce((sum, kind) => sum + since(kind), 0);
  screen.result(readable === 0, 'anything else', countedText(readable, 'frame'));
  if (readable > 0) for (const text of now.readable.slice(-readable)) screen.detail('  in the clear', text);
  screen.result(now.lost === 0, 'missed by the sniffer', countedText(now.lost, 'frame'));
  screen.result(bytesSince('ESP') > fileBytes, 'the whole file', 'crossed the wire inside ESP');
}

function framesText(frames: SnifferReport['frames']): string {
  return frameKinds
    .filter((kind) => frames[kind] > 0)
    .map((kind) => `${countText(frames[kind])} ${kind}`)
    .join(', ');
}

function textOf(result: TrafficResult): string {
  switch (result.type) {
    case 'address':
      return result.address;
    case 'page':
      return `${result.status}, "${result.text.trim()}"`;
    case 'file': {
      const speed = (result.bytes * 8) / result.seconds / 1e6;
      const hash = result.intact ? 'SHA-256 as sent' : 'its SHA-256 differs';
      return `${bytesText(result.bytes)} in ${result.seconds.toFixed(2)} s (${speed.toFixed(0)} Mb/s), ${hash}`;
    }
    case 'knocked':
    case 'failed':
      return result.detail;
  }
}

function wordsOfError(error: unknown): string {
  if (error instanceof ControlError) return wordsOf(error.failure).what;
  return error instanceof Error ? error.message : String(error);
}
