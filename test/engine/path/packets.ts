// What the tests of the path share: packets from words, tables, SA parameters, and two ends with keys for each other.
import assert from 'node:assert/strict';
import { parseAddress, parsePrefix, prefixToRange } from '../../../main/engine/packet/address.ts';
import type { PacketMemory } from '../../../main/engine/packet/batch.ts';
import { buildEcho, buildTcp, buildUdp } from '../../../main/engine/packet/build.ts';
import {
  createChecksumKernel,
  verifyHeaderChecksum,
  verifyTransportChecksum,
} from '../../../main/engine/packet/checksum.ts';
import { PacketView, parsePacket } from '../../../main/engine/packet/view.ts';
import type { PolicyAction, PolicyRow } from '../../../main/engine/policy/row.ts';
import { selectorForFamily } from '../../../main/engine/policy/selector.ts';
import type { PolicyTable } from '../../../main/engine/policy/table.ts';
import { keyLengths, type SecurityAssociationParameters } from '../../../main/engine/sa/parameters.ts';
import { MemoryEnd, type MemoryEndOptions, testPeer } from '../../fakes/memory-end.ts';

const buffer = new ArrayBuffer(131_072);
const memory: PacketMemory = {
  buffer,
  bytes: new Uint8Array(buffer),
  view: new DataView(buffer),
  address: 0,
};
const kernel = createChecksumKernel(memory);

export const near = '10.9.0.1';
export const far = '10.9.0.2';
export const near6 = 'fd09::1';
export const far6 = 'fd09::2';

export interface PacketWords {
  readonly from?: string;
  readonly to?: string;
  readonly payload?: Uint8Array | number;
  readonly port?: number;
  readonly sourcePort?: number;
  readonly sequence?: number;
  readonly flags?: number;
  readonly dontFragment?: boolean;
  readonly identification?: number;
}

export function udp(words: PacketWords = {}): Uint8Array {
  return memory.bytes.slice(64, 64 + buildUdp(memory, kernel, 64, { ...fieldsOf(words), ...portsOf(words) }));
}

export function tcp(words: PacketWords = {}): Uint8Array {
  const fields = {
    ...fieldsOf({ dontFragment: true, ...words }),
    ...portsOf(words),
    sequence: words.sequence ?? 1,
    acknowledgement: 77,
    flags: words.flags ?? 0x10,
  };
  return memory.bytes.slice(64, 64 + buildTcp(memory, kernel, 64, fields));
}

export function echo(words: PacketWords = {}, isReply = false): Uint8Array {
  const fields = { ...fieldsOf(words), identifier: 9, sequence: words.sequence ?? 1, reply: isReply };
  return memory.bytes.slice(64, 64 + buildEcho(memory, kernel, 64, fields));
}

/** Bytes that tell where they were. */
export function pattern(length: number, start = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8) + start) & 0xff);
}

/** Asserts that the packet is whole and that its checksums are right; returns its view. */
export function checkPacket(bytes: Uint8Array): PacketView {
  memory.bytes.set(bytes, 64);
  const view = new PacketView();
  assert.ok(parsePacket(memory, 64, bytes.length, view), 'the packet parses');
  assert.equal(view.length, bytes.length, 'its length field says how long it is');
  if (view.family === 4) assert.ok(verifyHeaderChecksum(memory, 64), 'the header checksum is right');
  if (!view.isFragment) {
    assert.ok(verifyTransportChecksum(kernel, memory, view), 'the transport checksum is right');
  }
  return view;
}

/** Turns a complete packet into what an adapter with checksum offload reads: the field holds the pseudo header's sum. */
export function withPartialChecksum(bytes: Uint8Array) {
  const copy = bytes.slice();
  memory.bytes.set(copy, 64);
  const view = new PacketView();
  assert.ok(parsePacket(memory, 64, copy.length, view));
  const checksumOffset = view.protocol === 6 ? 16 : 6;
  const field = view.headerLength + checksumOffset;
  const addresses = view.family === 4 ? kernel.sum(64 + 12, 8) : kernel.sum(64 + 8, 32);
  let sum = addresses + view.protocol + view.transportLength;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  copy[field] = sum >> 8;
  copy[field + 1] = sum & 0xff;
  return { bytes: copy, checksum: 1, checksumStart: view.headerLength, checksumOffset };
}

export function row(action: PolicyAction, fields: Partial<PolicyRow> & { to?: string } = {}): PolicyRow {
  const { to, ...rest } = fields;
  return {
    id: `${action} ${to ?? 'any'}`,
    label: action,
    origin: 'filter',
    local: [],
    remote: to === undefined ? [] : [prefixToRange(parsePrefix(to)!)],
    protocol: undefined,
    localPorts: [],
    remotePorts: [],
    allowInbound: false,
    action,
    association: action === 'PROTECT' ? 1 : 0,
    ...rest,
  };
}

export function table(...rows: PolicyRow[]): PolicyTable {
  const discard = { action: 'DISCARD', association: 0 } as const;
  return {
    version: 1,
    rows,
    protectedRanges: rows.filter(({ action }) => action === 'PROTECT').flatMap(({ remote }) => [...remote]),
    defaultInside: { id: 'inside', label: 'inside', ...discard },
    defaultOutside: { id: 'outside', label: 'outside', ...discard },
  };
}

export const protectAll = table(row('PROTECT', { to: '10.9.0.0/24' }), row('PROTECT', { to: 'fd09::/64' }));

/** Key material that both ends can make for themselves. */
export function parameters(
  spi: number,
  fields: Partial<SecurityAssociationParameters> = {},
): SecurityAssociationParameters {
  const algorithm = fields.algorithm ?? 'chacha20-poly1305';
  const every = [selectorForFamily(4), selectorForFamily(6)];
  return {
    association: 1,
    spi,
    algorithm,
    keyMaterial: Uint8Array.from(
      { length: keyLengths[algorithm] + 4 },
      (_, index) => (spi + index * 3) & 0xff,
    ),
    lifetime: {},
    replayWindow: 1024,
    localSelectors: every,
    remoteSelectors: every,
    peer: testPeer,
    encapsulation: 'udp',
    ...fields,
  };
}

export interface Pair {
  readonly one: MemoryEnd;
  readonly other: MemoryEnd;
}

/** Two ends with the same filter and keys for both directions: 0x1001 towards `other`, 0x2002 towards `one`. */
export function createPair(options: MemoryEndOptions = {}, otherOptions: MemoryEndOptions = options): Pair {
  const one = new MemoryEnd(options);
  const other = new MemoryEnd(otherOptions);
  for (const end of [one, other]) end.path.setPolicy(protectAll);
  other.path.installInbound(parameters(0x1001));
  one.path.installOutbound(parameters(0x1001));
  one.path.installInbound(parameters(0x2002));
  other.path.installOutbound(parameters(0x2002));
  return { one, other };
}

function fieldsOf(words: PacketWords) {
  const { payload = 32 } = words;
  return {
    source: parseAddress(words.from ?? near)!,
    destination: parseAddress(words.to ?? far)!,
    payload: typeof payload === 'number' ? pattern(payload) : payload,
    dontFragment: words.dontFragment ?? false,
    identification: words.identification ?? 0,
  };
}

function portsOf(words: PacketWords) {
  return { sourcePort: words.sourcePort ?? 40_000, destinationPort: words.port ?? 80 };
}
