// The demo where there are no network namespaces: two whole engines in one process, generated packets, and an array as
// the wire between them.
import { createHash } from 'node:crypto';
import type { IkeConfiguration } from '../../main/engine/ike/contract.ts';
import { parseAddress, parsePrefix, prefixToRange } from '../../main/engine/packet/address.ts';
import { readAssociations } from '../../main/engine/path/counters.ts';
import { readRowCounters } from '../../main/engine/policy/counters.ts';
import type { PolicyRow } from '../../main/engine/policy/row.ts';
import { selectorForFamily, selectorFromPrefix } from '../../main/engine/policy/selector.ts';
import type { PolicyTable } from '../../main/engine/policy/table.ts';
import { answerQuery } from './dns-answer.ts';
import { type Datagram, MemoryPeer } from './memory-peer.ts';
import { fileChunk, officeName } from './office.ts';
import { echoPacket, icmpEchoReply, icmpEchoRequest, payloadOf, tcpPacket, udpPacket } from './packets.ts';
import { bytesText, countText, Screen } from './screen.ts';

const laptopAddress = '10.99.0.2';
const officeAddress = '10.20.0.10';
const outbound = { source: laptopAddress, destination: officeAddress };
const inbound = { source: officeAddress, destination: laptopAddress };
const fileBytes = 10_000_000;
const segmentBytes = 1300;

/** Tells why it runs in memory, shows what can be shown there, and resolves to the exit code. */
export async function demonstrateInMemory(why: string): Promise<number> {
  const screen = new Screen();
  screen.title('SealNIC demo, in memory');
  screen.text(`This system gives us no network namespaces (${why}).`);
  screen.text(
    'So no adapter, no sockets and no real network take part: generated packets pass two engines in one',
  );
  screen.text('process, with keys agreed by IKEv2 and every packet sealed and opened as on a real wire.');
  try {
    new Demonstration(screen).run();
  } catch (error) {
    screen.result(false, 'the demo stopped', error instanceof Error ? error.message : String(error));
  }
  const good = screen.failures === 0;
  screen.title(good ? 'All of it was as promised.' : `${screen.failures} of it was not as promised.`);
  return good ? 0 : 1;
}

class Demonstration {
  readonly #screen: Screen;
  readonly #wire: Datagram[] = [];
  readonly #atLaptop: Uint8Array[] = [];
  readonly #seen = { ike: 0, esp: 0, espBytes: 0, readable: 0 };
  readonly #laptop: MemoryPeer;
  readonly #gateway: MemoryPeer;

  constructor(screen: Screen) {
    this.#screen = screen;
    const send = (datagram: Datagram) => void this.#wire.push(datagram);
    const secret = 'a secret for this demonstration only';
    this.#laptop = new MemoryPeer({
      configuration: configurationOf('initiator'),
      policy: policyOf('laptop', undefined, '10.20.0.0/24'),
      secret,
      send,
      deliver: (packet) => void this.#atLaptop.push(packet),
    });
    this.#gateway = new MemoryPeer({
      configuration: configurationOf('responder'),
      policy: policyOf('gateway', '10.20.0.0/24', '10.99.0.0/24'),
      secret,
      virtualAddress: laptopAddress,
      send,
      deliver: (packet) => this.#officeReceives(packet),
    });
  }

  run(): void {
    this.#connect();
    this.#ping();
    this.#lookUp();
    this.#download();
    this.#summary();
  }

  #connect(): void {
    this.#screen.heading('IKEv2');
    const start = performance.now();
    this.#laptop.connect(endpoint('192.0.2.2', 500), endpoint('192.0.2.1', 500));
    this.#carry();
    const { details } = this.#laptop;
    const milliseconds = (performance.now() - start).toFixed(0);
    this.#screen.result(details !== undefined, 'connected', `after ${milliseconds} ms`);
    if (details === undefined) throw new Error('the two engines did not agree');
    const { encryption, prf, group } = details.proposal;
    this.#screen.detail('  IKE', `${encryption} / ${prf} / group ${group}`);
    this.#screen.detail('  virtual address', laptopAddress);
  }

  #ping(): void {
    this.#screen.heading('Through the tunnel');
    const count = 5;
    for (let sequence = 1; sequence <= count; sequence++) {
      this.#laptop.sendPacket(echoPacket(outbound, icmpEchoRequest, sequence));
    }
    const answers = this.#received().filter((packet) => packet[9] === 1 && packet[20] === icmpEchoReply);
    this.#screen.result(answers.length === count, 'ICMP', `${answers.length} of ${count} echoes answered`);
  }

  #lookUp(): void {
    this.#laptop.sendPacket(udpPacket(outbound, 40_000, 53, query(officeName)));
    const answer = payloadOf(this.#received()[0] ?? new Uint8Array(20));
    const address = answer?.subarray(-4).join('.');
    this.#screen.result(address === officeAddress, 'DNS', `${officeName} is ${address ?? 'unknown'}`);
  }

  /** The office sends segments; the laptop hashes what arrives. */
  #download(): void {
    const chunk = fileChunk();
    const sent = createHash('sha256');
    const got = createHash('sha256');
    let received = 0;
    const start = performance.now();
    for (let offset = 0; offset < fileBytes; offset += segmentBytes) {
      const from = offset % (chunk.length - segmentBytes);
      const part = chunk.subarray(from, from + Math.min(segmentBytes, fileBytes - offset));
      sent.update(part);
      this.#gateway.sendPacket(tcpPacket(inbound, 80, 50_000, offset, part));
      for (const packet of this.#received()) {
        const payload = payloadOf(packet);
        if (payload === undefined) continue;
        got.update(payload);
        received += payload.length;
      }
    }
    const seconds = (performance.now() - start) / 1000;
    const intact = received === fileBytes && sent.digest('hex') === got.digest('hex');
    this.#screen.result(
      intact,
      'TCP segments',
      `${bytesText(received)} in ${seconds.toFixed(2)} s, SHA-256 as sent`,
    );
  }

  #summary(): void {
    this.#screen.heading('What was on the wire');
    this.#screen.result(this.#seen.ike > 0, 'IKE', `${countText(this.#seen.ike)} messages`);
    this.#screen.result(
      this.#seen.espBytes > fileBytes,
      'ESP',
      `${countText(this.#seen.esp)} packets, ${bytesText(this.#seen.espBytes)}`,
    );
    this.#screen.result(this.#seen.readable === 0, 'anything else', `${this.#seen.readable} packets`);
    this.#screen.heading('What the engine counted');
    const hits = readRowCounters(this.#laptop.counters.rowBuffer, ['protect']).get('protect');
    this.#screen.result((hits?.packets ?? 0) > 0, 'PROTECT row', `${countText(hits?.packets ?? 0)} packets`);
    for (const { direction, spi, algorithm, packets, bytes } of readAssociations(this.#laptop.counters)) {
      const name = `SA ${direction === 'inbound' ? 'in' : 'out'} ${spi.toString(16)}`;
      this.#screen.result(
        packets > 0,
        name,
        `${algorithm}, ${countText(packets)} packets, ${bytesText(bytes)}`,
      );
    }
    this.#laptop.disconnect();
    this.#carry();
    const left =
      readAssociations(this.#laptop.counters).length + readAssociations(this.#gateway.counters).length;
    this.#screen.result(left === 0, 'disconnected', `${left} SAs are left on either side`);
  }

  #officeReceives(packet: Uint8Array): void {
    const payload = payloadOf(packet);
    if (packet[9] === 1) {
      this.#gateway.sendPacket(echoPacket(inbound, icmpEchoReply, Buffer.from(packet).readUInt16BE(26)));
    } else if (packet[9] === 17 && payload !== undefined) {
      const answer = answerQuery(payload, officeName, officeAddress);
      if (answer !== undefined) this.#gateway.sendPacket(udpPacket(inbound, 53, 40_000, answer));
    }
  }

  #received(): readonly Uint8Array[] {
    this.#carry();
    return this.#atLaptop.splice(0);
  }

  /** Brings every datagram to its end, and looks at each on the way as a stranger would. */
  #carry(): void {
    for (let datagram = this.#wire.shift(); datagram !== undefined; datagram = this.#wire.shift()) {
      this.#look(datagram);
      (datagram.to.address.bytes[3] === 1 ? this.#gateway : this.#laptop).receive(datagram);
    }
  }

  #look({ bytes, from, to }: Datagram): void {
    const spi = Buffer.from(bytes).readUInt32BE(0);
    const isIke = to.port === 500 || from.port === 500 || spi === 0;
    if (isIke) this.#seen.ike++;
    else if (Buffer.from(bytes).includes(officeAddressBytes)) this.#seen.readable++;
    else {
      this.#seen.esp++;
      this.#seen.espBytes += bytes.length;
    }
  }
}

/** Both addresses as they stand in an inner header: eight bytes that no sealed packet shows. */
const officeAddressBytes = Buffer.from([10, 99, 0, 2, 10, 20, 0, 10]);

function configurationOf(role: 'initiator' | 'responder'): IkeConfiguration {
  const laptop = { type: 'email', value: 'laptop@office.test' } as const;
  const gateway = { type: 'fqdn', value: 'gateway.office.test' } as const;
  const office = selectorFromPrefix(parsePrefix('10.20.0.0/24')!);
  const any = selectorForFamily(4);
  const isInitiator = role === 'initiator';
  return {
    role,
    localIdentity: isInitiator ? laptop : gateway,
    remoteIdentity: isInitiator ? gateway : laptop,
    localAuthentication: { method: 'psk' },
    remoteAuthentication: 'psk',
    ikeProposals: [{ encryption: 'aes-256-gcm-16', integrity: 'none', prf: 'hmac-sha2-256', group: 31 }],
    espProposals: [{ encryption: 'chacha20-poly1305' }],
    children: [
      {
        association: 1,
        localSelectors: [isInitiator ? any : office],
        remoteSelectors: [isInitiator ? office : any],
      },
    ],
    requestVirtualAddress4: isInitiator,
    requestVirtualAddress6: false,
    requestDns: false,
    encapsulation: 'udp',
    replayWindow: 1024,
    ikeLifetimeSeconds: 14_400,
    childLifetime: { softSeconds: 3000, hardSeconds: 3600 },
    deadPeerDetectionSeconds: 30,
    natKeepaliveSeconds: 20,
    retransmission: { firstMilliseconds: 500, factor: 1.8, tries: 5 },
    connectTimeoutMilliseconds: 10_000,
  };
}

function policyOf(who: string, local: string | undefined, remote: string): PolicyTable {
  const range = (text: string) => prefixToRange(parsePrefix(text)!);
  const row: PolicyRow = {
    id: 'protect',
    label: `${who} protects ${remote}`,
    origin: 'demo',
    local: local === undefined ? [] : [range(local)],
    remote: [range(remote)],
    protocol: undefined,
    localPorts: [],
    remotePorts: [],
    allowInbound: false,
    action: 'PROTECT',
    association: 1,
  };
  const fallback = { label: 'everything else', action: 'DISCARD', association: 0 } as const;
  return {
    version: 1,
    rows: [row],
    protectedRanges: [range(remote)],
    defaultInside: { id: 'inside', ...fallback },
    defaultOutside: { id: 'outside', ...fallback },
  };
}

function query(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const head = Buffer.from('5ea101000001000000000000', 'hex');
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function endpoint(address: string, port: number) {
  return { address: parseAddress(address)!, port };
}
