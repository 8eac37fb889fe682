// A profile as the text of a file that a person can read and change: only what differs from the defaults.
import { stringify, type TomlTable } from 'smol-toml';
import { eapMethods } from '../../engine/ike/contract.ts';
import { toFilterTable } from '../configuration/filter-row.ts';
import type { CardAuthentication, Profile } from './contract.ts';
import { parseProfile } from './parse.ts';
import {
  defaultEspProposals,
  defaultIkeProposals,
  formatEspProposal,
  formatIkeProposal,
} from './proposal.ts';

/**
 * TOML that parseProfile reads back to an equal profile. Lifetimes are written by their hard limits; soft ones are always
 * 90 % of them.
 */
export function formatProfile(profile: Profile): string {
  return `${stringify(toTable(profile))}\n`;
}

function toTable(profile: Profile): TomlTable {
  const defaults = plainest(profile);
  const { network, failClosed, gateway, ike, esp } = profile;
  const chosen = <Value>(value: Value, usual: Value): Value | undefined =>
    JSON.stringify(value) === JSON.stringify(usual) ? undefined : value;
  return withoutEmpty({
    role: chosen(profile.role, 'client'),
    start: chosen(profile.start, defaults.start),
    retry: chosen(profile.retry, defaults.retry),
    networks:
      profile.role === 'client' ? mutable(network.protect) : chosen(mutable(network.protect), 'gateway'),
    virtual_address: chosen(network.virtualAddress, defaults.network.virtualAddress),
    dns: chosen(network.dns, defaults.network.dns),
    mtu: network.mtu,
    capture: chosen(network.capture, defaults.network.capture),
    when_down: chosen(failClosed.whenDown, defaults.failClosed.whenDown),
    lockdown: chosen(failClosed.lockdown, defaults.failClosed.lockdown),
    allow_local_network: chosen(failClosed.allowLocalNetwork, defaults.failClosed.allowLocalNetwork),
    default_action: profile.defaultAction,
    gateway: {
      address: gateway.address,
      port: chosen(gateway.port, defaults.gateway.port),
      identity: gateway.identity,
    },
    local: { identity: profile.local.identity },
    authentication: authenticationTable(profile),
    peer_authentication: peerTable(profile),
    ike: {
      proposals: chosen(ike.proposals.map(formatIkeProposal), defaultIkeProposals.map(formatIkeProposal)),
      lifetime_seconds: chosen(ike.lifetimeSeconds, defaults.ike.lifetimeSeconds),
      dead_peer_detection_seconds: chosen(
        ike.deadPeerDetectionSeconds,
        defaults.ike.deadPeerDetectionSeconds,
      ),
      nat_keepalive_seconds: chosen(ike.natKeepaliveSeconds, defaults.ike.natKeepaliveSeconds),
      give_up_seconds: chosen(ike.giveUpSeconds, defaults.ike.giveUpSeconds),
      keep_in_vault: ike.keepIn && `${ike.keepIn.vault}/${ike.keepIn.compartment}`,
    },
    esp: {
      proposals: chosen(esp.proposals.map(formatEspProposal), defaultEspProposals.map(formatEspProposal)),
      lifetime_seconds: chosen(esp.lifetime.hardSeconds, defaults.esp.lifetime.hardSeconds),
      lifetime_bytes: esp.lifetime.hardBytes,
      lifetime_packets: esp.lifetime.hardPackets,
      replay_window: chosen(esp.replayWindow, defaults.esp.replayWindow),
      encapsulation: chosen(esp.encapsulation, defaults.esp.encapsulation),
    },
    responder: profile.responder && {
      pool4: profile.responder.pool4,
      pool6: profile.responder.pool6,
      dns: profile.responder.dns.length === 0 ? undefined : [...profile.responder.dns],
      networks: chosen([...profile.responder.networks], ['0.0.0.0/0', '::/0']),
    },
    filter:
      profile.filter.length === 0 ? undefined : profile.filter.map((row) => toFilterTable(row, profile.name)),
  });
}

/** The same profile with every default. */
function plainest(profile: Profile): Profile {
  return parseProfile(
    '[gateway]\naddress = "gateway.example"\n[authentication]\nmethod = "psk"\nsecret = "x"\n',
    profile.name,
  );
}

function authenticationTable({ authentication }: Profile): TableDraft {
  if (authentication.method === 'psk') return { method: 'psk', secret: authentication.secret };
  if (authentication.method === 'card') return cardTable(authentication);
  if (authentication.method === 'eap') {
    const { identity, secret, methods } = authentication;
    const usual =
      methods.length === eapMethods.length && methods.every((each, at) => each === eapMethods[at]);
    return {
      method: 'eap',
      identity,
      secret,
      methods: usual ? undefined : [...methods],
      authorities: authentication.authorities.length === 0 ? undefined : [...authentication.authorities],
    };
  }
  const { certificate, privateKey, authorities } = authentication;
  return {
    method: 'certificate',
    certificate,
    private_key: privateKey === certificate ? undefined : privateKey,
    authorities: authorities.length === 0 ? undefined : [...authorities],
  };
}

function cardTable(card: CardAuthentication): TableDraft {
  const { slot, subject, issuer, authorities, pin, onRemoval, keepHours } = card;
  return {
    method: 'card',
    slot: slot === '9a' ? undefined : slot,
    subject,
    issuer,
    authorities: authorities.length === 0 ? undefined : [...authorities],
    pin: pin === 'each-time' ? undefined : pin,
    on_card_removal: onRemoval === 'disconnect' ? undefined : onRemoval,
    keep_hours: keepHours === 8 ? undefined : keepHours,
  };
}

function peerTable({ authentication, peerAuthentication }: Profile): TableDraft {
  const own = authentication.method === 'psk' ? [] : authentication.authorities;
  const usual = authentication.method === 'psk' ? 'psk' : 'certificate';
  const sameAuthorities = JSON.stringify(own) === JSON.stringify(peerAuthentication.authorities);
  return {
    method: peerAuthentication.method === usual ? undefined : peerAuthentication.method,
    authorities: sameAuthorities ? undefined : [...peerAuthentication.authorities],
  };
}

function mutable(protect: Profile['network']['protect']): string | string[] {
  return typeof protect === 'string' ? protect : [...protect];
}

interface TableDraft {
  readonly [key: string]: string | number | boolean | string[] | TableDraft | TableDraft[] | undefined;
}

function withoutEmpty(draft: TableDraft): TomlTable {
  const table: TomlTable = {};
  for (const [key, value] of Object.entries(draft)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) {
      table[key] = value.map((each) => (typeof each === 'string' ? each : withoutEmpty(each)));
    } else if (typeof value === 'object') {
      const inner = withoutEmpty(value);
      if (Object.keys(inner).length > 0) table[key] = inner;
    } else {
      table[key] = value;
    }
  }
  return table;
}
