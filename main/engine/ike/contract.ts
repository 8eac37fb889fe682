// What goes into the IKE engine and what comes out: events and effects (RFC 7296). No clock, no randomness, no socket
// and no private key in here; the caller carries out each effect and brings its result back as an event.
import type { AddressPrefix, Endpoint, IpAddress } from '../packet/address.ts';
import type { TrafficSelector } from '../policy/selector.ts';
import type { AssociationId, EspAlgorithm, Lifetime } from '../sa/parameters.ts';

/** Identifies one IKE connection (a configured peer, or one that came to us) for as long as the caller knows it. */
export type ConnectionId = number;

export type Identity =
  | { readonly type: 'fqdn' | 'email'; readonly value: string }
  | { readonly type: 'address'; readonly value: IpAddress }
  /** DER of the Name. */
  | { readonly type: 'distinguished-name'; readonly value: Uint8Array }
  | { readonly type: 'key-id'; readonly value: Uint8Array };

export type IkeEncryption = 'aes-128-gcm-16' | 'aes-256-gcm-16' | 'aes-128-cbc' | 'aes-256-cbc';
export type IkeIntegrity = 'hmac-sha2-256-128' | 'none';
export type IkePrf = 'hmac-sha2-256' | 'hmac-sha2-384';
/** IANA group numbers: 14 MODP-2048, 19 P-256, 31 Curve25519. */
export type IkeGroup = 14 | 19 | 31;

export interface IkeProposal {
  readonly encryption: IkeEncryption;
  /** 'none' with an AEAD cipher. */
  readonly integrity: IkeIntegrity;
  readonly prf: IkePrf;
  readonly group: IkeGroup;
}

export interface EspProposal {
  readonly encryption: EspAlgorithm;
  /** For CREATE_CHILD_SA with perfect forward secrecy; undefined: none. */
  readonly group?: IkeGroup | undefined;
}

/** Everything one connection needs to know. Both roles. */
export interface IkeConfiguration {
  readonly role: 'initiator' | 'responder';
  readonly localIdentity: Identity;
  /** undefined as responder: any that authenticates. */
  readonly remoteIdentity: Identity | undefined;
  readonly localAuthentication: LocalAuthentication;
  readonly remoteAuthentication: 'psk' | 'certificate';
  /** SHA-1 of each trusted authority's SubjectPublicKeyInfo, for the certificate request (RFC 7296 section 3.7). */
  readonly certificateAuthorityHashes?: readonly Uint8Array[];
  /** In order of preference. */
  readonly ikeProposals: readonly IkeProposal[];
  readonly espProposals: readonly EspProposal[];
  readonly children: readonly ChildConfiguration[];
  /** Initiator: ask for these by the configuration payload. */
  readonly requestVirtualAddress4: boolean;
  readonly requestVirtualAddress6: boolean;
  readonly requestDns: boolean;
  /** Initiator: make the NAT detection fail on purpose, so that ESP goes in UDP ('udp'). RFC 7296 section 2.23. */
  readonly encapsulation: 'udp' | 'native';
  readonly replayWindow: number;
  /** Rekeying begins at the soft limit (with jitter by the passed-in randomness). */
  readonly ikeLifetimeSeconds: number;
  readonly childLifetime: Lifetime;
  readonly deadPeerDetectionSeconds: number;
  readonly natKeepaliveSeconds: number;
  /** First waiting time and factor and number of tries, RFC 7296 section 2.1. */
  readonly retransmission: {
    readonly firstMilliseconds: number;
    readonly factor: number;
    readonly tries: number;
  };
  /** Initiator: give up the first exchange after this long without any answer. */
  readonly connectTimeoutMilliseconds: number;
}

/** The secret or key itself stays outside; a PSK is handed in by the 'psk' effect's answer in locked memory. */
export type LocalAuthentication =
  | { readonly method: 'psk' }
  | {
      readonly method: 'certificate';
      /** DER, own certificate first, then intermediates. */
      readonly certificates: readonly Uint8Array[];
      /** With 'ecdsa-p384' the peer has to know RFC 7427. */
      readonly keyType: 'rsa' | 'ecdsa-p256' | 'ecdsa-p384';
    }
  /** Initiator, and only where the peer authenticates by certificate. The password comes by 'get-password'. */
  | { readonly method: 'eap'; readonly userName: string; readonly methods: readonly EapMethod[] };

export const eapMethods = ['mschapv2', 'gtc'] as const;
export type EapMethod = (typeof eapMethods)[number];
export type PasswordKind = 'password' | 'one-time-code';

/** Why EAP came to nothing, where that is known. */
export type EapProblem =
  | 'wrong-password'
  | 'account-disabled'
  | 'password-expired'
  | 'not-permitted'
  | 'no-common-method'
  /** The server did not know the password either. */
  | 'server-unproven';

export interface ChildConfiguration {
  readonly association: AssociationId;
  /**
   * Empty local selectors: the virtual address if one was asked for (offered as 0.0.0.0/0 and ::/0, narrowed by the
   * peer), else the endpoint's own address. Empty remote selectors: as responder the address that was assigned or
   * the peer's own, as initiator everything.
   */
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** Passed in once. */
export interface IkeEnvironment {
  /** Fills with randomness. Every nonce, SPI, IV and ephemeral key comes from here. */
  random(bytes: Uint8Array): void;
  /** Zero-filled bytes in locked memory. The engine gives each back by `freeSecret` (which wipes it). */
  allocateSecret(length: number): Uint8Array;
  freeSecret(secret: Uint8Array): void;
  /** A free inbound SPI of the data plane. */
  allocateSpi(): number;
}

export type IkeEvent =
  | {
      readonly type: 'connect';
      readonly connection: ConnectionId;
      readonly configuration: IkeConfiguration;
      readonly local: Endpoint;
      readonly remote: Endpoint;
    }
  /**
   * Go on with the IKE SA of an earlier process, as 'suspended' gave it so many milliseconds ago; the engine frees it.
   * Leads to 'established' and new child SAs, or to 'closed', then as a rule within seconds.
   */
  | {
      readonly type: 'resume';
      readonly connection: ConnectionId;
      readonly configuration: IkeConfiguration;
      readonly local: Endpoint;
      readonly remote: Endpoint;
      readonly stored: Uint8Array;
      readonly elapsedMilliseconds: number;
    }
  /**
   * End the connection without a word to the peer, to go on with it in another process: leads to 'suspended' and
   * 'closed'. Nothing happens while an exchange is under way, or where the peer would not follow us to another port.
   */
  | { readonly type: 'suspend'; readonly connection: ConnectionId }
  /** Bring up (again) one child of an established connection; answered by child-established or child-failed. */
  | { readonly type: 'create-child'; readonly connection: ConnectionId; readonly association: AssociationId }
  | {
      readonly type: 'rekey-child';
      readonly connection: ConnectionId;
      readonly association: AssociationId;
      readonly spi: number;
    }
  /** `spi`: of the child that is meant, in either direction; absent: all that the association has. */
  | {
      readonly type: 'delete-child';
      readonly connection: ConnectionId;
      readonly association: AssociationId;
      readonly spi?: number;
    }
  | { readonly type: 'rekey-ike'; readonly connection: ConnectionId }
  /** Sends DELETE; `abrupt` does not wait for the answer. */
  | { readonly type: 'disconnect'; readonly connection: ConnectionId; readonly abrupt: boolean }
  /**
   * An IKE message without the non-ESP marker. `marker`: it had one; where absent, this is concluded from the ports
   * (no marker where one of them is 500).
   */
  | {
      readonly type: 'datagram';
      readonly bytes: Uint8Array;
      readonly marker?: boolean;
      readonly local: Endpoint;
      readonly remote: Endpoint;
    }
  /** The data plane heard valid ESP of this connection: no dead peer detection needed. */
  | { readonly type: 'peer-alive'; readonly connection: ConnectionId }
  /**
   * Ask the peer for a sign of life now, which also measures the round trip. `urgent`: the way to it may have gone, so
   * give up within seconds; the connection then ends with 'dead-peer'.
   */
  | { readonly type: 'probe'; readonly connection: ConnectionId; readonly urgent: boolean }
  | { readonly type: 'timer' }
  | { readonly type: 'psk'; readonly request: number; readonly secret: Uint8Array | undefined }
  /** UTF-8 in locked memory, freed by the engine; undefined: there will be none. */
  | { readonly type: 'password'; readonly request: number; readonly secret: Uint8Array | undefined }
  | {
      readonly type: 'signed';
      readonly request: number;
      readonly signature: Uint8Array | undefined;
      readonly problem?: string;
    }
  | {
      readonly type: 'peer-verified';
      readonly request: number;
      readonly valid: boolean;
      readonly problem?: CertificateProblem;
      readonly detail?: string;
    }
  /** Responder: addresses for the initiator that asked. */
  | {
      readonly type: 'addresses-assigned';
      readonly request: number;
      readonly address4?: IpAddress;
      readonly address6?: IpAddress;
      readonly dns: readonly IpAddress[];
    };

export type CertificateProblem =
  | 'untrusted'
  | 'expired'
  | 'not-yet-valid'
  | 'key-usage'
  | 'name-mismatch'
  | 'bad-signature'
  | 'malformed';

export type IkeEffect =
  /** `marker`: prepend the 4-byte non-ESP marker (port 4500). `connection` is 0 before a responder knows its peer. */
  | {
      readonly type: 'send';
      readonly connection: ConnectionId;
      readonly bytes: Uint8Array;
      readonly local: Endpoint;
      readonly remote: Endpoint;
      readonly marker: boolean;
    }
  | { readonly type: 'send-keepalive'; readonly local: Endpoint; readonly remote: Endpoint }
  /** Call again with a 'timer' event then; undefined: nothing pending. Replaces the earlier one. */
  | { readonly type: 'set-timer'; readonly atMilliseconds: number | undefined }
  /** The pre-shared key for this pair; the engine frees it by freeSecret. */
  | {
      readonly type: 'get-psk';
      readonly request: number;
      readonly connection: ConnectionId;
      readonly localIdentity: Identity;
      readonly remoteIdentity: Identity;
    }
  /** EAP asks for a password, or (later) for a code; `message`: the peer's own words, as they came. */
  | {
      readonly type: 'get-password';
      readonly request: number;
      readonly connection: ConnectionId;
      readonly kind: PasswordKind;
      readonly message: string;
    }
  /** Sign `data` (RFC 7427: the whole octets, hash to be applied by the signer). */
  | {
      readonly type: 'sign';
      readonly request: number;
      readonly connection: ConnectionId;
      readonly scheme: SignatureScheme;
      readonly data: Uint8Array;
    }
  /** Validate the chain, match the identity, and check the signature over `data` with the leaf's key. */
  | {
      readonly type: 'verify-peer';
      readonly request: number;
      readonly connection: ConnectionId;
      readonly certificates: readonly Uint8Array[];
      readonly identity: Identity;
      readonly scheme: SignatureScheme;
      readonly data: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly type: 'assign-addresses';
      readonly request: number;
      readonly connection: ConnectionId;
      readonly remoteIdentity: Identity;
      readonly wants4: boolean;
      readonly wants6: boolean;
    }
  | { readonly type: 'expect-inbound'; readonly spi: number }
  | { readonly type: 'cancel-expected'; readonly spi: number }
  | { readonly type: 'established'; readonly connection: ConnectionId; readonly details: IkeDetails }
  | {
      readonly type: 'install-child';
      readonly connection: ConnectionId;
      readonly child: ChildKeys;
      readonly direction: 'inbound' | 'outbound' | 'both';
    }
  | {
      readonly type: 'remove-child';
      readonly connection: ConnectionId;
      readonly association: AssociationId;
      readonly inboundSpi: number;
      readonly outboundSpi: number;
      readonly lingerSeconds: number;
    }
  | {
      readonly type: 'child-failed';
      readonly connection: ConnectionId;
      readonly association: AssociationId;
      readonly reason: IkeFailure;
    }
  /** The peer's address or port moved (NAT rebinding): authenticated. */
  | { readonly type: 'peer-moved'; readonly connection: ConnectionId; readonly remote: Endpoint }
  /** `stored` (layout: stored-association.ts) is a secret, freed by whoever carries the effect out. */
  | { readonly type: 'suspended'; readonly connection: ConnectionId; readonly stored: Uint8Array }
  | { readonly type: 'closed'; readonly connection: ConnectionId; readonly reason: IkeFailure };

/** ECDSA signatures are DER (Ecdsa-Sig-Value) in events and effects, whatever the authentication method. */
export type SignatureScheme =
  | { readonly kind: 'rsa-pkcs1'; readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512' }
  | { readonly kind: 'rsa-pss'; readonly hash: 'sha256' | 'sha384' | 'sha512' }
  | { readonly kind: 'ecdsa'; readonly hash: 'sha256' | 'sha384' | 'sha512' };

export interface IkeDetails {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly proposal: IkeProposal;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly localIdentity: Identity;
  readonly remoteIdentity: Identity;
  readonly natDetected: { readonly local: boolean; readonly remote: boolean };
  readonly virtualAddresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
  /** Networks behind the gateway, where it told them (INTERNAL_IP4_SUBNET, INTERNAL_IP6_SUBNET). */
  readonly subnets?: readonly AddressPrefix[];
}

/**
 * Keys are secrets from allocateSecret; whoever carries the effect out frees them. In an effect for one direction the
 * other direction's `keyMaterial` is empty (length 0, nothing to free).
 */
export interface ChildKeys {
  readonly association: AssociationId;
  readonly proposal: EspProposal;
  readonly encapsulation: 'udp' | 'native';
  readonly inbound: { readonly spi: number; readonly keyMaterial: Uint8Array };
  readonly outbound: { readonly spi: number; readonly keyMaterial: Uint8Array };
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** Why a connection or a child ended, as code and parameters; words are put to it by the clients. */
export type IkeFailure =
  | { readonly code: 'requested' }
  | { readonly code: 'no-answer'; readonly milliseconds: number }
  | { readonly code: 'dead-peer' }
  | { readonly code: 'deleted-by-peer' }
  | { readonly code: 'authentication-failed'; readonly problem?: EapProblem } // the peer refused us
  | {
      readonly code: 'peer-authentication-failed';
      readonly problem: CertificateProblem | 'wrong-psk' | 'wrong-identity';
      readonly detail?: string;
    }
  | { readonly code: 'no-proposal-chosen'; readonly layer: 'ike' | 'esp' }
  | { readonly code: 'selectors-unacceptable' }
  | { readonly code: 'no-address-assigned' }
  | { readonly code: 'secret-missing' }
  | { readonly code: 'signing-failed'; readonly detail?: string }
  | { readonly code: 'invalid-message'; readonly detail: string }
  | { readonly code: 'refused-by-peer'; readonly notify: string }
  | { readonly code: 'replaced' }; // by a rekeyed SA or by the peer's INITIAL_CONTACT

/** The engine: one object serves every connection of a service. `step` never throws for bad input. */
export interface IkeEngine {
  /**
   * The effects are to be carried out in their order, all of them before the next event: an answer that is at hand
   * at once waits until then.
   */
  step(event: IkeEvent, nowMilliseconds: number): IkeEffect[];
  /** Responder: which configuration serves a peer that comes to us; asked with the first exchange and with its ID. */
  setResponder(responder: ResponderConfiguration | undefined): void;
  /** For `sa list`: no keys in it. */
  snapshot(): readonly IkeSnapshot[];
}

export interface ResponderConfiguration {
  readonly ikeProposals: readonly IkeProposal[];
  /** Given: ask the initiator for a certificate, of these authorities where there are any (SHA-1 of their SPKI). */
  readonly certificateAuthorityHashes?: readonly Uint8Array[];
  /** Half-open IKE SAs above which cookies are demanded; default 32. */
  readonly cookieThreshold?: number;
  /** Picks by the initiator's identity (IDi) and, if it sent one, the identity it asked for (IDr). */
  choose(
    initiator: Identity,
    wanted: Identity | undefined,
  ): { connection: ConnectionId; configuration: IkeConfiguration } | undefined;
}

/** From a request to its response, and when that came. */
export interface RoundTrip {
  readonly milliseconds: number;
  readonly atMilliseconds: number;
}

export interface IkeSnapshot {
  readonly connection: ConnectionId;
  readonly role: 'initiator' | 'responder';
  readonly state: 'connecting' | 'established' | 'rekeying' | 'closing';
  /** The peer has said something that can be gone on with; false while the first request waits. */
  readonly answered: boolean;
  readonly details: IkeDetails | undefined;
  readonly establishedAtMilliseconds: number | undefined;
  readonly rekeyAtMilliseconds: number | undefined;
  /** Of the latest exchange that cost the peer nothing but an answer. */
  readonly roundTrip: RoundTrip | undefined;
  readonly children: readonly {
    readonly association: AssociationId;
    readonly inboundSpi: number;
    readonly outboundSpi: number;
    readonly proposal: EspProposal;
    readonly encapsulation: 'udp' | 'native';
    readonly installedAtMilliseconds: number;
    readonly rekeyAtMilliseconds: number | undefined;
    readonly localSelectors: readonly TrafficSelector[];
    readonly remoteSelectors: readonly TrafficSelector[];
  }[];
}
