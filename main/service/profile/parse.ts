// From the text of a profile's file to the profile, with every default put in; all that is wrong is told at once.
import { parsePrefix } from '../../engine/packet/address.ts';
import type { Lifetime } from '../../engine/sa/parameters.ts';
import { toFilterRow } from '../configuration/filter-row.ts';
import { InvalidFileError, type TextProblem } from '../configuration/problem.ts';
import type { SchemaProblem } from '../configuration/schema-problems.ts';
import { readToml } from '../configuration/toml.ts';
import type { Profile, VaultPlace } from './contract.ts';
import { defaultEspProposals, defaultIkeProposals, readEspProposals, readIkeProposals } from './proposal.ts';
import { type ProfileTable, profileNamePattern, profileSchema } from './schema.ts';

/** Rekeying begins at this part of the lifetime. */
const softPart = 0.9;

/**
 * The profile of that name. `source`: what to call the file in messages, by default "NAME.toml".
 * Throws InvalidFileError.
 */
export function parseProfile(text: string, name: string, source = `${name}.toml`): Profile {
  if (!profileNamePattern.test(name)) {
    throw new InvalidFileError(source, [{ problem: { code: 'profile-name-invalid', text: name } }]);
  }
  const table = readToml(text, profileSchema, source, furtherProblems);
  return toProfile(table, name);
}

/** What is wrong with the text, in the order of the file; nothing where it is a profile. */
export function validateProfile(text: string, name: string): readonly TextProblem[] {
  try {
    parseProfile(text, name);
    return [];
  } catch (error) {
    if (error instanceof InvalidFileError) return error.problems;
    throw error;
  }
}

function toProfile(table: ProfileTable, name: string): Profile {
  const { gateway, authentication, ike, esp, responder } = table;
  const authorities = authentication.method === 'psk' ? [] : authentication.authorities;
  return {
    name,
    role: table.role,
    gateway: { address: gateway.address, port: gateway.port, identity: gateway.identity },
    local: { identity: table.local.identity },
    authentication: toAuthentication(authentication),
    peerAuthentication: {
      method: peerMethod(table),
      authorities: table.peer_authentication.authorities ?? authorities,
    },
    ike: {
      proposals: ike.proposals?.flatMap((text) => readIkeProposals(text).proposals) ?? defaultIkeProposals,
      lifetimeSeconds: ike.lifetime_seconds,
      deadPeerDetectionSeconds: ike.dead_peer_detection_seconds,
      natKeepaliveSeconds: ike.nat_keepalive_seconds,
      giveUpSeconds: ike.give_up_seconds,
      keepIn: toPlace(table.ike.keep_in_vault),
    },
    esp: {
      proposals: esp.proposals?.flatMap((text) => readEspProposals(text).proposals) ?? defaultEspProposals,
      lifetime: toLifetime(esp),
      replayWindow: esp.replay_window,
      encapsulation: esp.encapsulation,
    },
    network: {
      protect: table.networks,
      virtualAddress: table.virtual_address,
      dns: table.dns,
      mtu: table.mtu,
      capture: table.capture,
    },
    failClosed: {
      whenDown: table.when_down,
      lockdown: table.lockdown,
      allowLocalNetwork: table.allow_local_network,
    },
    start: table.start,
    retry: table.retry,
    defaultAction: table.default_action,
    filter: table.filter.map((row) => toFilterRow(row, name)),
    responder:
      table.role === 'gateway'
        ? {
            pool4: responder?.pool4,
            pool6: responder?.pool6,
            dns: responder?.dns ?? [],
            networks: responder?.networks ?? ['0.0.0.0/0', '::/0'],
          }
        : undefined,
  };
}

function toAuthentication(table: ProfileTable['authentication']): Profile['authentication'] {
  switch (table.method) {
    case 'psk':
      return { method: 'psk', secret: table.secret };
    case 'certificate':
      return {
        method: 'certificate',
        certificate: table.certificate,
        privateKey: table.private_key ?? table.certificate,
        authorities: table.authorities,
      };
    case 'card': {
      const { on_card_removal: onRemoval, keep_hours: keepHours, subject, issuer, ...rest } = table;
      return { ...rest, subject, issuer, onRemoval, keepHours };
    }
    case 'eap':
      return {
        method: 'eap',
        identity: table.identity,
        secret: table.secret,
        methods: table.methods,
        authorities: table.authorities,
      };
  }
}

function toPlace(text: string | undefined): VaultPlace | undefined {
  if (text === undefined) return undefined;
  const [vault = '', compartment = ''] = text.split('/');
  return { vault, compartment };
}

function peerMethod({ authentication, peer_authentication: peer }: ProfileTable): 'psk' | 'certificate' {
  return peer.method ?? (authentication.method === 'psk' ? 'psk' : 'certificate');
}

function toLifetime(esp: ProfileTable['esp']): Lifetime {
  const soft = (hard: number) => Math.floor(hard * softPart);
  const { lifetime_seconds: seconds, lifetime_bytes: bytes, lifetime_packets: packets } = esp;
  return {
    softSeconds: soft(seconds),
    hardSeconds: seconds,
    ...(bytes !== undefined && { softBytes: soft(bytes), hardBytes: bytes }),
    ...(packets !== undefined && { softPackets: soft(packets), hardPackets: packets }),
  };
}

/** What only the whole can tell. */
function furtherProblems(table: ProfileTable): SchemaProblem[] {
  return [
    ...(table.role === 'client' ? clientProblems(table) : gatewayProblems(table)),
    ...peerProblems(table),
    ...cardProblems(table),
    ...(table.lockdown && table.when_down === 'bypass'
      ? [{ path: ['lockdown'], problem: { code: 'lockdown-contradicts' } } as const]
      : []),
  ];
}

function clientProblems({ gateway, responder }: ProfileTable): SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  if (gateway.address === undefined) {
    problems.push({ path: ['gateway', 'address'], problem: { code: 'gateway-address-missing' } });
  }
  if (responder) problems.push({ path: ['responder'], problem: { code: 'responder-for-gateways' } });
  return problems;
}

function gatewayProblems(table: ProfileTable): SchemaProblem[] {
  const { gateway, responder, local, authentication } = table;
  const problems: SchemaProblem[] = [];
  if (local.identity === undefined && authentication.method === 'psk') {
    problems.push({ path: ['local', 'identity'], problem: { code: 'gateway-identity-missing' } });
  }
  if (authentication.method === 'eap') {
    problems.push({ path: ['authentication', 'method'], problem: { code: 'eap-for-clients' } });
  }
  if (gateway.address !== undefined) {
    problems.push({ path: ['gateway', 'address'], problem: { code: 'address-for-clients' } });
  }
  if (table.ike.keep_in_vault !== undefined) {
    problems.push({ path: ['ike', 'keep_in_vault'], problem: { code: 'keep-for-clients' } });
  }
  for (const [key, family] of [
    ['pool4', 4],
    ['pool6', 6],
  ] as const) {
    const pool = responder?.[key];
    if (pool === undefined || parsePrefix(pool)?.address.family === family) continue;
    problems.push({ path: ['responder', key], problem: { code: 'pool-family-wrong', family } });
  }
  return problems;
}

function cardProblems({ role, authentication }: ProfileTable): SchemaProblem[] {
  if (authentication.method !== 'card') return [];
  const problems: SchemaProblem[] = [];
  if (role === 'gateway') {
    problems.push({ path: ['authentication', 'method'], problem: { code: 'card-for-clients' } });
  }
  if (authentication.slot === '9c' && authentication.pin === 'once') {
    problems.push({ path: ['authentication', 'pin'], problem: { code: 'pin-once-with-9c' } });
  }
  return problems;
}

function peerProblems(table: ProfileTable): SchemaProblem[] {
  const { authentication, peer_authentication: peer } = table;
  if (peerMethod(table) === 'psk') {
    return authentication.method === 'psk'
      ? []
      : [{ path: ['peer_authentication', 'method'], problem: { code: 'peer-psk-needs-psk' } }];
  }
  const own = authentication.method === 'psk' ? [] : authentication.authorities;
  if ((peer.authorities ?? own).length > 0) return [];
  const path =
    authentication.method !== 'psk'
      ? ['authentication', 'authorities']
      : ['peer_authentication', 'authorities'];
  return [{ path, problem: { code: 'authorities-missing' } }];
}
