// A terminal's service and a gateway's service in virtual time: real connections, tunnel and IKE, over a computer and
// data threads that only remember what was asked of them, with a wire between them that may lose.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Endpoint,
  formatEndpoint,
  type IpAddress,
  parseAddress,
} from '../../../main/engine/packet/address.ts';
import type { TranslationSources } from '../../../main/engine/path/data-plane.ts';
import { dropReasons } from '../../../main/engine/path/reasons.ts';
import type { PolicyTable } from '../../../main/engine/policy/table.ts';
import type { SecurityAssociationParameters } from '../../../main/engine/sa/parameters.ts';
import { MemoryHostNetwork } from '../../../main/host/network/memory.ts';
import type { BypassLinkOptions } from '../../../main/host/underlay/contract.ts';
import { openCredentialStore } from '../../../main/keys/credentials/store.ts';
import { Authenticator } from '../../../main/service/agreement/authenticator.ts';
import { ikeConfigurationOf } from '../../../main/service/agreement/ike-configuration.ts';
import { parseConfiguration } from '../../../main/service/configuration/configuration.ts';
import type { Connection } from '../../../main/service/connection/connection.ts';
import type { Gateway } from '../../../main/service/connection/gateway.ts';
import { ConnectionManager } from '../../../main/service/connection/manager.ts';
import type { DataThreadOptions } from '../../../main/service/data/messages.ts';
import type { DataThreadEvents } from '../../../main/service/data/proxy.ts';
import { UserFilter } from '../../../main/service/filter/user-filter.ts';
import { SecretMemory } from '../../../main/service/keying/secret-memory.ts';
import type { PortalFinding } from '../../../main/service/portal-check.ts';
import type { Profile } from '../../../main/service/profile/contract.ts';
import { parseProfile } from '../../../main/service/profile/parse.ts';
import type { DataThreadControl } from '../../../main/service/tunnel/session.ts';
import { Tunnel } from '../../../main/service/tunnel/tunnel.ts';
import { WantedConnections } from '../../../main/service/wanted.ts';
import { seededRandom } from '../../fakes/random.ts';

export class VirtualClock {
  now = 1000;
  #order = 0;
  readonly #due = new Map<number, { readonly at: number; readonly call: () => void }>();

  schedule(at: number, call: () => void): () => void {
    const key = this.#order++;
    this.#due.set(key, { at, call });
    return () => this.#due.delete(key);
  }

  /** What is set and has not rung. */
  get pending(): number {
    return this.#due.size;
  }

  /** Time passes without anything ringing; what came due rings with the next `advance`. */
  async oversleep(milliseconds: number): Promise<void> {
    await settle();
    this.now += milliseconds;
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds;
    for (;;) {
      await settle();
      const [next] = [...this.#due].sort(([a, one], [b, other]) => one.at - other.at || a - b);
      if (next === undefined || next[1].at > end) break;
      this.#due.delete(next[0]);
      this.now = Math.max(this.now, next[1].at);
      next[1].call();
    }
    this.now = end;
    await settle();
  }
}

/** Lets every promise that waits for no timer come to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await nextTurn();
}

export class MemoryWire {
  readonly #clock: VirtualClock;
  readonly #random: () => number;
  readonly #ends = new Map<string, MemoryDataThread>();
  loss = 0;
  cut = false;
  sent = 0;

  constructor(clock: VirtualClock, seed: number) {
    this.#clock = clock;
    this.#random = seededRandom(seed);
  }

  attach(endpoint: string, thread: MemoryDataThread): void {
    this.#ends.set(endpoint, thread);
  }

  send(bytes: Uint8Array, from: Endpoint, to: Endpoint): void {
    this.sent += 1;
    if (this.cut || this.#random() < this.loss) return;
    const copy = bytes.slice();
    this.#clock.schedule(this.#clock.now + 1, () => {
      const thread = this.#ends.get(formatEndpoint(to));
      if (thread?.running) thread.emit('ike', copy, from, to);
    });
  }
}

interface InstalledSa {
  readonly parameters: Omit<SecurityAssociationParameters, 'keyMaterial'>;
  readonly key: string;
}

/** Takes keys over and frees them, as the real one does; seals nothing. */
export class MemoryDataThread extends EventEmitter<DataThreadEvents> implements DataThreadControl {
  readonly information;
  readonly policies: PolicyTable[] = [];
  readonly peers = new Map<number, Endpoint>();
  readonly inbound = new Map<number, InstalledSa>();
  readonly outbound = new Map<number, InstalledSa>();
  readonly failedAgreements: { association: number; retryAtMilliseconds: number }[] = [];
  readonly expected = new Set<number>();
  bypassLinks: readonly BypassLinkOptions[] = [];
  translation: TranslationSources = {};
  mtu = 0;
  running = true;
  readonly heard = new Map<number, number>();
  readonly #wire: MemoryWire;
  readonly #address: IpAddress;
  readonly #secrets: SecretMemory;

  constructor(wire: MemoryWire, address: IpAddress, secrets: SecretMemory, options: DataThreadOptions) {
    super();
    this.#wire = wire;
    this.#address = address;
    this.#secrets = secrets;
    const localPorts = options.underlays.map(({ port }) => (port === 0 ? 40_000 : port));
    for (const port of localPorts) wire.attach(formatEndpoint({ address, port }), this);
    const carrying = localPorts[options.underlays.findIndex(({ plainIke }) => !plainIke)]!;
    this.information = {
      interfaceName: options.adapter.name,
      interfaceIndex: 7,
      localPort4: carrying,
      localPort6: carrying,
      localPorts,
      superPackets: false,
      backend: 'none',
    };
  }

  get table(): PolicyTable {
    return this.policies.at(-1)!;
  }

  setPolicy(table: PolicyTable): void {
    this.policies.push(table);
  }
  setTranslation(sources: TranslationSources): void {
    this.translation = sources;
  }
  setPeer(peer: number, remote: Endpoint): void {
    this.peers.set(peer, remote);
  }
  expectInbound(spi: number): void {
    this.expected.add(spi);
  }
  cancelExpected(spi: number): void {
    this.expected.delete(spi);
  }
  installInbound(parameters: SecurityAssociationParameters): void {
    this.inbound.set(parameters.spi, this.#take(parameters));
  }
  installOutbound(parameters: SecurityAssociationParameters): void {
    this.outbound.set(parameters.spi, this.#take(parameters));
  }
  removeInbound(spi: number): void {
    this.inbound.delete(spi);
  }
  removeOutbound(_association: number, spi: number): void {
    this.outbound.delete(spi);
  }
  agreementFailed(association: number, retryAtMilliseconds: number): void {
    this.failedAgreements.push({ association, retryAtMilliseconds });
  }
  setTunnelMtu(bytes: number): void {
    this.mtu = bytes;
  }
  setBypassLinks(links: readonly BypassLinkOptions[]): void {
    this.bypassLinks = links;
  }
  sendIke(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined): void {
    if (!this.running) return;
    this.#wire.send(bytes, local ?? { address: this.#address, port: this.information.localPort4 }, remote);
  }
  sendKeepalive(): void {}
  sampleVerdicts(): void {}
  snapshot() {
    const drops = Object.fromEntries(dropReasons.map((reason) => [reason, 0]));
    return { totals: {}, drops, rows: new Map(), associations: [] } as never;
  }
  lastHeardMilliseconds(association: number): number | undefined {
    return this.heard.get(association);
  }
  async stop(): Promise<void> {
    this.running = false;
  }

  /** As if a packet waited for that association. */
  needAgreement(association: number): void {
    const nowhere = { address: this.#address, port: 0 }.address;
    const packet = { source: nowhere, destination: nowhere, protocol: 1, sourcePort: 0, destinationPort: 0 };
    this.emit('path', { type: 'agreement-needed', association, packet });
  }

  /** As if the adapter had been taken away. */
  die(): void {
    this.running = false;
    this.emit('failed', new Error('the adapter is gone'));
  }

  #take({ keyMaterial, ...parameters }: SecurityAssociationParameters): InstalledSa {
    const key = Buffer.from(keyMaterial).toString('hex');
    this.#secrets.free(keyMaterial);
    return { parameters, key };
  }
}

export interface TestService {
  readonly host: MemoryHostNetwork;
  readonly secrets: SecretMemory;
  readonly tunnel: Tunnel;
  readonly connections: ConnectionManager;
  readonly userFilter: UserFilter;
  readonly wanted: WantedConnections;
  readonly directory: string;
  readonly log: string[];
  /** Every data thread that was opened, latest last. */
  readonly threads: MemoryDataThread[];
  readonly thread: MemoryDataThread;
  /** What is asked of names; tests replace it. */
  resolve: (name: string) => Promise<readonly IpAddress[]>;
  /** The next opening of an adapter fails with that. */
  openFailure: Error | undefined;
  /** What whoever asks for a captive portal finds, and how often somebody asked. */
  portal: PortalFinding;
  portalQuestions: number;
}

export interface Office {
  readonly clock: VirtualClock;
  readonly wire: MemoryWire;
  readonly terminal: TestService;
  readonly gateway: TestService;
  /** Another terminal, at 192.0.2.n. */
  addTerminal(lastByte: number): TestService;
  /** The terminal's service is killed and starts again on the same computer. */
  restart(service: TestService): TestService;
  close(): void;
}

export const gatewayAddress = '192.0.2.1';

export function openOffice(seed = 1): Office {
  const clock = new VirtualClock();
  const wire = new MemoryWire(clock, seed);
  const directories: string[] = [];
  let services = 0;
  const random = seededRandom(seed);
  const makeService = (address: string, former?: TestService): TestService => {
    services += 1;
    const directory = former?.directory ?? mkdtempSync(join(tmpdir(), 'sealnic-office-'));
    directories.push(directory);
    const host = former?.host ?? new MemoryHostNetwork();
    host.route = { interfaceName: 'eth0', source: address, mtu: 1500 };
    return startService({ clock, wire, address, directory, host, random });
  };
  const addresses = new Map<TestService, string>();
  const add = (address: string, former?: TestService): TestService => {
    const service = makeService(address, former);
    addresses.set(service, address);
    return service;
  };
  return {
    clock,
    wire,
    terminal: add('192.0.2.10'),
    gateway: add(gatewayAddress),
    addTerminal: (lastByte) => add(`192.0.2.${lastByte}`),
    restart: (service) => add(addresses.get(service)!, service),
    close() {
      for (const directory of directories) rmSync(directory, { recursive: true, force: true });
      assert.ok(services > 0);
    },
  };
}

function startService(parts: {
  clock: VirtualClock;
  wire: MemoryWire;
  address: string;
  directory: string;
  host: MemoryHostNetwork;
  random: () => number;
}): TestService {
  const { clock, wire, directory, host, random } = parts;
  const secrets = new SecretMemory();
  const credentials = openCredentialStore(join(directory, 'credentials'), secrets);
  credentials.put('psk', 'office', Buffer.from('a long enough secret of the office'));
  credentials.put('psk', 'wrong', Buffer.from('not the secret of the office'));
  const userFilter = new UserFilter(join(directory, 'filter.toml'));
  const wanted = new WantedConnections(directory);
  const threads: MemoryDataThread[] = [];
  const log: string[] = [];
  const schedule = (at: number, call: () => void) => clock.schedule(at, call);
  const tunnel = new Tunnel({
    host,
    userFilter,
    configuration: parseConfiguration(`[service]\nstate_directory = "${directory}"`),
    secrets,
    nameServers: () => ['192.0.2.53'],
    machinery: {
      prepareDataThread: (memory) => async (options) => {
        const failure = service.openFailure;
        service.openFailure = undefined;
        if (failure !== undefined) throw failure;
        const thread = new MemoryDataThread(wire, parseAddress(parts.address)!, memory, options);
        threads.push(thread);
        return thread;
      },
      now: () => clock.now,
      schedule,
      random: (bytes) => {
        for (let index = 0; index < bytes.length; index += 1) bytes[index] = Math.floor(random() * 256);
      },
    },
    listener: {
      agreementNeeded: (association) => connections.agreementNeeded(association),
      verdict: () => {},
      warning: (text) => log.push(text),
      failed: (error) => connections.sessionFailed(error.message),
    },
  });
  const connections = new ConnectionManager({
    tunnel,
    wanted,
    authenticator: new Authenticator(credentials),
    resolve: (name) => service.resolve(name),
    ikeConfiguration: (profile: Profile, association: number, localAddress: IpAddress | undefined) =>
      ikeConfigurationOf(profile, association, localAddress, credentials),
    now: () => clock.now,
    schedule,
    log: (_level, text) => log.push(text),
    portalSearch: {
      questions: [{ url: 'http://detect.test/', text: 'success' }],
      ask: () => {
        service.portalQuestions += 1;
        return Promise.resolve(service.portal);
      },
    },
  });
  const service: TestService = {
    host,
    secrets,
    tunnel,
    connections,
    userFilter,
    wanted,
    directory,
    log,
    threads,
    get thread() {
      return threads.at(-1)!;
    },
    resolve: async (name) => [parseAddress(name) ?? parseAddress(gatewayAddress)!],
    openFailure: undefined,
    portal: { kind: 'silent' },
    portalQuestions: 0,
  };
  return service;
}

export const terminalText = `
networks = ["10.1.0.0/24"]
[gateway]
address = "${gatewayAddress}"
identity = "vpn.office.test"
[local]
identity = "laptop@office.test"
[authentication]
method = "psk"
secret = "office"
`;

export const gatewayText = `
role = "gateway"
[local]
identity = "vpn.office.test"
[authentication]
method = "psk"
secret = "office"
[responder]
pool4 = "10.99.0.0/24"
dns = ["10.1.0.53"]
networks = ["10.1.0.0/24"]
`;

/** `changes`: pairs of what stands in the text and what shall stand there. */
export function profileFrom(text: string, ...changes: readonly (readonly [string, string])[]): Profile {
  let changed = text;
  for (const [from, to] of changes) {
    assert.ok(changed.includes(from), `the profile has no ${from}`);
    changed = changed.replace(from, to);
  }
  return parseProfile(changed, 'office');
}

export async function startGateway(office: Office, profile = profileFrom(gatewayText)): Promise<Gateway> {
  const gateway = office.gateway.connections.up(profile, 0, true) as Gateway;
  await office.clock.advance(10);
  assert.equal(gateway.state, 'connected', JSON.stringify(gateway.failure));
  return gateway;
}

export async function connect(
  office: Office,
  profile = profileFrom(terminalText),
  service = office.terminal,
): Promise<Connection> {
  const connection = service.connections.up(profile, 1000, false) as Connection;
  await office.clock.advance(200);
  assert.equal(connection.model.state, 'connected', JSON.stringify(connection.model));
  return connection;
}
