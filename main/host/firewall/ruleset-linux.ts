// The firewall table that keeps a computer shut outside its tunnel, as one nftables transaction.

import { requirePrefix, splitPrefixes } from '../network/prefixes.ts';
import type { FailClosedConfiguration } from '../network.ts';
import { rowRules } from './rows-linux.ts';

export const failClosedCounter = 'fail_closed';
export const tappedCounter = 'tapped';

/**
 * Text for `nft -f`: makes the table, or replaces what is in it in one step; counters go on. Our own packets carry
 * the mark; what comes in for our own sockets is given it, so that a strict reverse path filter lets it in.
 */
export function rulesetText(
  configuration: FailClosedConfiguration,
  localNetworks: readonly string[],
): string {
  const table = `inet ${quoteTable(configuration.tableName)}`;
  const rows = configuration.discardRows.map(rowRules);
  const counters = [failClosedCounter, tappedCounter, ...rows.map((row) => row.counter)];
  const chains: readonly Chain[] = [
    { name: 'rows_out', rules: rows.flatMap((row) => row.outbound) },
    { name: 'rows_in', rules: rows.flatMap((row) => row.inbound) },
    { name: 'leaving', rules: leavingRules(configuration, localNetworks) },
    { name: 'output', hook: 'type filter hook output priority 0; policy accept;', rules: ['jump leaving'] },
    {
      name: 'forward',
      hook: 'type filter hook forward priority 0; policy accept;',
      rules: [`iifname ${quoteName(configuration.tunnelInterface)} accept`, 'jump leaving'],
    },
    {
      name: 'arriving',
      hook: 'type filter hook prerouting priority -300; policy accept;',
      rules: arrivingRules(configuration, localNetworks),
    },
  ];
  return [
    `add table ${table}`,
    ...counters.map((name) => `add counter ${table} ${name}`),
    ...chains.map(({ name, hook }) => `add chain ${table} ${name}${hook ? ` { ${hook} }` : ''}`),
    ...chains.map(({ name }) => `flush chain ${table} ${name}`),
    ...chains.flatMap(({ name, rules }) => rules.map((rule) => `add rule ${table} ${name} ${rule}`)),
    '',
  ].join('\n');
}

/**
 * Text for `nft -f`: marks what comes in of ARP. The system answers a neighbour only where its reverse path filter
 * accepts the asker, and for unmarked packets that would mean the tunnel.
 */
export function neighbourRulesetText(configuration: FailClosedConfiguration): string {
  const table = `arp ${quoteTable(configuration.tableName)}`;
  return [
    `add table ${table}`,
    `add chain ${table} arriving { type filter hook input priority 0; policy accept; }`,
    `flush chain ${table} arriving`,
    `add rule ${table} arriving meta mark set ${hexadecimal(configuration.mark)}`,
    '',
  ].join('\n');
}

interface Chain {
  readonly name: string;
  readonly hook?: string;
  readonly rules: readonly string[];
}

const drop = `counter name ${failClosedCounter} drop`;

/** From this computer, or forwarded, towards any link. */
function leavingRules(configuration: FailClosedConfiguration, localNetworks: readonly string[]): string[] {
  const passing = ['lo', configuration.tunnelInterface].map(quoteName).join(', ');
  return [
    `oifname { ${passing} } accept`,
    `meta mark ${hexadecimal(configuration.mark)} accept`,
    'jump rows_out',
    ...matches('saddr', configuration.virtualAddresses).map((match) => `${match} ${drop}`),
    ...(configuration.allowDhcp ? dhcpLeaving : []),
    ...(configuration.allowNeighbourDiscovery ? neighbourDiscovery : []),
    ...matches('daddr', configuration.nameServers ?? []).flatMap((match) =>
      nameServerUsers(configuration).map(
        (users) => `${users} ${match} meta l4proto { tcp, udp } th dport 53 accept`,
      ),
    ),
    ...passageMatches(configuration, 'd').map((match) => `${match} accept`),
    ...matches('daddr', localNetworks).map((match) => `${match} accept`),
    ...matches('daddr', configuration.protectedPrefixes).map((match) => `${match} ${drop}`),
  ];
}

/** From any link, before routing. The tap on the link has seen them already. */
function arrivingRules(configuration: FailClosedConfiguration, localNetworks: readonly string[]): string[] {
  const passing = ['lo', configuration.tunnelInterface].map(quoteName).join(', ');
  return [
    `iifname { ${passing} } accept`,
    ...ownArriving(configuration),
    'jump rows_in',
    ...matches('daddr', configuration.virtualAddresses).map((match) => `${match} ${drop}`),
    ...(configuration.allowDhcp ? dhcpArriving.map((match) => `${match} ${takeRule(configuration)}`) : []),
    ...(configuration.allowNeighbourDiscovery ? neighbourDiscovery : []),
    ...matches('saddr', localNetworks).map((match) => `${match} accept`),
    ...matches('saddr', configuration.tappedPrefixes ?? []).map(
      (match) => `${match} counter name ${tappedCounter} drop`,
    ),
    ...matches('saddr', configuration.protectedPrefixes).map((match) => `${match} ${drop}`),
  ];
}

/** For our own sockets: from the gateways, to our ports, ESP, from the resolvers, and ICMP errors about what we sent. */
function ownArriving(configuration: FailClosedConfiguration): string[] {
  const take = takeRule(configuration);
  const gateways = splitPrefixes(configuration.gateways ?? []);
  const gatewayPorts = [...new Set([500, 4500, ...(configuration.gatewayPorts ?? [])])].join(', ');
  const ports = configuration.underlayPorts ?? [];
  return [
    ...matches('saddr', configuration.gateways ?? []).flatMap((match) => [
      `${match} udp sport { ${gatewayPorts} } ${take}`,
      `${match} meta l4proto esp ${take}`,
    ]),
    ...(configuration.answersAnyone ? [`meta l4proto esp ${take}`] : []),
    ...(ports.length > 0 ? [`udp dport { ${ports.join(', ')} } ${take}`] : []),
    ...matches('saddr', configuration.nameServers ?? []).map(
      (match) => `${match} meta l4proto { tcp, udp } th sport 53 ${take}`,
    ),
    ...passageMatches(configuration, 's').map((match) => `${match} ${take}`),
    // An ICMP error quotes the packet it is about: its destination lies 24 bytes behind the ICMP header's start in
    // IPv4 and 32 in IPv6, its UDP source port 28 and 48.
    ...gateways[4].map((gateway) => `${errors4} @th,192,32 ${addressNumber(gateway)} ${take}`),
    ...gateways[6].map((gateway) => `${errors6} @th,256,128 ${addressNumber(gateway)} ${take}`),
    ...ports.flatMap((port) => [
      `${errors4} @th,224,16 ${port} ${take}`,
      `${errors6} @th,384,16 ${port} ${take}`,
    ]),
  ];
}

const errors4 = 'icmp type { destination-unreachable, time-exceeded, parameter-problem }';
const errors6 = 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }';
const dhcpLeaving = ['udp sport 68 udp dport 67 accept', 'udp sport 546 udp dport 547 accept'];
const dhcpArriving = ['udp sport 67 udp dport 68', 'udp sport 547 udp dport 546'];
/** Solicitations and advertisements, which never cross a router (RFC 4861), and listener reports (RFC 3810). */
const neighbourDiscovery = [
  'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept',
  'icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
];

/** What is open for a while closes by itself, whatever becomes of the service. */
function nameServerUsers({ nameServersForEveryoneUntil: until }: FailClosedConfiguration): string[] {
  return ['meta skuid 0', ...(until === undefined ? [] : [`meta time < ${until}`])];
}

/** `end`: of the packet that is the server's. Our own packets towards it pass by their mark. */
function passageMatches({ passages = [] }: FailClosedConfiguration, end: 's' | 'd'): string[] {
  return passages
    .filter(({ forEveryoneUntil }) => end === 's' || forEveryoneUntil !== undefined)
    .flatMap(({ address, ports, forEveryoneUntil: until }) =>
      matches(`${end}addr`, [address]).map(
        (match) =>
          `${until === undefined ? '' : `meta time < ${until} `}${match} tcp ${end}port { ${ports.join(', ')} }`,
      ),
    );
}

/** One match for each family that has prefixes. */
function matches(field: 'saddr' | 'daddr', prefixes: readonly string[]): string[] {
  const { 4: inet, 6: inet6 } = splitPrefixes(prefixes);
  return [
    ...(inet.length > 0 ? [`ip ${field} { ${inet.join(', ')} }`] : []),
    ...(inet6.length > 0 ? [`ip6 ${field} { ${inet6.join(', ')} }`] : []),
  ];
}

function takeRule({ mark }: FailClosedConfiguration): string {
  return `meta mark set ${hexadecimal(mark)} accept`;
}

function addressNumber(prefix: string): string {
  const { address } = requirePrefix(prefix);
  return `0x${Buffer.from(address.bytes).toString('hex')}`;
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16)}`;
}

/** Interface names may hold almost anything but a slash and blanks. */
function quoteName(name: string): string {
  if (!/^[^\s/"\\]{1,15}$/.test(name)) throw new RangeError(`"${name}" is no name of an interface.`);
  return `"${name}"`;
}

function quoteTable(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,60}$/.test(name)) {
    throw new RangeError(`"${name}" is no name of a firewall table: letters, digits, "_", "." and "-".`);
  }
  return name;
}
