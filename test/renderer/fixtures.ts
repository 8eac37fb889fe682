// States of the service for the window: every connection state, a filter, SAs, profiles, findings. Times are relative
// to the moment at which the page is opened.

import type { LogLine } from '../../main/control/diagnostics-methods.ts';
import type { Prompt } from '../../main/control/prompt-values.ts';
import type {
  ChildAssociation,
  ConnectionStatus,
  FilterRow,
  Finding,
  IkeAssociation,
  ProfileSummary,
  TerminalInformationValue,
  VerdictSample,
} from '../../main/control/values.ts';
import type { ServiceState, SetupState } from '../../main/tray/ipc.ts';
import { keysOf } from './key-fixtures.ts';

export const scenarios = [
  'connected',
  'disconnected',
  'connecting',
  'reconnecting',
  'failed',
  'blocked',
  'portal',
  'others',
  'several',
  'invalid',
  'gateway',
  'no-profile',
  'no-rights',
  'not-installed',
  'away',
  'starting',
  'prompt',
  'prompt-wrong',
  'prompt-last-try',
  'prompt-pin-pad',
  'prompt-code',
  'prompt-card',
  'keys',
  'keys-amiss',
] as const;
export type Scenario = (typeof scenarios)[number];

const second = 1000;
const minute = 60 * second;

export function serviceState(scenario: Scenario, now: number): ServiceState {
  if (scenario === 'starting') return { service: 'starting' };
  if (scenario === 'away' || scenario === 'not-installed')
    return { service: 'away', controlPath: '/run/sealnic/control.sock' };
  const connections = connectionsOf(scenario, now);
  const stateOf = (name: string) =>
    connections.find(({ profile }) => profile === name)?.state ?? 'disconnected';
  return {
    service: 'present',
    status: {
      version: '0.1.0',
      startedAt: now - 60 * minute,
      connections,
      drops: { 'policy-discard': 128, replayed: 3, 'should-have-been-protected': 41, 'bad-icv': 1 },
      prompts: promptsOf(scenario, now),
      ...keysOf(scenario),
    },
    profiles: profilesOf(scenario).map((profile) => ({ ...profile, state: stateOf(profile.name) })),
  };
}

function profilesOf(scenario: Scenario): readonly ProfileSummary[] {
  const office: ProfileSummary = {
    name: 'office',
    role: 'client',
    gateway: 'vpn.example.org',
    authentication: 'psk',
    state: 'disconnected',
    whenDown: 'block',
  };
  const laboratory: ProfileSummary = {
    name: 'laboratory-tokyo',
    role: 'client',
    gateway: '2001:db8:40::1',
    authentication: 'certificate',
    state: 'disconnected',
  };
  switch (scenario) {
    case 'no-profile':
      return [];
    case 'gateway':
      return [{ name: 'guests', role: 'gateway', authentication: 'psk', state: 'disconnected' }];
    case 'invalid':
      return [
        {
          ...office,
          problem: { line: 3, key: 'gateway.adress', problem: { code: 'key-misspelt', near: 'address' } },
        },
      ];
    case 'connecting':
    case 'blocked':
    case 'prompt':
      return [office];
    case 'several':
      return [office, laboratory, { ...office, name: 'annex', gateway: 'annex.example.org' }];
    default:
      return [office, laboratory];
  }
}

function connectionsOf(scenario: Scenario, now: number): ConnectionStatus[] {
  const base: ConnectionStatus = {
    profile: 'office',
    state: 'connected',
    since: now - 83 * minute,
    owner: 1000,
    protectedTraffic: 'sealed',
    lockdown: false,
    details: detailsOf(now),
  };
  switch (scenario) {
    case 'connected':
      return [base];
    case 'connecting':
    case 'prompt':
    case 'prompt-wrong':
    case 'prompt-code':
      return [
        {
          ...base,
          state: 'connecting',
          since: now - 2 * second,
          protectedTraffic: 'blocked',
          details: early,
        },
      ];
    case 'reconnecting':
      return [
        {
          ...base,
          state: 'reconnecting',
          since: now - 12 * second,
          protectedTraffic: 'blocked',
          failure: { code: 'dead-peer' },
          nextAttemptAt: now + 90 * second,
        },
      ];
    case 'failed':
      return [
        {
          ...base,
          state: 'failed',
          since: now - 20 * second,
          protectedTraffic: 'clear',
          failure: { code: 'peer-authentication-failed', problem: 'wrong-psk' },
          details: early,
        },
      ];
    case 'blocked':
      return [
        {
          ...base,
          state: 'failed',
          since: now - 3 * minute,
          protectedTraffic: 'blocked',
          lockdown: true,
          failure: { code: 'no-answer', milliseconds: 120_000 },
          details: early,
        },
      ];
    case 'portal':
      return [
        {
          ...base,
          state: 'reconnecting',
          since: now - 12 * second,
          protectedTraffic: 'blocked',
          failure: { code: 'captive-portal', url: 'http://198.51.100.80:8080/login' },
          nextAttemptAt: now + 90 * second,
        },
      ];
    case 'others': {
      const { details: _, ...others } = base;
      return [{ ...others, owner: 1001 }];
    }
    case 'several':
      return [
        base,
        {
          ...base,
          profile: 'laboratory-tokyo',
          state: 'reconnecting',
          since: now - 5 * second,
          protectedTraffic: 'blocked',
          failure: { code: 'woke-up', sleptSeconds: 8 * 3600 },
        },
      ];
    case 'gateway':
      return [
        {
          ...base,
          profile: 'guests',
          details: { ...detailsOf(now), gateway: undefined, remoteEndpoint: undefined, peers: 7 },
        },
      ];
    default:
      return [];
  }
}

function promptsOf(scenario: Scenario, now: number): Prompt[] {
  const base: Prompt = {
    id: 'prompt-1',
    kind: 'eap-password',
    owner: 1000,
    profile: 'office',
    identity: 'alice@example.org',
    lastTry: false,
    pinPad: false,
    storable: true,
    openedAt: now,
    expiresAt: now + 2 * minute,
  };
  const card = { label: 'PIV of Alice', reader: 'Example CCID Reader 00 00' };
  switch (scenario) {
    case 'prompt':
      return [base];
    case 'prompt-wrong':
      return [{ ...base, failure: 'wrong' }];
    case 'prompt-last-try':
      return [{ ...base, kind: 'pin', card, storable: false, triesLeft: 1, lastTry: true, failure: 'wrong' }];
    case 'prompt-pin-pad':
      return [{ ...base, kind: 'pin', card, storable: false, triesLeft: 3, pinPad: true }];
    case 'prompt-code':
      return [{ ...base, kind: 'one-time-code', storable: false, message: 'Enter the code of your token' }];
    case 'prompt-card':
      return [{ ...base, kind: 'card', card, storable: false }];
    default:
      return [];
  }
}

const nothing = { packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 };
const early: NonNullable<ConnectionStatus['details']> = {
  gateway: 'vpn.example.org',
  virtualAddresses: [],
  dns: [],
  protectedPrefixes: ['10.1.0.0/16'],
  counters: nothing,
};

function detailsOf(now: number): NonNullable<ConnectionStatus['details']> {
  return {
    gateway: 'vpn.example.org',
    localIdentity: 'alice@example.org',
    remoteIdentity: 'C=CH, O=Example, CN=vpn.example.org',
    localEndpoint: '192.0.2.7:51812',
    remoteEndpoint: '198.51.100.1:4500',
    virtualAddresses: ['10.9.0.12', 'fd00:9::12'],
    dns: ['10.1.0.53', 'fd00:1::53'],
    protectedPrefixes: ['10.1.0.0/16', 'fd00:1::/48'],
    ikeProposal: 'aes-256-gcm-16 / hmac-sha2-384 / curve25519',
    ikeEstablishedAt: now - 83 * minute,
    ikeRekeyAt: now + 144 * minute,
    espAlgorithm: 'aes-256-gcm-16',
    espEncapsulation: 'udp',
    childRekeyAt: now + 31 * minute,
    interfaceName: 'sealnic0',
    mtu: 1400,
    counters: { packetsIn: 1_284_112, bytesIn: 1_512_993_211, packetsOut: 403_221, bytesOut: 98_221_002 },
  };
}

export function filterRows(): FilterRow[] {
  const row = (part: Partial<FilterRow> & Pick<FilterRow, 'id' | 'action' | 'destination'>): FilterRow => ({
    label: { code: 'label-text', text: part.note ?? `${part.source ?? 'terminal'} → ${part.destination}` },
    origin: 'filter',
    source: 'terminal',
    protocol: 'any',
    hits: { packets: 0, bytes: 0 },
    enforcedBy: 'engine',
    removable: part.id.startsWith('filter-'),
    ...part,
  });
  return [
    row({
      id: 'built-in-1',
      action: 'BYPASS',
      destination: 'on-link',
      origin: 'built-in',
      enforcedBy: 'firewall',
      hits: { packets: 5122, bytes: 410_233 },
    }),
    row({
      id: 'filter-1',
      action: 'DISCARD',
      destination: '10.1.0.25',
      protocol: 'tcp',
      destinationPorts: '25, 587',
      note: 'no mail from laptops',
      hits: { packets: 12, bytes: 720 },
    }),
    row({
      id: 'filter-2',
      action: 'BYPASS',
      destination: '10.1.0.10',
      protocol: 'tcp',
      destinationPorts: '80',
      note: 'the public web site',
      hits: { packets: 4403, bytes: 3_120_033 },
    }),
    row({
      id: 'filter-3',
      action: 'PROTECT',
      destination: '2001:db8:1234:5678::/64',
      protocol: 'udp',
      sourcePorts: '5060',
      destinationPorts: '5060-5070',
      profile: 'laboratory-tokyo',
    }),
    row({
      id: 'profile-1',
      action: 'PROTECT',
      destination: '10.1.0.0/16',
      origin: 'profile "office"',
      profile: 'office',
      spi: 'c1a5f00d',
      association: 1,
      hits: { packets: 1_687_333, bytes: 1_611_214_213 },
    }),
    row({
      id: 'default-inside',
      action: 'DISCARD',
      source: 'any',
      destination: 'any',
      origin: 'default',
      label: { code: 'label-default-inside' },
    }),
    row({
      id: 'default-outside',
      action: 'BYPASS',
      source: 'any',
      destination: 'any',
      origin: 'default',
      label: { code: 'label-default-outside' },
      hits: { packets: 88_311, bytes: 40_113_200 },
    }),
  ];
}

export function associations(now: number): { ike: IkeAssociation[]; children: ChildAssociation[] } {
  const child = (
    direction: 'inbound' | 'outbound',
    spi: string,
    bytes: number,
    packets: number,
  ): ChildAssociation => ({
    profile: 'office',
    direction,
    spi,
    association: 1,
    algorithm: 'aes-256-gcm-16',
    encapsulation: 'udp',
    installedAt: now - 29 * minute,
    rekeyAt: now + 25 * minute,
    lifetime: { softSeconds: 3240, hardSeconds: 3600, softBytes: 3_600_000_000, hardBytes: 4_000_000_000 },
    bytes,
    packets,
    ...(direction === 'inbound' && { replayWindow: 1024, replayDrops: 3 }),
    localSelectors: ['10.9.0.12/32'],
    remoteSelectors: ['10.1.0.0/16', 'fd00:1::/48'],
  });
  return {
    ike: [
      {
        profile: 'office',
        role: 'initiator',
        state: 'established',
        initiatorSpi: 'a1b2c3d4e5f60718',
        responderSpi: '8899aabbccddeeff',
        proposal: 'aes-256-gcm-16 / hmac-sha2-384 / curve25519',
        localEndpoint: '192.0.2.7:51812',
        remoteEndpoint: '198.51.100.1:4500',
        localIdentity: 'alice@example.org',
        remoteIdentity: 'C=CH, O=Example, CN=vpn.example.org',
        natDetected: { local: true, remote: false },
        establishedAt: now - 83 * minute,
        rekeyAt: now + 144 * minute,
      },
    ],
    children: [
      child('inbound', 'c1a5f00d', 1_512_993_211, 1_284_112),
      child('outbound', '0badcafe', 98_221_002, 403_221),
    ],
  };
}

export const findings: Finding[] = [
  {
    code: 'tun-device',
    severity: 'good',
    message: { code: 'tun-device-works' },
    repairable: false,
  },
  {
    code: 'nft',
    severity: 'problem',
    message: { code: 'tool-missing', tool: 'nft' },
    advice: { code: 'install-package', package: 'nftables' },
    repairable: false,
  },
  {
    code: 'leftover-changes',
    severity: 'problem',
    message: { code: 'changes-left', count: 2 },
    changes: [
      { code: 'change-ip', family: 4, line: 'route 10.1.0.0/16 dev sealnic0 table 24225' },
      { code: 'change-name-servers', link: 'sealnic0' },
    ],
    repairable: true,
  },
  {
    code: 'lockdown',
    severity: 'warning',
    message: { code: 'lockdown-left' },
    repairable: true,
  },
];

export const terminal: TerminalInformationValue = {
  hostName: 'alice-laptop',
  links: [
    { name: 'lo', index: 1, mtu: 65536, up: true, loopback: true, addresses: ['127.0.0.1/8', '::1/128'] },
    {
      name: 'wlan0',
      index: 2,
      mtu: 1500,
      up: true,
      loopback: false,
      hardwareAddress: '02:00:5e:10:20:30',
      addresses: ['192.0.2.7/24', '2001:db8::7/64'],
    },
    {
      name: 'eth0',
      index: 3,
      mtu: 1500,
      up: false,
      loopback: false,
      hardwareAddress: '02:00:5e:10:20:31',
      addresses: [],
    },
  ],
  defaultLink4: 'wlan0',
};

export const profileText = `networks = ["10.1.0.0/16"]

[gateway]
address = "vpn.example.org"

[authentication]
method = "psk"
secret = "office"
`;

/** Samples `count` of them, the last with the number `last`. */
export function verdicts(last: number, count: number, now: number): VerdictSample[] {
  return Array.from({ length: count }, (_, index): VerdictSample => {
    const sequence = last - count + 1 + index;
    const kind = sequence % 3;
    return {
      sequence,
      at: now - (count - index) * 120,
      direction: kind === 2 ? 'inbound' : 'outbound',
      source: kind === 2 ? '203.0.113.9' : '10.9.0.12',
      destination: kind === 2 ? '192.0.2.7' : kind === 0 ? '10.1.4.20' : '10.1.0.25',
      protocol: 'tcp',
      sourcePort: 50_000 + (sequence % 9000),
      destinationPort: kind === 1 ? 25 : 443,
      action: kind === 0 ? 'PROTECT' : 'DISCARD',
      rowLabel:
        kind === 1
          ? { code: 'label-text', text: 'no mail from laptops' }
          : { code: 'label-protects', profile: 'office' },
      ...(kind !== 0 && { dropReason: kind === 1 ? 'policy-discard' : 'should-have-been-protected' }),
    };
  });
}

export function setupState(scenario: Scenario, trayDismissed: boolean): SetupState {
  const away = scenario === 'away' || scenario === 'not-installed';
  const mayNot = scenario === 'no-rights';
  return {
    serviceInstalled: scenario !== 'not-installed',
    ...(!away && {
      rights: {
        uid: 1000,
        user: 'alice',
        control: mayNot ? 'no' : 'session',
        administer: 'after-asking',
        group: 'sealnic',
        groupExists: true,
      },
    }),
    canMend: scenario !== 'not-installed',
    commands: {
      install: 'sudo /usr/bin/sealnic service install',
      start: 'sudo /usr/bin/systemctl start sealnic.service',
      allow: 'sudo /usr/bin/sealnic service allow alice',
      importProfile: 'sudo /usr/bin/sealnic profiles import FILE',
    },
    trayAvailable: scenario !== 'no-profile',
    trayDismissed,
  };
}

export function logLines(now: number): LogLine[] {
  const lines: [LogLine['level'], string][] = [
    ['info', 'SealNIC 0.1.0 serves at /run/sealnic/control.sock'],
    ['info', 'office: connecting'],
    ['debug', 'office: IKE_SA_INIT with 3 proposals'],
    ['warning', 'office: the gateway asks for another key exchange group'],
    ['info', 'office: connected'],
    ['info', 'laboratory-tokyo: connecting'],
    [
      'error',
      'laboratory-tokyo: the name laboratory.example.org cannot be resolved by any of the name servers',
    ],
    ['warning', 'change of network: the default link is wlan0 now'],
    ['info', 'office: rekeyed'],
  ];
  return lines.map(([level, text], index) => ({
    sequence: index + 1,
    at: now - (lines.length - index) * 7 * second,
    level,
    text,
  }));
}

export const bundleFiles = [
  {
    name: 'README.txt',
    text: 'SealNIC diagnostics\n\nNo secret is in these files. Names and addresses are replaced.\n',
  },
  { name: 'versions.json', text: '{\n  "app": "0.1.0"\n}\n' },
  {
    name: 'status.json',
    text: `${JSON.stringify({ version: '0.1.0', connections: [{ profile: 'profile-16593d3f', state: 'connected', details: { gateway: 'host-638edf48', virtualAddresses: ['10.44.0.12'] } }] }, undefined, 2)}\n`,
  },
  { name: 'profiles/profile-16593d3f.json', text: '{}\n' },
  { name: 'log.txt', text: '2026-06-12T08:00:00.000Z info profile-16593d3f: connected\n' },
];
