// tshark as an independent reader of our IKE and ESP: given the keys that charon agreed on (from its log at the level
// that shows them), it checks every integrity value in a capture.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

/** Added to the charon section: the log shows keys from then on. */
export function keyLogSettings(logFile: string) {
  return {
    filelog: { all: { path: logFile, default: 1, ike: 4, chd: 4, flush_line: 'yes', ike_name: 'yes' } },
  };
}

export interface IkeKeys {
  readonly encryptionInitiator: string;
  readonly encryptionResponder: string;
  /** Empty with AEAD. */
  readonly integrityInitiator: string;
  readonly integrityResponder: string;
}

export interface WireReport {
  readonly espGood: number;
  readonly espBad: number;
  /** ESP frames that no key fits. */
  readonly espUnread: number;
  readonly ikeGood: number;
  readonly ikeBad: number;
  readonly ikeUnread: number;
  /** Inner packets found in ESP, as "source>destination". */
  readonly innerFlows: ReadonlySet<string>;
}

/** Reads the capture with the keys that the log shows. `ikeEncryption` is tshark's name for the IKE cipher. */
export async function readWire(
  captureFile: string,
  log: string,
  directory: string,
  ikeAlgorithms: IkeAlgorithms = aesGcm256,
): Promise<WireReport> {
  const configuration = join(directory, 'wireshark');
  mkdirSync(configuration, { recursive: true });
  writeFileSync(join(configuration, 'esp_sa'), espTable(log));
  const pairs = ikeSpiPairs(await tshark(captureFile, configuration, ikeFields, 'isakmp'));
  writeFileSync(join(configuration, 'ikev2_decryption_table'), ikeTable(log, pairs, ikeAlgorithms));
  const esp = await tshark(captureFile, configuration, espFields, 'esp');
  const ike = await tshark(
    captureFile,
    configuration,
    ikeFields,
    'isakmp.nextpayload == 46 || isakmp.typepayload == 46',
  );
  return { ...judgeEsp(esp), ...judgeIke(ike) };
}

export interface IkeAlgorithms {
  readonly encryption: string;
  readonly integrity: string;
}

export const aesGcm256: IkeAlgorithms = {
  encryption: 'AES-GCM-256 with 16 octet ICV [RFC5282]',
  integrity: 'NONE [RFC4306]',
};

export const aesCbc256WithSha256: IkeAlgorithms = {
  encryption: 'AES-CBC-256 [RFC3602]',
  integrity: 'HMAC_SHA2_256_128 [RFC4868]',
};

const espFields = ['esp.spi', 'esp.icv_good', 'esp.icv_bad', 'ip.src', 'ip.dst'];
const ikeFields = ['isakmp.ispi', 'isakmp.rspi', 'isakmp.enc.decrypted', '_ws.expert.message'];

type Row = Readonly<Record<string, string>>;

async function tshark(
  captureFile: string,
  configuration: string,
  fields: readonly string[],
  filter: string,
): Promise<readonly Row[]> {
  const text = await command(
    [
      ...['tshark', '-n', '-r', captureFile, '-Y', filter, '-T', 'fields', '-E', 'separator=|'],
      ...['-o', 'esp.enable_encryption_decode:TRUE', '-o', 'esp.enable_authentication_check:TRUE'],
      ...fields.flatMap((field) => ['-e', field]),
    ],
    { environment: { WIRESHARK_CONFIG_DIR: configuration } },
  );
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const cells = line.split('|');
      return Object.fromEntries(fields.map((field, at) => [field, cells[at] ?? '']));
    });
}

function judgeEsp(rows: readonly Row[]) {
  const innerFlows = new Set<string>();
  let [espGood, espBad, espUnread] = [0, 0, 0];
  for (const row of rows) {
    if (isTrue(row['esp.icv_good'])) espGood += 1;
    else if (isTrue(row['esp.icv_bad'])) espBad += 1;
    else espUnread += 1;
    const [sources, destinations] = [row['ip.src']!.split(','), row['ip.dst']!.split(',')];
    if (sources.length > 1) innerFlows.add(`${sources.at(-1)}>${destinations.at(-1)}`);
  }
  return { espGood, espBad, espUnread, innerFlows };
}

function judgeIke(rows: readonly Row[]) {
  let [ikeGood, ikeBad, ikeUnread] = [0, 0, 0];
  for (const row of rows) {
    if (row['_ws.expert.message']!.includes('incorrect')) ikeBad += 1;
    else if (row['isakmp.enc.decrypted'] !== '') ikeGood += 1;
    else ikeUnread += 1;
  }
  return { ikeGood, ikeBad, ikeUnread };
}

function isTrue(cell: string | undefined): boolean {
  return cell !== undefined && /^(1|True)/.test(cell);
}

/** The pairs in the order in which they first appear; answers to the first message give the responder's SPI. */
function ikeSpiPairs(rows: readonly Row[]): readonly { initiator: string; responder: string }[] {
  const pairs = new Map<string, { initiator: string; responder: string }>();
  for (const row of rows) {
    const [initiator, responder] = [row['isakmp.ispi']!, row['isakmp.rspi']!];
    if (!/^0*$/.test(responder)) pairs.set(initiator + responder, { initiator, responder });
  }
  return [...pairs.values()];
}

function ikeTable(
  log: string,
  pairs: readonly { initiator: string; responder: string }[],
  algorithms: IkeAlgorithms,
): string {
  const keys = ikeKeys(log);
  return pairs
    .map((pair, at) => ({ pair, key: keys[at] }))
    .filter((each): each is { pair: (typeof pairs)[number]; key: IkeKeys } => each.key !== undefined)
    .map(
      ({ pair, key }) =>
        `${pair.initiator},${pair.responder},${key.encryptionInitiator},${key.encryptionResponder},` +
        `"${algorithms.encryption}",${key.integrityInitiator},${key.integrityResponder},"${algorithms.integrity}"\n`,
    )
    .join('');
}

/** In the order in which they were agreed on. */
function ikeKeys(log: string): readonly IkeKeys[] {
  const dumps = hexDumps(log);
  const named = (name: string) => dumps.filter((dump) => dump.name === name).map((dump) => dump.hex);
  const [encryptionInitiator, encryptionResponder] = [named('Sk_ei secret'), named('Sk_er secret')];
  const [integrityInitiator, integrityResponder] = [named('Sk_ai secret'), named('Sk_ar secret')];
  return encryptionInitiator.map((key, at) => ({
    encryptionInitiator: key,
    encryptionResponder: encryptionResponder[at] ?? '',
    integrityInitiator: integrityInitiator[at] ?? '',
    integrityResponder: integrityResponder[at] ?? '',
  }));
}

/** One row for each direction of each child SA: inbound at charon has the key of whoever sent there. */
function espTable(log: string): string {
  const lines = log.split('\n');
  const dumps = hexDumps(log);
  const rows: string[] = [];
  let peerInitiated = true;
  let keys: { initiator: string; responder: string } = { initiator: '', responder: '' };
  let direction = '';
  for (const [at, line] of lines.entries()) {
    const exchange = /\[ENC\].* parsed (?:IKE_AUTH|CREATE_CHILD_SA) (request|response)/.exec(line)?.[1];
    if (exchange !== undefined) peerInitiated = exchange === 'request';
    const dump = dumps.find((each) => each.line === at);
    if (dump?.name === 'encryption initiator key') keys = { ...keys, initiator: dump.hex };
    if (dump?.name === 'encryption responder key') keys = { ...keys, responder: dump.hex };
    direction = /(?:adding|registering) (inbound|outbound) ESP SA/.exec(line)?.[1] ?? direction;
    const spi = /\[CHD\].* SPI (0x[0-9a-f]+), src/.exec(line)?.[1];
    if (spi === undefined || rows.some((row) => row.includes(spi))) continue;
    const key = (direction === 'inbound') === peerInitiated ? keys.initiator : keys.responder;
    rows.push(`"IPv4","*","*","${spi}","AES-GCM with 16 octet ICV [RFC4106]","0x${key}","NULL",""`);
  }
  return `${rows.join('\n')}\n`;
}

export interface HexDump {
  readonly name: string;
  readonly hex: string;
  readonly line: number;
}

/** charon writes "NAME => 36 bytes @ 0x…" and below it rows of sixteen bytes. */
export function hexDumps(log: string): readonly HexDump[] {
  const dumps: HexDump[] = [];
  const lines = log.split('\n');
  for (const [at, line] of lines.entries()) {
    const [, name, count] = /\] <[^>]*> ([^\]]*) => (\d+) bytes @/.exec(line) ?? [];
    if (name === undefined) continue;
    let hex = '';
    for (let next = at + 1; hex.length < Number(count) * 2; next += 1) {
      const row = /^\S+ <[^>]*>\s+\d+: ((?:[0-9A-F]{2} )+)/.exec(lines[next] ?? '')?.[1];
      if (row === undefined) break;
      hex += row.replaceAll(' ', '').slice(0, Number(count) * 2 - hex.length);
    }
    dumps.push({ name, hex, line: at });
  }
  return dumps;
}
