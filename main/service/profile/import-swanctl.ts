// Connections of strongSwan's swanctl.conf as profiles of ours, with the secrets of the same file that belong to them.
import type { Message } from '../../control/messages.ts';
import { eapMethods } from '../../engine/ike/contract.ts';
import { parseAddress, parsePrefix } from '../../engine/packet/address.ts';
import { systemAuthorities } from '../../keys/credentials/store.ts';
import type { Profile } from './contract.ts';
import { IdentityTextError, parseIdentity } from './identity.ts';
import {
  checkOwnText,
  ImportError,
  type ImportedCredential,
  type ImportedProfile,
  nameFrom,
  takenProposals,
} from './imported.ts';
import { parseProfile } from './parse.ts';
import { defaultEspProposals, defaultIkeProposals, readEspProposals, readIkeProposals } from './proposal.ts';
import { profileNamePattern } from './schema.ts';
import { readSettings, SettingsError, type SettingsView, wipeSettings } from './settings.ts';
import { findSecret } from './swanctl-secrets.ts';
import { formatProfile } from './write.ts';

export interface SwanctlOptions {
  /** Which connections, by their names in the file. */
  readonly connections: readonly string[];
  /** Instead of the connection's own name, where there is only one. */
  readonly name?: string;
}

/** The names of the connections in the file. Throws ImportError. */
export function listSwanctlConnections(content: Uint8Array): readonly string[] {
  return reading(content, (settings) => {
    const names = settings.section('connections')?.sectionNames() ?? [];
    if (names.length === 0) throw new ImportError({ code: 'import-no-connection' });
    return names;
  });
}

/** Throws ImportError. The secrets are in the credentials; nothing else keeps them. */
export function importSwanctl(content: Uint8Array, options: SwanctlOptions): readonly ImportedProfile[] {
  return reading(content, (settings) => {
    const imported = options.connections.map((connection) => importConnection(settings, connection, options));
    const names = imported.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new ImportError({ code: 'import-names-alike', name: twice });
    return imported;
  });
}

function reading<Result>(content: Uint8Array, read: (settings: SettingsView) => Result): Result {
  let settings: SettingsView | undefined;
  try {
    settings = readSettings(content);
    return read(settings);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new ImportError(error.problem, { line: error.line });
  } finally {
    if (settings !== undefined) wipeSettings(settings);
  }
}

interface Draft {
  /** In the file. */
  readonly connection: string;
  /** Of the profile. */
  readonly name: string;
  readonly settings: SettingsView;
  readonly section: SettingsView;
  readonly gateway: string;
  readonly local: SettingsView | undefined;
  readonly remote: SettingsView | undefined;
  readonly child: SettingsView | undefined;
  readonly remarks: Message[];
  readonly credentials: ImportedCredential[];
}

function importConnection(
  settings: SettingsView,
  connection: string,
  options: SwanctlOptions,
): ImportedProfile {
  const section = settings.section('connections')?.section(connection);
  if (section === undefined) throw new ImportError({ code: 'import-connection-unknown', name: connection });
  const name =
    options.name !== undefined && options.connections.length === 1 ? options.name : nameFrom(connection);
  if (!profileNamePattern.test(name)) throw new ImportError({ code: 'profile-name-invalid', text: name });
  const line = { line: section.line };
  if (section.text('version') === '1') {
    throw new ImportError({ code: 'import-ike-version-1', connection }, line);
  }
  const remarks: Message[] = [];
  const draft: Draft = {
    connection,
    name,
    settings,
    section,
    gateway: gatewayOf(section, connection, remarks),
    local: onlyRound(section, 'local', connection),
    remote: onlyRound(section, 'remote', connection),
    child: firstChild(section, connection, remarks),
    remarks,
    credentials: [],
  };
  const text = formatOf(draft);
  checkOwnText(text, name);
  return { name, text, credentials: draft.credentials, remarks };
}

function formatOf(draft: Draft): string {
  const profile = toProfile(draft);
  noteWhatIsLeftOut(draft);
  return formatProfile(profile);
}

function toProfile(draft: Draft): Profile {
  const { name, section, child, remarks } = draft;
  const base = parseProfile(
    '[gateway]\naddress = "gateway.example"\n[authentication]\nmethod = "psk"\nsecret = "x"\n',
    name,
  );
  const { authentication, peerAuthentication } = authenticationOf(draft);
  const delay = seconds(section.text('dpd_delay'));
  const port = Number(section.text('remote_port') ?? 500);
  return {
    ...base,
    gateway: {
      address: draft.gateway,
      port: Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : 500,
      identity: remoteIdentity(draft),
    },
    local: { identity: localIdentity(draft) },
    authentication,
    peerAuthentication,
    ike: {
      ...base.ike,
      proposals:
        takenProposals(
          proposalText(section.text('proposals')),
          'proposals',
          remarks,
          readEach(readIkeProposals),
        ) ?? defaultIkeProposals,
      ...(delay !== undefined && delay >= 1 && { deadPeerDetectionSeconds: delay }),
    },
    esp: {
      ...base.esp,
      proposals:
        takenProposals(
          proposalText(child?.text('esp_proposals')),
          'esp_proposals',
          remarks,
          readEach(readEspProposals),
        ) ?? defaultEspProposals,
    },
    network: {
      ...base.network,
      protect: networksOf(draft),
      virtualAddress: section.text('vips') !== undefined,
    },
    start: /^(trap|start\|trap|trap\|start)$/.test(child?.text('start_action') ?? '')
      ? 'on-demand'
      : 'immediately',
    retry: child?.text('dpd_action') === 'restart' || section.text('keyingtries') === '0',
  };
}

/** The first that can be connected to: patterns and prefixes are for those who wait. */
function gatewayOf(section: SettingsView, connection: string, remarks: Message[]): string {
  const candidates = list(section.text('remote_addrs')).filter(
    (text) => !/[%/*]/.test(text) && !isRange(text),
  );
  const [first, ...others] = candidates;
  if (first === undefined) {
    throw new ImportError({ code: 'import-gateway-missing', connection }, { line: section.line });
  }
  if (others.length > 0) {
    remarks.push({ code: 'remark-first-gateway', connection, gateways: candidates.join(', ') });
  }
  return first;
}

/** "local", "local-1", "remote-ca": sections whose names begin so are rounds of authentication. */
function onlyRound(section: SettingsView, side: string, connection: string): SettingsView | undefined {
  const rounds = section.sectionNames().filter((name) => name.startsWith(side));
  if (rounds.length > 1) {
    throw new ImportError({ code: 'import-rounds-unsupported', connection }, { line: section.line });
  }
  return rounds[0] === undefined ? undefined : section.section(rounds[0]);
}

function firstChild(section: SettingsView, connection: string, remarks: Message[]): SettingsView | undefined {
  const children = section.section('children');
  const names = children?.sectionNames() ?? [];
  if (names.length > 1) {
    remarks.push({ code: 'remark-first-child', connection, children: names.join(', ') });
  }
  const child = names[0] === undefined ? undefined : children?.section(names[0]);
  const mode = child?.text('mode') ?? 'tunnel';
  if (mode === 'tunnel') return child;
  throw new ImportError(
    { code: 'import-mode-unsupported', connection, mode },
    { line: child?.line ?? section.line },
  );
}

function authenticationOf(draft: Draft): Pick<Profile, 'authentication' | 'peerAuthentication'> {
  const { connection, section, local, remote } = draft;
  const method = kindOf(local?.text('auth') ?? 'pubkey');
  const peer = kindOf(remote?.text('auth') ?? 'pubkey');
  if (method === undefined || peer === undefined || peer === 'eap') {
    const named = method === undefined ? local : remote;
    throw new ImportError(
      { code: 'import-method-unsupported', connection, method: named?.text('auth') ?? '' },
      { line: named?.line ?? section.line },
    );
  }
  const authorities = peer === 'psk' ? [] : authoritiesOf(draft);
  const peerAuthentication = { method: peer === 'psk' ? 'psk' : 'certificate', authorities } as const;
  switch (method) {
    case 'psk':
      return {
        authentication: { method, secret: takeSecret(draft, 'ike') ?? draft.name },
        peerAuthentication,
      };
    case 'eap':
      return { authentication: eapOf(draft, authorities), peerAuthentication };
    case 'pubkey':
      draft.remarks.push({
        code: 'remark-store-key-file',
        connection,
        file: list(local?.text('certs')).join(', ') || '–',
        name: draft.name,
      });
      return {
        authentication: {
          method: 'certificate',
          certificate: draft.name,
          privateKey: draft.name,
          authorities,
        },
        peerAuthentication,
      };
  }
}

/** "pubkey-sha256-…" and "rsa-2048" ask for strength, "eap-mschapv2" for a method of EAP. */
function kindOf(auth: string): 'psk' | 'pubkey' | 'eap' | undefined {
  if (auth === 'psk') return 'psk';
  if (/^(pubkey|rsa|ecdsa|ike:)/.test(auth)) return 'pubkey';
  return /^eap(-mschapv2|-md5|-dynamic|-gtc)?$/.test(auth) ? 'eap' : undefined;
}

function eapOf(draft: Draft, authorities: readonly string[]): Profile['authentication'] {
  const { connection, local, section } = draft;
  const identity = local?.text('eap_id') ?? local?.text('id');
  if (identity === undefined || identity.startsWith('%')) {
    throw new ImportError(
      { code: 'import-user-name-missing', connection },
      { line: local?.line ?? section.line },
    );
  }
  return {
    method: 'eap',
    identity,
    secret: takeSecret(draft, 'eap'),
    methods: eapMethods,
    authorities,
  };
}

/** The name under which it will be stored; undefined, with a remark, where the file has none that fits. */
function takeSecret(draft: Draft, kind: 'ike' | 'eap'): string | undefined {
  const { connection, name, settings, local, remote, gateway } = draft;
  const own = [local?.text('eap_id'), local?.text('id')];
  const identities = kind === 'eap' ? own : [remote?.text('id'), gateway, ...own];
  const bytes = findSecret(
    settings,
    kind,
    identities.filter((each) => each !== undefined),
  );
  if (bytes === undefined) {
    draft.remarks.push({ code: 'remark-store-secret', connection, name });
    return undefined;
  }
  draft.credentials.push({ kind: 'psk', name, bytes });
  return name;
}

function authoritiesOf({ connection, name, remote, remarks }: Draft): readonly string[] {
  const files = [...list(remote?.text('cacerts')), ...list(remote?.text('certs'))];
  if (files.length === 0) {
    remarks.push({ code: 'remark-authorities-unknown' });
    return [systemAuthorities];
  }
  remarks.push({ code: 'remark-store-authority', connection, file: files.join(', '), name });
  return [name];
}

function remoteIdentity({ connection, remote, remarks }: Draft): string | undefined {
  const text = remote?.text('id') ?? '%any';
  if (/^%any$|\*/.test(text)) {
    remarks.push({ code: 'remark-wildcard-identity', connection, text });
    return undefined;
  }
  return identityOf(text, 'remote.id', remote?.line);
}

function localIdentity({ local }: Draft): string | undefined {
  const text = local?.text('id');
  return text === undefined || text === '%any' ? undefined : identityOf(text, 'local.id', local?.line);
}

/** strongSwan's "fqdn:", "email:" and "keyid:" say the type, as "@", "@@" and "@#" do here. */
function identityOf(text: string, key: string, line: number | undefined): string {
  const [, type, value] = /^(fqdn|email|rfc822|keyid|asn1dn|ipv4|ipv6):(.*)$/s.exec(text) ?? [];
  const own =
    type === 'fqdn'
      ? `@${value}`
      : type === 'email' || type === 'rfc822'
        ? `@@${value}`
        : type === 'keyid'
          ? `@#${Buffer.from(value ?? '').toString('hex')}`
          : (value ?? text);
  try {
    parseIdentity(own);
    return own;
  } catch (error) {
    if (!(error instanceof IdentityTextError)) throw error;
    throw new ImportError(error.problem, { key, ...(line !== undefined && { line }) });
  }
}

function networksOf({ child, gateway, remarks }: Draft): Profile['network']['protect'] {
  const texts = list(child?.text('remote_ts') ?? 'dynamic');
  const prefixes = texts.flatMap((text) => {
    if (text === 'dynamic') {
      const address = parseAddress(gateway);
      return address === undefined ? [] : [`${gateway}/${address.bytes.length * 8}`];
    }
    const address = parseAddress(text);
    if (address !== undefined) return [`${text}/${address.bytes.length * 8}`];
    if (parsePrefix(text)) return [text];
    remarks.push({ code: 'remark-not-a-prefix', key: 'remote_ts', text });
    return [];
  });
  if (prefixes.includes('0.0.0.0/0') && prefixes.includes('::/0')) return 'everything';
  return prefixes.length === 0 ? 'gateway' : [...new Set(prefixes)];
}

/** What would change something, and is not taken over. */
function noteWhatIsLeftOut({ connection, section, local, child, remarks }: Draft): void {
  const leave = (view: SettingsView | undefined, key: string, harmless: RegExp): void => {
    const text = view?.text(key);
    if (text === undefined || harmless.test(text)) return;
    remarks.push({ code: 'remark-setting-left-out', connection, key, text: text.slice(0, 100) });
  };
  leave(section, 'local_addrs', /^%any6?$/);
  leave(section, 'local_port', /^(0|500)$/);
  leave(section, 'vips', /^(0\.0\.0\.0|::)(\s*,\s*(0\.0\.0\.0|::))*$/);
  leave(section, 'if_id_in', /^0$/);
  leave(section, 'if_id_out', /^0$/);
  leave(section, 'ppk_id', /^$/);
  leave(section, 'childless', /^(allow|never)$/);
  leave(local, 'aaa_id', /^%any$/);
  leave(child, 'local_ts', /^dynamic$/);
  leave(child, 'ah_proposals', /^$/);
  leave(child, 'policies', /^yes$/);
  leave(child, 'updown', /^$/);
  leave(child, 'mark_in', /^0/);
  leave(child, 'mark_out', /^0/);
  leave(child, 'start_action', /^(none|start|trap|start\|trap|trap\|start)$/);
}

/** "default" and "…, default" ask for what is usual, as leaving it out does. */
function proposalText(text: string | undefined): string | undefined {
  const given = list(text).filter((each) => each !== 'default');
  return given.length === 0 ? undefined : given.join(', ');
}

/** Reads the proposals of a list one by one; what we do not have at all is passed over where another one remains. */
function readEach<Proposal>(
  reader: (
    text: string,
    lenient: boolean,
  ) => { proposals: readonly Proposal[]; unsupported: readonly string[] },
) {
  return (text: string, lenient: boolean) => {
    const proposals: Proposal[] = [];
    const unsupported: string[] = [];
    let problem: unknown;
    for (const each of list(text)) {
      try {
        const read = reader(each, lenient);
        proposals.push(...read.proposals);
        unsupported.push(...read.unsupported);
      } catch (error) {
        problem = error;
        unsupported.push(each);
      }
    }
    if (proposals.length === 0) throw problem;
    return { proposals, unsupported };
  };
}

function list(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function isRange(text: string): boolean {
  const [first = '', last] = text.split('-');
  return last !== undefined && parseAddress(first.trim()) !== undefined;
}

/** "30s", "5m", "4h", "1d", or seconds. */
function seconds(text: string | undefined): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,7})\s*([smhd])?$/.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  return Number(number) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd'];
}
