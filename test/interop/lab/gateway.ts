// A stock strongSwan gateway for the office topology: what differs from row to row is said in a few words.
import type { Settings } from './strongswan.ts';

export interface GatewayChoice {
  readonly ikeProposals?: string;
  readonly espProposals?: string;
  readonly authentication?: GatewayAuthentication;
  /** Identity the gateway shows. */
  readonly identity?: string;
  /** Prefixes that the gateway offers. */
  readonly networks?: string;
  readonly pool4?: string;
  readonly pool6?: string;
  readonly dns?: string;
  /** Merged into the connection. */
  readonly connection?: Settings;
  /** Merged into the child. */
  readonly child?: Settings;
}

export type GatewayAuthentication =
  | { readonly method: 'psk'; readonly secret: string; readonly clientIdentity: string }
  | { readonly method: 'certificate'; readonly certificate: string; readonly authority: string }
  /** `eap`: "eap-mschapv2", "eap-gtc", "eap-md5". */
  | {
      readonly method: 'eap';
      readonly certificate: string;
      readonly eap: string;
      readonly users: Readonly<Record<string, string>>;
    };

export const officeSecret = 'a long enough secret for the office';
export const gatewayIdentity = 'vpn.office.test';
export const clientIdentity = 'laptop@office.test';
export const stockIkeProposals = 'aes256gcm16-prfsha384-ecp256';
export const stockEspProposals = 'aes256gcm16';

/** swanctl.conf with one connection, child and pool, each called "office" (the IPv6 pool "office6"). */
export function gatewaySettings(choice: GatewayChoice = {}): Settings {
  const authentication = choice.authentication ?? {
    method: 'psk',
    secret: officeSecret,
    clientIdentity,
  };
  const identity = choice.identity ?? gatewayIdentity;
  const psk = authentication.method === 'psk';
  const pools: Record<string, Settings> = {
    office: { addrs: choice.pool4 ?? '10.9.0.0/24', dns: choice.dns ?? '10.1.0.2' },
    ...(choice.pool6 === undefined ? {} : { office6: { addrs: choice.pool6 } }),
  };
  return {
    connections: {
      office: {
        version: 2,
        proposals: choice.ikeProposals ?? stockIkeProposals,
        pools: Object.keys(pools).join(','),
        local: psk
          ? { auth: 'psk', id: identity }
          : { auth: 'pubkey', id: identity, certs: authentication.certificate },
        remote: remoteSettings(authentication),
        children: {
          office: {
            local_ts: choice.networks ?? '10.1.0.0/16',
            esp_proposals: choice.espProposals ?? stockEspProposals,
            ...choice.child,
          },
        },
        ...choice.connection,
      },
    },
    pools,
    ...(authentication.method === 'eap'
      ? {
          secrets: Object.fromEntries(
            Object.entries(authentication.users).map(([id, secret], at) => [
              `eap-${at}`,
              { id: `"${id}"`, secret: `"${secret}"` },
            ]),
          ),
        }
      : {}),
    ...(psk
      ? {
          secrets: {
            'ike-office': {
              'id-client': authentication.clientIdentity,
              'id-gateway': identity,
              secret: `"${authentication.secret}"`,
            },
          },
        }
      : {}),
  };
}

function remoteSettings(authentication: GatewayAuthentication): Settings {
  switch (authentication.method) {
    case 'psk':
      return { auth: 'psk' };
    case 'certificate':
      return { auth: 'pubkey', cacerts: authentication.authority };
    case 'eap':
      return { auth: authentication.eap, eap_id: '%any', id: '%any' };
  }
}

/** swanctl.conf of a strongSwan client that connects to that gateway with PSK, for proving the laboratory. */
export function clientSettings(gatewayAddress: string, choice: GatewayChoice = {}): Settings {
  return {
    connections: {
      office: {
        version: 2,
        remote_addrs: gatewayAddress,
        proposals: choice.ikeProposals ?? stockIkeProposals,
        vips: '0.0.0.0',
        local: { auth: 'psk', id: clientIdentity },
        remote: { auth: 'psk', id: choice.identity ?? gatewayIdentity },
        children: {
          office: {
            remote_ts: choice.networks ?? '10.1.0.0/16',
            esp_proposals: choice.espProposals ?? stockEspProposals,
            ...choice.child,
          },
        },
        ...choice.connection,
      },
    },
    secrets: {
      'ike-office': {
        'id-client': clientIdentity,
        'id-gateway': choice.identity ?? gatewayIdentity,
        secret: `"${officeSecret}"`,
      },
    },
  };
}
