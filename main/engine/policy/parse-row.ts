// Filter rows from text to numbers and back.
import { type AddressRange, formatRange, parseRange } from '../packet/address.ts';
import { hasPorts, isIcmp, parseProtocol, protocolName, protocolNumber } from '../packet/protocol.ts';
import type { AssociationId } from '../sa/parameters.ts';
import type { RowProblem } from './messages.ts';
import type { FilterRowText, PolicyRow } from './row.ts';
import type { PortRange } from './selector.ts';

/** What the texts of rows are read against. */
export interface RowContext {
  /** "filter", "profile NAME", "built-in". */
  readonly origin: string;
  /** What names stand for now: "terminal", "gateway", "local-network", "dhcp", … */
  readonly names: ReadonlyMap<string, readonly AddressRange[]>;
  /** The association of the profile that a PROTECT row names (or names not); undefined where there is no such profile. */
  associationOf(profile: string | undefined): AssociationId | undefined;
}

/** A row that cannot be used: which field, and why. */
export class FilterRowError extends Error {
  override readonly name = 'FilterRowError';
  readonly field: keyof FilterRowText;
  readonly problem: RowProblem;

  constructor(field: keyof FilterRowText, problem: RowProblem) {
    super(`${field}: ${problem.code}`);
    this.field = field;
    this.problem = problem;
  }

  /** The row is well written, but matches nothing, since a name in it stands for no address at present. */
  get idle(): boolean {
    return this.problem.code === 'no-address-now';
  }
}

export interface ParsedRows {
  readonly rows: readonly PolicyRow[];
  /** Rows left out because a name in them stands for no address at present. */
  readonly idle: readonly { readonly index: number; readonly id: string; readonly error: FilterRowError }[];
}

/** Reads rows in order. Throws FilterRowError for one that is badly written. Ids are unique and stable. */
export function parseRows(texts: readonly FilterRowText[], context: RowContext): ParsedRows {
  const rows: PolicyRow[] = [];
  const idle: { index: number; id: string; error: FilterRowError }[] = [];
  const timesSeen = new Map<string, number>();
  for (const [index, text] of texts.entries()) {
    const base = rowId(text, context.origin);
    const times = (timesSeen.get(base) ?? 0) + 1;
    timesSeen.set(base, times);
    const id = times === 1 ? base : `${base} #${times}`;
    try {
      rows.push({ ...parseRow(text, context), id });
    } catch (error) {
      if (!(error instanceof FilterRowError) || !error.idle) throw error;
      idle.push({ index, id, error });
    }
  }
  return { rows, idle };
}

/** Reads one row. Throws FilterRowError. */
export function parseRow(text: FilterRowText, context: RowContext): PolicyRow {
  const protocol = parseRowProtocol(text.protocol);
  const local = parseAddresses('source', text.source, context);
  const remote = parseAddresses('destination', text.destination, context);
  checkFamilies(protocol, local, remote);
  const allowInbound = text.allowInbound ?? false;
  if (allowInbound && text.action !== 'BYPASS') {
    throw new FilterRowError('allowInbound', { code: 'inbound-needs-bypass' });
  }
  if (text.profile !== undefined && text.action !== 'PROTECT') {
    throw new FilterRowError('profile', { code: 'profile-needs-protect', action: text.action });
  }
  return {
    id: rowId(text, context.origin),
    label: text.note ?? describeRow(text),
    origin: context.origin,
    local,
    remote,
    protocol,
    localPorts: parsePorts('sourcePorts', text.sourcePorts, protocol),
    remotePorts: parsePorts('destinationPorts', text.destinationPorts, protocol),
    allowInbound,
    action: text.action,
    association: text.action === 'PROTECT' ? findAssociation(text, context) : 0,
  };
}

/** The row as text, names replaced by what they stood for. `profile`: of a PROTECT row. */
export function formatRow(row: PolicyRow, profile?: string): FilterRowText {
  const localPorts = formatPorts(row.localPorts, row.protocol);
  const remotePorts = formatPorts(row.remotePorts, row.protocol);
  return {
    source: formatAddresses(row.local),
    destination: formatAddresses(row.remote),
    protocol: row.protocol === undefined ? 'any' : protocolName(row.protocol),
    ...(localPorts !== undefined && { sourcePorts: localPorts }),
    ...(remotePorts !== undefined && { destinationPorts: remotePorts }),
    action: row.action,
    ...(row.allowInbound && { allowInbound: true }),
    ...(row.action === 'PROTECT' && profile !== undefined && { profile }),
    note: row.label,
  };
}

/** One line in no language: "terminal → 10.1.0.0/16 tcp 443". */
export function describeRow(text: FilterRowText): string {
  const ports = (value: string | undefined): string => (value === undefined || value === 'any' ? '' : value);
  const from = ports(text.sourcePorts) === '' ? '' : `:${text.sourcePorts}`;
  const what = [text.protocol === 'any' ? '' : text.protocol, ports(text.destinationPorts)];
  return [`${text.source}${from} → ${text.destination}`, ...what].filter((part) => part !== '').join(' ');
}

/** Made of what the row says and where it comes from, so that it outlives reordering; the note does not count. */
function rowId(text: FilterRowText, origin: string): string {
  const profile = text.profile === undefined ? '' : ` by ${text.profile}`;
  const inbound = text.allowInbound ? ' (inbound too)' : '';
  return `${origin}: ${text.action} ${describeRow(text)}${profile}${inbound}`;
}

function parseRowProtocol(text: string): number | undefined {
  if (text.trim().toLowerCase() === 'any') return undefined;
  const protocol = parseProtocol(text.trim());
  if (protocol === undefined) {
    throw new FilterRowError('protocol', { code: 'protocol-unknown', text });
  }
  return protocol;
}

function parseAddresses(
  field: 'source' | 'destination',
  text: string,
  context: RowContext,
): readonly AddressRange[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.includes('any')) {
    if (parts.length > 1) throw new FilterRowError(field, { code: 'any-stands-alone' });
    return [];
  }
  const ranges = parts.flatMap((part) => parseAddressPart(field, part, context));
  if (ranges.length === 0) {
    throw new FilterRowError(field, { code: 'no-address-now', text });
  }
  return ranges;
}

function parseAddressPart(
  field: 'source' | 'destination',
  part: string,
  context: RowContext,
): readonly AddressRange[] {
  const range = parseRange(part);
  if (range) return [range];
  const named = context.names.get(part);
  if (named) return named;
  if (/^[\d.]+\/\d+$/.test(part) || (part.includes(':') && part.includes('/'))) {
    throw new FilterRowError(field, { code: 'prefix-bits', text: part });
  }
  const names = ['any', ...context.names.keys()].join(', ');
  throw new FilterRowError(field, { code: 'address-unknown', text: part, names });
}

/** A row whose parts can never meet in one packet is a mistake. */
function checkFamilies(
  protocol: number | undefined,
  local: readonly AddressRange[],
  remote: readonly AddressRange[],
): void {
  const possible = ([4, 6] as const).filter(
    (family) => hasFamily(local, family) && hasFamily(remote, family),
  );
  if (possible.length === 0) {
    throw new FilterRowError('destination', { code: 'ip-versions-differ' });
  }
  if (protocol === protocolNumber.icmp && !possible.includes(4)) {
    throw new FilterRowError('protocol', { code: 'icmp-is-ipv4' });
  }
  if (protocol === protocolNumber.icmpv6 && !possible.includes(6)) {
    throw new FilterRowError('protocol', { code: 'icmpv6-is-ipv6' });
  }
}

function hasFamily(ranges: readonly AddressRange[], family: 4 | 6): boolean {
  return ranges.length === 0 || ranges.some((range) => range.first.family === family);
}

function parsePorts(
  field: 'sourcePorts' | 'destinationPorts',
  text: string | undefined,
  protocol: number | undefined,
): readonly PortRange[] {
  if (text === undefined || text.trim() === 'any') return [];
  if (protocol !== undefined && isIcmp(protocol)) {
    if (field === 'sourcePorts') {
      throw new FilterRowError(field, { code: 'icmp-without-source-ports' });
    }
    return text.split(',').map((part) => parseIcmpType(part.trim()));
  }
  if (protocol === undefined || !hasPorts(protocol)) {
    throw new FilterRowError(field, { code: 'ports-need-protocol' });
  }
  return text.split(',').map((part) => parsePortRange(field, part.trim()));
}

function parsePortRange(field: 'sourcePorts' | 'destinationPorts', part: string): PortRange {
  const [, firstText = '', lastText = firstText] = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(part) ?? [];
  const first = Number(firstText);
  const last = Number(lastText);
  if (firstText === '' || first > 0xffff || last > 0xffff || first > last) {
    throw new FilterRowError(field, { code: 'port-invalid', text: part });
  }
  return { first, last };
}

function parseIcmpType(part: string): PortRange {
  const [, typeText = '', codeText] = /^(\d{1,3})(?:\/(\d{1,3}))?$/.exec(part) ?? [];
  const type = Number(typeText);
  const code = codeText === undefined ? undefined : Number(codeText);
  if (typeText === '' || type > 255 || (code ?? 0) > 255) {
    throw new FilterRowError('destinationPorts', { code: 'icmp-type-invalid', text: part });
  }
  return { first: (type << 8) | (code ?? 0), last: (type << 8) | (code ?? 255) };
}

function findAssociation(text: FilterRowText, context: RowContext): AssociationId {
  const association = context.associationOf(text.profile);
  if (association !== undefined) return association;
  throw new FilterRowError(
    'profile',
    text.profile === undefined
      ? { code: 'protect-needs-profile' }
      : { code: 'protecting-profile-unknown', profile: text.profile },
  );
}

function formatAddresses(ranges: readonly AddressRange[]): string {
  return ranges.length === 0 ? 'any' : ranges.map(formatRange).join(', ');
}

function formatPorts(ranges: readonly PortRange[], protocol: number | undefined): string | undefined {
  if (ranges.length === 0) return undefined;
  if (protocol === undefined || !isIcmp(protocol)) {
    return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
  }
  return ranges.flatMap(formatIcmpRange).join(', ');
}

/** Whole types as "8", single codes as "3/4". */
function formatIcmpRange({ first, last }: PortRange): string[] {
  const texts: string[] = [];
  for (let value = first; value <= last; ) {
    const type = value >> 8;
    const isWholeType = (value & 0xff) === 0 && value + 255 <= last;
    texts.push(isWholeType ? `${type}` : `${type}/${value & 0xff}`);
    value += isWholeType ? 256 : 1;
  }
  return texts;
}
