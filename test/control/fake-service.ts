// A service made of fixed answers, for tests of both sides of the control endpoint and of the command line.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientOptions, type ControlClient, connectToService } from '../../main/control/client.ts';
import { logLevels } from '../../main/control/diagnostics-methods.ts';
import type { MethodName, MethodParameters } from '../../main/control/schema.ts';
import type {
  Caller,
  CaptureSink,
  Handler,
  RunningCapture,
  ServiceApi,
  ServiceMethods,
} from '../../main/control/service-api.ts';
import type { ConnectionStatus, Status } from '../../main/control/values.ts';
import { type Endpoint, type EndpointOptions, startEndpoint } from '../../main/service/endpoint/endpoint.ts';
import { type RightsSources, rightsFrom } from '../../main/service/endpoint/rights.ts';

/** 12 June 2026, 08:00 UTC: the moment at which everything in these fixtures happens. */
export const fixtureNow = Date.UTC(2026, 5, 12, 8, 0, 0);

export function connectedStatus(changes: Partial<ConnectionStatus> = {}): ConnectionStatus {
  return {
    profile: 'office',
    state: 'connected',
    since: fixtureNow - 754_000,
    owner: 0,
    protectedTraffic: 'sealed',
    lockdown: false,
    details: {
      gateway: 'vpn.example.org',
      localIdentity: 'alice@example.org',
      remoteIdentity: 'vpn.example.org',
      localEndpoint: '192.0.2.7:51812',
      remoteEndpoint: '198.51.100.1:4500',
      virtualAddresses: ['10.9.0.2', 'fd00:9::2'],
      dns: ['10.1.0.53'],
      protectedPrefixes: ['10.1.0.0/16', 'fd00:1::/64'],
      ikeProposal: 'aes-256-gcm-16 / hmac-sha2-384 / curve25519',
      ikeEstablishedAt: fixtureNow - 754_000,
      ikeRekeyAt: fixtureNow + 9_900_000,
      espAlgorithm: 'aes-256-gcm-16',
      espEncapsulation: 'udp',
      childRekeyAt: fixtureNow + 2_312_000,
      interfaceName: 'sealnic0',
      mtu: 1400,
      counters: { packetsIn: 48_211, bytesIn: 61_337_600, packetsOut: 20_417, bytesOut: 2_411_724 },
    },
    ...changes,
  };
}

export function statusOf(...connections: ConnectionStatus[]): Status {
  return {
    version: '0.1.0',
    startedAt: fixtureNow - 86_400_000,
    connections,
    drops: { 'policy-discard': 12, 'bad-icv': 3 },
    prompts: [],
    vaults: [],
  };
}

export interface RecordedCall {
  readonly method: MethodName;
  readonly parameters: unknown;
  readonly caller: Caller;
  /** Copies, by name, as hexadecimal text. */
  readonly uploads: Readonly<Record<string, string>>;
}

export type Overrides = { readonly [Name in keyof ServiceMethods]?: Handler<Name> };

export class FakeService implements ServiceApi {
  readonly version = '0.1.0';
  readonly calls: RecordedCall[] = [];
  /** The buffers that were handed over, to see that they end up wiped. */
  readonly uploadBuffers: Buffer[] = [];
  readonly owners = new Map<string, number>();
  status: Status = statusOf(connectedStatus());
  captureSink: CaptureSink | undefined;
  captureStops = 0;
  readonly methods: ServiceMethods;
  readonly #changed = new Set<() => void>();

  constructor(overrides: Overrides = {}) {
    const answers = { ...this.#answers(), ...overrides };
    this.methods = Object.fromEntries(
      Object.entries(answers).map(([name, handler]) => [name, this.#recording(name as MethodName, handler)]),
    ) as unknown as ServiceMethods;
  }

  ownerOf(profile: string): number | undefined {
    return this.owners.get(profile);
  }

  onStatusChange(changed: () => void): { close(): void } {
    this.#changed.add(changed);
    return { close: () => this.#changed.delete(changed) };
  }

  setStatus(status: Status): void {
    this.status = status;
    for (const changed of this.#changed) changed();
  }

  get watched(): boolean {
    return this.#changed.size > 0;
  }

  async startCapture(
    _parameters: MethodParameters<'capture.start'>,
    _caller: Caller,
    sink: CaptureSink,
  ): Promise<RunningCapture> {
    this.captureSink = sink;
    return {
      stop: () => {
        this.captureStops++;
        sink.end();
      },
    };
  }

  #recording(method: MethodName, handler: unknown): unknown {
    return (parameters: unknown, caller: Caller, uploads: Record<string, Buffer | undefined>) => {
      const copies: Record<string, string> = {};
      for (const [name, bytes] of Object.entries(uploads)) {
        if (bytes === undefined) continue;
        copies[name] = bytes.toString('hex');
        this.uploadBuffers.push(bytes);
      }
      this.calls.push({ method, parameters, caller, uploads: copies });
      return (handler as (...values: unknown[]) => unknown)(parameters, caller, uploads);
    };
  }

  #answers(): ServiceMethods {
    const empty = () => ({});
    return {
      status: () => this.status,
      'connection.up': ({ profile }) => connectedStatus({ profile }),
      'connection.down': empty,
      'connection.measure': () => ({}),
      'connection.allowPortal': () => ({ url: 'http://192.0.2.7/login', until: 0 }),
      'connection.retry': empty,
      'profiles.list': () => ({
        profiles: [
          {
            name: 'office',
            role: 'client',
            gateway: 'vpn.example.org',
            authentication: 'certificate',
            state: 'connected',
          },
          {
            name: 'lab',
            role: 'client',
            gateway: '203.0.113.9',
            authentication: 'psk',
            state: 'disconnected',
          },
          {
            name: 'broken',
            role: 'client',
            authentication: 'psk',
            state: 'disconnected',
            problem: { line: 3, problem: { code: 'key-misspelt', near: 'gateway' } },
          },
        ],
      }),
      'profiles.show': ({ profile }) => ({ profile, text: '[gateway]\naddress = "vpn.example.org"\n' }),
      'profiles.import': () => ({ profiles: ['office'], secrets: ['office key'], remarks: [] }),
      'profiles.validate': () => ({ problems: [] }),
      'profiles.lockdown': empty,
      'profiles.remove': empty,
      'filter.list': () => ({
        version: 7,
        rows: [
          {
            id: 'p1',
            label: { code: 'label-text', text: 'office' },
            origin: 'profile office',
            action: 'PROTECT',
            source: 'terminal',
            destination: '10.1.0.0/16',
            protocol: 'any',
            profile: 'office',
            hits: { packets: 68_628, bytes: 63_749_324 },
            spi: 'c0ffee01',
            association: 1,
            enforcedBy: 'engine',
            removable: false,
          },
          {
            id: 'u1',
            label: { code: 'label-text', text: 'no mail' },
            origin: 'filter',
            action: 'DISCARD',
            source: 'terminal',
            destination: '203.0.113.25',
            protocol: 'tcp',
            destinationPorts: '25',
            note: 'mail only through the office',
            hits: { packets: 12, bytes: 720 },
            enforcedBy: 'firewall',
            removable: true,
          },
        ],
      }),
      'filter.add': () => ({ id: 'u2' }),
      'filter.replace': empty,
      'filter.move': empty,
      'filter.remove': empty,
      'filter.explain': ({ destination }) => ({
        explanations: [
          {
            source: '192.0.2.7',
            destination,
            protocol: 'tcp',
            sourcePort: 0,
            destinationPort: 443,
            action: 'PROTECT',
            outcome: 'sealed',
            rowId: 'p1',
            rowLabel: { code: 'label-text', text: 'office' },
            origin: 'profile office',
            reason: { code: 'row-fits' },
            passed: [],
            profile: 'office',
            spi: 'c0ffee01',
            enforcedBy: 'engine',
          },
        ],
      }),
      'sa.list': () => ({
        ike: [
          {
            profile: 'office',
            role: 'initiator',
            state: 'established',
            initiatorSpi: '1122334455667788',
            responderSpi: '99aabbccddeeff00',
            proposal: 'aes-256-gcm-16 / hmac-sha2-384 / curve25519',
            localEndpoint: '192.0.2.7:51812',
            remoteEndpoint: '198.51.100.1:4500',
            localIdentity: 'alice@example.org',
            remoteIdentity: 'vpn.example.org',
            natDetected: { local: true, remote: false },
            establishedAt: fixtureNow - 754_000,
            rekeyAt: fixtureNow + 9_900_000,
          },
        ],
        children: (['outbound', 'inbound'] as const).map((direction) => ({
          profile: 'office',
          direction,
          spi: direction === 'outbound' ? 'c0ffee01' : 'c0ffee02',
          association: 1,
          algorithm: 'aes-256-gcm-16',
          encapsulation: 'udp' as const,
          installedAt: fixtureNow - 754_000,
          rekeyAt: fixtureNow + 2_312_000,
          lifetime: { softSeconds: 3060, hardSeconds: 3600 },
          bytes: direction === 'outbound' ? 2_411_724 : 61_337_600,
          packets: direction === 'outbound' ? 20_417 : 48_211,
          ...(direction === 'inbound' ? { replayWindow: 1024, replayDrops: 2 } : {}),
          localSelectors: ['10.9.0.2/32'],
          remoteSelectors: ['10.1.0.0/16'],
        })),
      }),
      'sa.rekey': empty,
      'sa.delete': empty,
      'vault.list': () => ({ vaults: [] }),
      'vault.create': () => ({ vault: 'a'.repeat(32) }),
      'vault.create-at': () => ({ vault: 'a'.repeat(32) }),
      'vault.enrol': () => ({ vault: 'a'.repeat(32) }),
      'vault.forget': empty,
      'vault.open': () => ({ opened: ['secrets'], missing: [] }),
      'vault.close': empty,
      'vault.move': () => ({ path: '/media/stick/sealnic.vault' }),
      'vault.verify': () => ({
        generation: 3,
        compartments: [{ name: 'secrets', generation: 3, entries: 1 }],
      }),
      'vault.rotate': empty,
      'vault.accept': empty,
      'vault.make-default': empty,
      'keys.list': () => ({ keys: [] }),
      'keys.add': () => ({ vault: 'Travel', compartment: 'secrets' }),
      'keys.certificate': () => ({ pem: '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n' }),
      'keys.remove': empty,
      'keys.add-compartment': empty,
      'keys.add-protector': () => ({ id: 'b'.repeat(32) }),
      'keys.remove-protector': empty,
      'secrets.put': empty,
      'secrets.list': () => ({
        secrets: [
          { name: 'office psk', kind: 'psk', owner: 0, storedAt: fixtureNow - 3_600_000, usedBy: ['lab'] },
          { name: 'nobody key', kind: 'psk', owner: 65534, storedAt: fixtureNow - 7_200_000, usedBy: [] },
        ],
      }),
      'secrets.remove': empty,
      'prompts.list': () => ({ prompts: this.status.prompts }),
      'prompts.answer': empty,
      'prompts.cancel': empty,
      'card.status': () => ({ state: 'no-reader', readers: [], cards: [] }),
      'card.test': () => ({ subject: 'CN=alice', algorithm: 'ecc-p256', milliseconds: 90 }),
      'card.change-pin': empty,
      'card.unblock': empty,
      'card.setup': () => ({ made: true, algorithm: 'ecc-p256', pem: '' }),
      'card.put-certificate': () => ({ subject: 'CN=alice' }),
      'card.store': () => ({ bytes: 700 }),
      'card.erase': empty,
      'doctor.check': () => ({
        findings: [
          { code: 'adapter', severity: 'good', message: { code: 'tun-device-works' }, repairable: false },
          {
            code: 'leftover-routes',
            severity: 'problem',
            message: { code: 'changes-left', count: 2 },
            changes: [{ code: 'change-file', path: '/etc/resolv.conf' }],
            repairable: true,
          },
        ],
      }),
      'doctor.repair': () => ({
        repaired: [{ code: 'change-file', path: '/etc/resolv.conf' }],
        findings: [],
      }),
      'terminal.information': () => ({
        hostName: 'laptop',
        links: [
          {
            name: 'wlan0',
            index: 3,
            mtu: 1500,
            up: true,
            loopback: false,
            hardwareAddress: '02:00:00:00:00:07',
            addresses: ['192.0.2.7/24'],
          },
        ],
        defaultLink4: 'wlan0',
      }),
      'log.tail': ({ after, level }) => ({
        lines: [
          { sequence: 1, at: fixtureNow - 60_000, level: 'info' as const, text: 'office: connecting' },
          {
            sequence: 2,
            at: fixtureNow - 59_000,
            level: 'warning' as const,
            text: 'office: alice@example.org at 198.51.100.1 is slow',
          },
        ].filter(
          (line) => line.sequence > after && logLevels.indexOf(line.level) <= logLevels.indexOf(level),
        ),
        newest: 2,
      }),
      'verdicts.tail': () => ({
        samples: [
          {
            sequence: 41,
            at: fixtureNow,
            direction: 'outbound',
            source: '192.0.2.7',
            destination: '203.0.113.25',
            protocol: 'tcp',
            sourcePort: 40_000,
            destinationPort: 25,
            action: 'DISCARD',
            rowId: 'u1',
            rowLabel: { code: 'label-text', text: 'no mail' },
            dropReason: 'policy-discard',
          },
        ],
      }),
    };
  }
}

export interface RunningFake extends AsyncDisposable {
  readonly api: FakeService;
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly directory: string;
  readonly reports: unknown[];
  connect(): Promise<ControlClient>;
  readonly clientOptions: ClientOptions;
}

/** A listening endpoint in a directory of its own; disposing ends and removes everything. */
export async function runFake(
  api: FakeService = new FakeService(),
  options: Partial<EndpointOptions> & { sources?: Partial<RightsSources> } = {},
): Promise<RunningFake> {
  const directory = mkdtempSync(join(tmpdir(), 'control-'));
  const path = join(directory, 'control.sock');
  const reports: unknown[] = [];
  const { sources, ...rest } = options;
  const endpoint = await startEndpoint({
    path,
    api,
    rights: rightsFrom({
      groupName: 'sealnic',
      controlGroup: () => undefined,
      listedInGroup: () => false,
      userName: () => undefined,
      standing: async () => 'no',
      hasActiveLocalSession: () => false,
      consent: async () => false,
      ...sources,
    }),
    report: (...report) => reports.push(report),
    ...rest,
  });
  const clients: ControlClient[] = [];
  const clientOptions = { path, trust: { uids: [process.getuid?.() ?? 0] } };
  return {
    api,
    endpoint,
    path,
    directory,
    reports,
    clientOptions,
    async connect() {
      const client = await connectToService(clientOptions);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await endpoint.close();
      rmSync(directory, { recursive: true });
    },
  };
}
