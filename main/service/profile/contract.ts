// A profile as the service uses it, after the TOML was validated and every default was put in.

import type { EapMethod, EspProposal, IkeProposal } from '../../engine/ike/contract.ts';
import type { FilterRowText } from '../../engine/policy/row.ts';
import type { Lifetime } from '../../engine/sa/parameters.ts';

/** The key and its certificate are on a smart card. */
export interface CardAuthentication {
  readonly method: 'card';
  readonly slot: '9a' | '9c';
  /** Distinguished names of the certificate; undefined: any. */
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
  readonly authorities: readonly string[];
  /** "once": the card stays unlocked as long as it is in. */
  readonly pin: 'each-time' | 'once';
  readonly onRemoval: 'disconnect' | 'keep-until-reauthentication';
  /** How long a connection outlives its card with "keep-until-reauthentication". */
  readonly keepHours: number;
}

export interface VaultPlace {
  readonly vault: string;
  readonly compartment: string;
}

export interface Profile {
  readonly name: string;
  readonly role: 'client' | 'gateway';
  readonly gateway: {
    /** Host name or address. Absent for role "gateway". */
    readonly address: string | undefined;
    readonly port: number;
    /** Identity as text: "vpn.example.org", "alice@example.org", "192.0.2.1", "CN=…, O=…" or "@#hex" (key id). */
    readonly identity: string | undefined;
  };
  readonly local: { readonly identity: string | undefined };
  readonly authentication:
    | { readonly method: 'psk' /** Name in the secret store. */; readonly secret: string }
    | {
        readonly method: 'certificate';
        /** Names in the credential store. */
        readonly certificate: string;
        readonly privateKey: string;
        readonly authorities: readonly string[];
      }
    | CardAuthentication
    | {
        /** Name and password (RFC 7296 section 2.16); the gateway proves itself by certificate. */
        readonly method: 'eap';
        /** The name as the gateway knows it: "alice", "alice@example.org", "DOMAIN\\alice". */
        readonly identity: string;
        /** Name in the secret store; undefined: asked for. */
        readonly secret: string | undefined;
        readonly methods: readonly EapMethod[];
        readonly authorities: readonly string[];
      };
  /** How the peer proves itself; by default as we do. */
  readonly peerAuthentication: {
    readonly method: 'psk' | 'certificate';
    readonly authorities: readonly string[];
  };
  readonly ike: {
    readonly proposals: readonly IkeProposal[];
    readonly lifetimeSeconds: number;
    readonly deadPeerDetectionSeconds: number;
    readonly natKeepaliveSeconds: number;
    /** How long a request is repeated without an answer until an established peer counts as dead. */
    readonly giveUpSeconds: number;
    /** Where the IKE SA lies while the service restarts; undefined: it is made anew. */
    readonly keepIn: VaultPlace | undefined;
  };
  readonly esp: {
    readonly proposals: readonly EspProposal[];
    readonly lifetime: Lifetime;
    readonly replayWindow: number;
    readonly encapsulation: 'udp' | 'native';
  };
  readonly network: {
    /** "everything", "gateway" (what the gateway's selectors say), or prefixes. */
    readonly protect: 'everything' | 'gateway' | readonly string[];
    readonly virtualAddress: boolean;
    readonly dns: boolean;
    readonly mtu: number | undefined;
    readonly capture: 'needed' | 'all';
  };
  readonly failClosed: {
    readonly whenDown: 'block' | 'bypass';
    readonly lockdown: boolean;
    readonly allowLocalNetwork: boolean;
  };
  readonly start: 'immediately' | 'on-demand';
  /** After the first failure of `up`: go on trying? */
  readonly retry: boolean;
  /** What no row matches; undefined: DISCARD inside what PROTECT rows touch, BYPASS outside (DESIGN section 4). */
  readonly defaultAction: 'PROTECT' | 'BYPASS' | 'DISCARD' | undefined;
  readonly filter: readonly FilterRowText[];
  /** Role "gateway" only. */
  readonly responder:
    | {
        readonly pool4: string | undefined;
        readonly pool6: string | undefined;
        readonly dns: readonly string[];
        readonly networks: readonly string[];
      }
    | undefined;
}
