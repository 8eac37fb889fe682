// Profiles of strongSwan's app for Android (.sswan, JSON) as profiles of ours, with the credentials that they bring.
import { z } from 'zod';
import type { Message } from '../../control/messages.ts';
import { eapMethods } from '../../engine/ike/contract.ts';
import { parseAddress, parsePrefix } from '../../engine/packet/address.ts';
import type { FilterRowText } from '../../engine/policy/row.ts';
import { parseCertificate } from '../../keys/credentials/certificate.ts';
import { formatCertificates } from '../../keys/credentials/pem.ts';
import { openPkcs12 } from '../../keys/credentials/pkcs12.ts';
import { systemAuthorities } from '../../keys/credentials/store.ts';
import type { Profile } from './contract.ts';
import {
  checkedIdentity,
  checkOwnText,
  ImportError,
  type ImportedCredential,
  type ImportedProfile,
  nameFrom,
  takenProposals,
} from './imported.ts';
import { parseProfile } from './parse.ts';
import {
  defaultEspProposals,
  defaultIkeProposals,
  type ProposalReading,
  readEspProposals,
  readIkeProposals,
} from './proposal.ts';
import { profileNamePattern } from './schema.ts';
import { formatProfile } from './write.ts';

export interface ImportOptions {
  /** Instead of the one made from the profile's title. */
  readonly name?: string;
  /** UTF-8; opens the key in the file. */
  readonly passphrase?: Uint8Array;
}

/**
 * Reads a .sswan file. Throws ImportError, or CredentialError where the key in it needs a passphrase ("passphrase-
 * needed"), another one ("passphrase-wrong"), or is not supported ("invalid").
 */
export async function importStrongSwan(
  content: Uint8Array,
  options: ImportOptions = {},
): Promise<ImportedProfile> {
  const source = read(content);
  refuseType(source.type);
  const name = options.name ?? nameFrom(source.name);
  if (!profileNamePattern.test(name)) throw new ImportError({ code: 'profile-name-invalid', text: name });
  const draft: Draft = { name, source, remarks: [], credentials: [] };
  const authorities = await takeCredentials(draft, options.passphrase);
  const profile = toProfile(draft, authorities);
  noteWhatIsLeftOut(draft);
  const text = formatProfile(profile);
  checkOwnText(text, name);
  return { name, text, credentials: draft.credentials, remarks: draft.remarks };
}

interface Draft {
  readonly name: string;
  readonly source: Source;
  readonly remarks: Message[];
  readonly credentials: ImportedCredential[];
}

const textList = z.union([
  z.array(z.string()),
  z.string().transform((text) => text.split(/[\s,]+/).filter((each) => each !== '')),
]);

/** Keys of the format that mean nothing here are passed over; those that would change something are remarked on. */
const sourceSchema = z.object({
  uuid: z.string().optional(),
  name: z.string().min(1).max(200),
  type: z.string(),
  remote: z.object({
    addr: z.string().min(1).max(253),
    port: z.number().int().min(1).max(65_535).optional(),
    id: z.string().optional(),
    cert: z.string().optional(),
    revocation: z.unknown().optional(),
  }),
  local: z
    .object({ p12: z.string().optional(), id: z.string().optional(), eap_id: z.string().optional() })
    .optional(),
  'ike-proposal': z.string().max(500).optional(),
  'esp-proposal': z.string().max(500).optional(),
  'split-tunneling': z
    .object({
      subnets: textList.optional(),
      excluded: textList.optional(),
      'block-ipv4': z.boolean().optional(),
      'block-ipv6': z.boolean().optional(),
    })
    .optional(),
  mtu: z.number().int().optional(),
  'nat-keepalive': z.number().int().optional(),
  'dns-servers': textList.optional(),
  apps: z.unknown().optional(),
  'excluded-apps': z.unknown().optional(),
});
type Source = z.output<typeof sourceSchema>;

function read(content: Uint8Array): Source {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    throw new ImportError({ code: 'import-not-json' });
  }
  const result = sourceSchema.safeParse(value);
  if (result.success) return result.data;
  const keys = [...new Set(result.error.issues.map((issue) => issue.path.join('.')))].slice(0, 5).join(', ');
  throw new ImportError({ code: 'import-keys-wrong', keys });
}

const byPassword = 'ikev2-eap';

function refuseType(type: string): void {
  if (type === 'ikev2-cert' || type === byPassword) return;
  throw new ImportError({
    code: 'import-type-unsupported',
    type,
    supported: `ikev2-cert, ${byPassword}`,
  });
}

/** The names of the authorities that may vouch for the gateway. */
async function takeCredentials(draft: Draft, passphrase: Uint8Array | undefined): Promise<string[]> {
  const { name, source, remarks, credentials } = draft;
  const authorities: Uint8Array[] = [];
  if (source.remote.cert !== undefined) authorities.push(decodeCertificate(source.remote.cert));
  if (source.type === byPassword) remarks.push({ code: 'remark-password-asked' });
  else if (source.local?.p12 !== undefined) {
    const file = decodeBase64(source.local.p12, 'local.p12');
    const opened = await openPkcs12(file, passphrase);
    credentials.push({ kind: 'private-key', name, bytes: opened.privateKey });
    credentials.push({
      kind: 'certificate',
      name,
      bytes: Buffer.from(formatCertificates(opened.certificates)),
    });
    if (authorities.length === 0) authorities.push(...opened.authorities);
  } else {
    remarks.push({ code: 'remark-store-certificate', name });
  }
  if (authorities.length > 0) {
    credentials.push({ kind: 'authority', name, bytes: Buffer.from(formatCertificates(authorities)) });
  }
  if (source.remote.cert !== undefined) return [name];
  remarks.push({ code: 'remark-authorities-unknown' });
  return authorities.length > 0 ? [name, systemAuthorities] : [systemAuthorities];
}

function decodeCertificate(text: string): Uint8Array {
  const der = decodeBase64(text, 'remote.cert');
  if (!parseCertificate(der)) {
    throw new ImportError({ code: 'import-certificate-unreadable' }, { key: 'remote.cert' });
  }
  return der;
}

function decodeBase64(text: string, key: string): Uint8Array {
  const plain = text.replace(/\s/g, '');
  if (plain === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(plain)) {
    throw new ImportError({ code: 'import-not-base64' }, { key });
  }
  return new Uint8Array(Buffer.from(plain, 'base64'));
}

function toProfile(draft: Draft, authorities: readonly string[]): Profile {
  const { name, source } = draft;
  const address = source.remote.addr;
  const base = parseProfile(
    '[gateway]\naddress = "gateway.example"\n[authentication]\nmethod = "certificate"\ncertificate = "x"\nauthorities = ["x"]\n',
    name,
  );
  const subnets = prefixes(draft, source['split-tunneling']?.subnets, 'split-tunneling.subnets');
  const taken = <Proposal>(
    key: 'ike-proposal' | 'esp-proposal',
    reader: (text: string, lenient: boolean) => ProposalReading<Proposal>,
  ) => takenProposals(source[key], key, draft.remarks, reader);
  const mtu = source.mtu;
  const keepalive = source['nat-keepalive'];
  return {
    ...base,
    gateway: {
      address,
      port: source.remote.port ?? 500,
      identity: checkedIdentity(source.remote.id, 'remote.id'),
    },
    local: { identity: checkedIdentity(source.local?.id, 'local.id') },
    authentication: authentication(source, name, authorities),
    peerAuthentication: { method: 'certificate', authorities },
    ike: {
      ...base.ike,
      proposals: taken('ike-proposal', readIkeProposals) ?? defaultIkeProposals,
      natKeepaliveSeconds:
        keepalive !== undefined && keepalive >= 1 ? keepalive : base.ike.natKeepaliveSeconds,
    },
    esp: {
      ...base.esp,
      proposals: taken('esp-proposal', readEspProposals) ?? defaultEspProposals,
    },
    network: {
      ...base.network,
      protect: subnets.length > 0 ? subnets : 'gateway',
      mtu: mtu !== undefined && mtu >= 576 && mtu <= 65_535 ? mtu : undefined,
    },
    filter: filterRows(draft, subnets),
  };
}

function authentication(
  { type, local }: Source,
  name: string,
  authorities: readonly string[],
): Profile['authentication'] {
  if (type !== byPassword) return { method: 'certificate', certificate: name, privateKey: name, authorities };
  const userName = local?.eap_id ?? local?.id;
  if (userName === undefined) throw new ImportError({ code: 'import-keys-wrong', keys: 'local.eap_id' });
  return { method: 'eap', identity: userName, secret: undefined, methods: eapMethods, authorities };
}

function prefixes({ remarks }: Draft, texts: readonly string[] | undefined, key: string): string[] {
  return (texts ?? []).flatMap((text) => {
    if (parsePrefix(text)) return [text];
    remarks.push({ code: 'remark-not-a-prefix', key, text });
    return [];
  });
}

/** What goes past the tunnel, and what goes nowhere unless it is sealed. */
function filterRows(draft: Draft, subnets: readonly string[]): FilterRowText[] {
  const split = draft.source['split-tunneling'];
  const rows: FilterRowText[] = [];
  const excluded = prefixes(draft, split?.excluded, 'split-tunneling.excluded');
  for (const destination of excluded) {
    rows.push({ source: 'terminal', destination, protocol: 'any', action: 'BYPASS' });
  }
  for (const [key, family, everything] of [
    ['block-ipv4', 4, '0.0.0.0/0'],
    ['block-ipv6', 6, '::/0'],
  ] as const) {
    if (split?.[key] !== true || subnets.length === 0) continue;
    const sealed = subnets.filter((subnet) => parsePrefix(subnet)?.address.family === family);
    for (const destination of sealed) {
      rows.push({ source: 'terminal', destination, protocol: 'any', action: 'PROTECT', profile: draft.name });
    }
    rows.push({ source: 'terminal', destination: everything, protocol: 'any', action: 'DISCARD' });
  }
  return rows;
}

function noteWhatIsLeftOut({ source, remarks }: Draft): void {
  const servers = (source['dns-servers'] ?? []).filter((server) => parseAddress(server));
  if (servers.length > 0) {
    remarks.push({ code: 'remark-name-servers', servers: servers.join(', ') });
  }
  if (source.remote.revocation !== undefined) {
    remarks.push({ code: 'remark-revocation', key: 'remote.revocation' });
  }
  if (source.apps !== undefined || source['excluded-apps'] !== undefined) {
    remarks.push({ code: 'remark-apps' });
  }
}
