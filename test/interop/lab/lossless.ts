// Numbered traffic while something happens that must not cost a packet.
import assert from 'node:assert/strict';
import type { Namespace } from './lab.ts';
import { NumberedTraffic } from './traffic.ts';

const attempts = 3;
const packetsPerSecond = 2000;

/**
 * Sends numbered datagrams both ways while `during` runs; not one may be lost. The measurement counts only if the
 * peer's own sockets did not overflow meanwhile: then something else on this computer kept charon (whose sockets hold
 * 140 ms of this traffic) from the processor, and it is made again, at most twice.
 */
export async function assertLossless(
  from: Namespace,
  address: string,
  peer: Namespace,
  during: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const overflowsBefore = await overflows(peer);
    const numbered = await NumberedTraffic.start(from, address, packetsPerSecond);
    const began = performance.now();
    await during();
    const seconds = (performance.now() - began) / 1000;
    const report = await numbered.stop();
    if ((await overflows(peer)) > overflowsBefore && attempt < attempts) continue;
    assert.ok(report.sent > seconds * packetsPerSecond * 0.8, JSON.stringify(report));
    assert.deepEqual(
      [report.outbound.lost, report.inbound.lost, report.refused],
      [0, 0, 0],
      JSON.stringify(report),
    );
    return;
  }
}

/** Datagrams that the namespace's sockets dropped because they were full (RcvbufErrors of /proc/net/snmp). */
async function overflows(namespace: Namespace): Promise<number> {
  const lines = (await namespace.run(['cat', '/proc/net/snmp']))
    .split('\n')
    .filter((line) => /^Udp:/.test(line));
  const [names, values] = lines.map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('RcvbufErrors') ?? -1] ?? 0);
}
