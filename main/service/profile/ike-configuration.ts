// What the IKE engine is told to do for a profile: a pure function of the profile and what belongs to this connection.
import type { Identity, IkeConfiguration, LocalAuthentication } from '../../engine/ike/contract.ts';
import {
  type AddressFamily,
  type AddressRange,
  everyAddress,
  type IpAddress,
  parsePrefix,
  prefixToRange,
  singleAddress,
} from '../../engine/packet/address.ts';
import { anyPort, type TrafficSelector } from '../../engine/policy/selector.ts';
import type { AssociationId } from '../../engine/sa/parameters.ts';
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import type { Profile } from './contract.ts';
import { IdentityTextError, matchesIdentity, parseIdentity } from './identity.ts';

/** What the profile does not know. */
export interface ConnectionParts {
  readonly association: AssociationId;
  /** The terminal's address towards the gateway: who we are, and what is sealed, where the profile says nothing else. */
  readonly localAddress: IpAddress | undefined;
  /** With certificates: DER, our own first, and the type of its key. */
  readonly certificates?: readonly Uint8Array[];
  readonly keyType?: Extract<LocalAuthentication, { method: 'certificate' }>['keyType'];
  /** The IKE SA is there already: we do not prove again who we are, and need nothing for that. */
  readonly isEstablished?: boolean;
}

/** How long `up` waits for the first sign of the gateway. */
const connectTimeoutMilliseconds = 10_000;
const firstRetransmissionMilliseconds = 500;
const retransmissionFactor = 1.8;

/**
 * The configuration for one connection; role "gateway" makes the one that serves every client that comes. Throws an
 * Error where a part is missing that the profile needs.
 */
export function ikeConfigurationFor(profile: Profile, parts: ConnectionParts): IkeConfiguration {
  const isClient = profile.role === 'client';
  const selectors = isClient ? clientSelectors(profile, parts) : gatewaySelectors(profile);
  const asks = (family: AddressFamily): boolean =>
    isClient &&
    profile.network.virtualAddress &&
    selectors.remote.some((range) => range.first.family === family);
  return {
    role: isClient ? 'initiator' : 'responder',
    localIdentity: localIdentity(profile, parts),
    remoteIdentity: remoteIdentity(profile),
    localAuthentication: localAuthentication(profile, parts),
    remoteAuthentication: profile.peerAuthentication.method,
    ikeProposals: profile.ike.proposals,
    espProposals: profile.esp.proposals,
    children: [
      {
        association: parts.association,
        localSelectors: selectors.local.map(toSelector),
        remoteSelectors: selectors.remote.map(toSelector),
      },
    ],
    requestVirtualAddress4: asks(4),
    requestVirtualAddress6: asks(6),
    requestDns: isClient && profile.network.dns,
    encapsulation: profile.esp.encapsulation,
    replayWindow: profile.esp.replayWindow,
    ikeLifetimeSeconds: profile.ike.lifetimeSeconds,
    childLifetime: profile.esp.lifetime,
    deadPeerDetectionSeconds: profile.ike.deadPeerDetectionSeconds,
    natKeepaliveSeconds: profile.ike.natKeepaliveSeconds,
    retransmission: {
      firstMilliseconds: firstRetransmissionMilliseconds,
      factor: retransmissionFactor,
      tries: retransmissionTries(profile.ike.giveUpSeconds),
    },
    connectTimeoutMilliseconds,
  };
}

interface Selectors {
  readonly local: readonly AddressRange[];
  readonly remote: readonly AddressRange[];
}

/** With a virtual address, ours is not known yet: we offer any, and the gateway narrows it (RFC 7296 section 2.9). */
function clientSelectors({ network }: Profile, { localAddress }: ConnectionParts): Selectors {
  const every = [everyAddress(4), everyAddress(6)];
  const wanted = typeof network.protect === 'string' ? every : network.protect.map(rangeOf);
  if (network.virtualAddress) {
    return { local: every.filter((range) => wanted.some((each) => sameFamily(each, range))), remote: wanted };
  }
  if (!localAddress) throw new Error('A profile without a virtual address needs the terminal’s own.');
  const own = singleAddress(localAddress);
  const reachable = wanted.filter((range) => sameFamily(range, own));
  if (reachable.length === 0) {
    throw new Error(
      'None of the networks can be reached from the terminal’s own address: it is of another family.',
    );
  }
  return { local: [own], remote: reachable };
}

/** The engine narrows the client's side to the address that it assigns. */
function gatewaySelectors({ responder }: Profile): Selectors {
  const pools = [responder?.pool4, responder?.pool6].filter((pool) => pool !== undefined);
  return {
    local: (responder?.networks ?? []).map(rangeOf),
    remote: pools.length > 0 ? pools.map(rangeOf) : [everyAddress(4), everyAddress(6)],
  };
}

function rangeOf(text: string): AddressRange {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`"${text}" is no prefix.`);
  return prefixToRange(prefix);
}

function sameFamily(a: AddressRange, b: AddressRange): boolean {
  return a.first.family === b.first.family;
}

function toSelector(addresses: AddressRange): TrafficSelector {
  return { protocol: 0, ports: anyPort, addresses };
}

/** A distinguished name that is the certificate's own goes out as the very bytes of its subject. */
function localIdentity(profile: Profile, { certificates, localAddress }: ConnectionParts): Identity {
  const stated = profile.local.identity === undefined ? undefined : parseIdentity(profile.local.identity);
  if (profile.authentication.method !== 'psk') {
    const own = certificates?.[0] && parseCertificate(certificates[0]);
    const subject: Identity | undefined = own && { type: 'distinguished-name', value: own.subject };
    if (subject && (!stated || matchesIdentity(stated, subject))) return subject;
  }
  if (stated) return stated;
  if (profile.authentication.method === 'eap') return eapIdentity(profile.authentication.identity);
  if (localAddress) return { type: 'address', value: localAddress };
  throw new Error('A profile without [local] identity needs the terminal’s own address.');
}

/** Many gateways look at the name in EAP only; where it is no identity of IKE, it goes as a key id. */
function eapIdentity(name: string): Identity {
  const keyId: Identity = { type: 'key-id', value: new TextEncoder().encode(name) };
  // Names of IKE are ASCII (RFC 7296 section 3.5).
  if (!/^[\x20-\x7e]*$/.test(name)) return keyId;
  try {
    return parseIdentity(name);
  } catch (error) {
    if (!(error instanceof IdentityTextError)) throw error;
    return keyId;
  }
}

function remoteIdentity({ role, gateway }: Profile): Identity | undefined {
  const text = gateway.identity ?? (role === 'client' ? gateway.address : undefined);
  return text === undefined ? undefined : parseIdentity(text);
}

function localAuthentication(
  { authentication }: Profile,
  { certificates = [], keyType, isEstablished = false }: ConnectionParts,
): LocalAuthentication {
  if (authentication.method === 'psk') return { method: 'psk' };
  if (authentication.method === 'eap') {
    return { method: 'eap', userName: authentication.identity, methods: authentication.methods };
  }
  if (isEstablished) return { method: 'certificate', certificates: [], keyType: 'ecdsa-p256' };
  if (certificates.length === 0 || !keyType) {
    throw new Error('A profile with a certificate needs the certificate and the type of its key.');
  }
  return { method: 'certificate', certificates, keyType };
}

/** The waits grow by the factor; the last one ends no earlier than `seconds` after the request. */
function retransmissionTries(seconds: number): number {
  let wait = firstRetransmissionMilliseconds;
  let total = wait;
  let tries = 0;
  while (total < seconds * 1000) {
    wait *= retransmissionFactor;
    total += wait;
    tries += 1;
  }
  return tries;
}
