// Profiles of the office, as text: what differs from row to row is said in a few words.
import { clientIdentity, gatewayIdentity } from './gateway.ts';

export interface ProfileChoice {
  readonly gatewayAddress: string;
  readonly gatewayIdentity?: string;
  readonly localIdentity?: string;
  readonly authentication?: ProfileAuthentication;
  readonly networks?: string;
  readonly ikeProposals?: readonly string[];
  readonly espProposals?: readonly string[];
  /** Lines at the top of the file. */
  readonly top?: readonly string[];
  /** Lines of the table [ike]. */
  readonly ike?: readonly string[];
  /** Lines of the table [esp]. */
  readonly esp?: readonly string[];
  /** Lines behind the last table, e.g. [[filter]] rows. */
  readonly end?: readonly string[];
}

export type ProfileAuthentication =
  | { readonly method: 'psk'; readonly secret: string }
  | {
      readonly method: 'certificate';
      readonly certificate: string;
      readonly privateKey: string;
      readonly authorities: readonly string[];
    }
  | { readonly method: 'card'; readonly authorities: readonly string[]; readonly lines?: readonly string[] }
  | {
      readonly method: 'eap';
      readonly identity: string;
      readonly secret?: string;
      readonly methods?: readonly string[];
      readonly authorities: readonly string[];
    };

/** A client of the office's gateway. */
export function profileText(choice: ProfileChoice): string {
  const { ikeProposals, espProposals } = choice;
  return [
    `networks = ${choice.networks ?? '["10.1.0.0/16"]'}`,
    ...(choice.top ?? []),
    '[gateway]',
    `address = "${choice.gatewayAddress}"`,
    `identity = "${choice.gatewayIdentity ?? gatewayIdentity}"`,
    '[local]',
    `identity = "${choice.localIdentity ?? clientIdentity}"`,
    '[authentication]',
    ...authenticationLines(choice.authentication ?? { method: 'psk', secret: 'office' }),
    '[ike]',
    ...(ikeProposals === undefined ? [] : [`proposals = ${JSON.stringify(ikeProposals)}`]),
    ...(choice.ike ?? []),
    '[esp]',
    ...(espProposals === undefined ? [] : [`proposals = ${JSON.stringify(espProposals)}`]),
    ...(choice.esp ?? []),
    ...(choice.end ?? []),
    '',
  ].join('\n');
}

/** The office's gateway, when it is ours. */
export function gatewayProfileText(
  authentication: ProfileAuthentication = { method: 'psk', secret: 'office' },
): string {
  return [
    'role = "gateway"',
    '[local]',
    `identity = "${gatewayIdentity}"`,
    '[authentication]',
    ...authenticationLines(authentication),
    '[responder]',
    'pool4 = "10.9.0.0/24"',
    'dns = ["10.1.0.2"]',
    'networks = ["10.1.0.0/16"]',
    '',
  ].join('\n');
}

function authenticationLines(authentication: ProfileAuthentication): readonly string[] {
  if (authentication.method === 'psk') return ['method = "psk"', `secret = "${authentication.secret}"`];
  if (authentication.method === 'card') {
    const authorities = `authorities = ${JSON.stringify(authentication.authorities)}`;
    return ['method = "card"', authorities, ...(authentication.lines ?? [])];
  }
  if (authentication.method === 'eap') {
    const { identity, secret, methods, authorities } = authentication;
    return [
      'method = "eap"',
      `identity = ${JSON.stringify(identity)}`,
      ...(secret === undefined ? [] : [`secret = "${secret}"`]),
      ...(methods === undefined ? [] : [`methods = ${JSON.stringify(methods)}`]),
      `authorities = ${JSON.stringify(authorities)}`,
    ];
  }
  return [
    'method = "certificate"',
    `certificate = "${authentication.certificate}"`,
    `private_key = "${authentication.privateKey}"`,
    `authorities = ${JSON.stringify(authentication.authorities)}`,
  ];
}
