// iphlpapi.dll (Windows, x64), reading: interfaces with their addresses, the routing table, and the source address that
// the system would choose.
import koffi from 'koffi';
import { bindWindows, moveMemory, WindowsCallError, windowsError } from './kernel32.ts';
import { allocateBlock, type NativeBlock } from './libc-memory.ts';
import { readWideText } from './wide-text.ts';

export interface AdapterRecord {
  readonly luid: bigint;
  /** The name that people see and may change: "Ethernet", "sealnic0". */
  readonly alias: string;
  readonly index: number;
  /** Bytes. */
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  /** Up to 8 bytes; none where the interface has no such address. */
  readonly hardwareAddress: Uint8Array;
  readonly metric4: number;
  readonly metric6: number;
  /** Those that may be used: neither tentative nor a duplicate of somebody else's. */
  readonly addresses: readonly { readonly bytes: Uint8Array; readonly prefixLength: number }[];
}

export interface RouteRecord {
  readonly luid: bigint;
  readonly destination: Uint8Array;
  readonly prefixLength: number;
  /** undefined: the destinations are on the link. */
  readonly nextHop: Uint8Array | undefined;
  /** Added to the interface's own. */
  readonly metric: number;
}

/** Reading needs no rights. All throw WindowsCallError. */
export class IpTables {
  readonly #calls: ReturnType<typeof bindCalls>;

  /** `path`: of another library with the same functions; by default the system's. */
  constructor(path = 'iphlpapi.dll') {
    this.#calls = bindCalls(koffi.load(path));
  }

  /** Every interface, also those that are down. */
  adapters(): AdapterRecord[] {
    // The list grows while it is read when an interface arrives: asked again with the size that is named then.
    for (let size = 32_768; ; ) {
      const block = allocateBlock(size + 8);
      block.view.setUint32(size, size, true);
      const result = this.#calls.getAdapters(0, withoutServers, 0, block.address, block.address + size);
      if (result === noData) return [];
      if (result === 0) return readAdapters(block);
      if (result !== windowsError.bufferOverflow) throw new WindowsCallError('GetAdaptersAddresses', result);
      size = Math.max(size * 2, block.view.getUint32(size, true));
    }
  }

  /** Of both families, in no order. */
  routes(): RouteRecord[] {
    const place = allocateBlock(8);
    const result = this.#calls.getRoutes(0, place.address);
    if (result === notFound) return [];
    if (result !== 0) throw new WindowsCallError('GetIpForwardTable2', result);
    const table = Number(place.view.getBigUint64(0, true));
    try {
      const head = copyMemory(table, 8);
      return readRoutes(copyMemory(table, routeTable.first + head.view.getUint32(0, true) * routeTable.size));
    } finally {
      this.#calls.freeTable(table);
    }
  }

  /** The source that the system would use towards an address by that interface; undefined: it has no way there. */
  sourceTowards(destination: Uint8Array, luid: bigint): Uint8Array | undefined {
    const block = allocateBlock(8 + 2 * socketAddressSize + routeTable.size);
    block.view.setBigUint64(0, luid, true);
    const target = 8;
    const source = target + socketAddressSize;
    const route = source + socketAddressSize;
    writeSocketAddress(block, target, destination);
    const at = block.address;
    const result = this.#calls.getBestRoute(at, 0, 0, at + target, 0, at + route, at + source);
    if (noRoute.includes(result)) return undefined;
    if (result !== 0) throw new WindowsCallError('GetBestRoute2', result);
    return readSocketAddress(block, source);
  }
}

/** GAA_FLAG_SKIP_ANYCAST, _MULTICAST, _DNS_SERVER. */
const withoutServers = 2 | 4 | 8;
/** ERROR_NO_DATA, ERROR_NOT_FOUND. */
const noData = 232;
const notFound = 1168;
/** ERROR_NOT_FOUND, ERROR_NETWORK_UNREACHABLE, ERROR_HOST_UNREACHABLE, ERROR_FILE_NOT_FOUND (the interface has gone). */
const noRoute = [1168, 1231, 1232, 2];

/** IP_ADAPTER_ADDRESSES_LH, as far as it is read. */
const adapterOffset = {
  index: 4,
  next: 8,
  firstAddress: 24,
  friendlyName: 72,
  hardwareAddress: 80,
  hardwareLength: 88,
  mtu: 96,
  type: 100,
  state: 104,
  index6: 108,
  metric4: 216,
  metric6: 220,
  luid: 224,
} as const;
/** IP_ADAPTER_UNICAST_ADDRESS_LH. */
const addressOffset = { next: 8, address: 16, duplicateState: 40, prefixLength: 56 } as const;
/** IF_TYPE_SOFTWARE_LOOPBACK, IfOperStatusUp, IpDadStateDeprecated (preferred is the one above). */
const typeLoopback = 24;
const stateUp = 1;
const deprecated = 3;

/** MIB_IPFORWARD_TABLE2: the count, and rows of MIB_IPFORWARD_ROW2 from 8 on. */
const routeTable = {
  first: 8,
  size: 104,
  destination: 12,
  prefixLength: 40,
  nextHop: 44,
  metric: 84,
} as const;

const socketAddressSize = 28;
const familyInet = 2;
const familyInet6 = 23;

/** SOCKADDR_INET, 28 bytes: family 0 (16 bits), the address at 4 (IPv4) or 8 (IPv6); no port. */
export function writeSocketAddress(block: NativeBlock, offset: number, address: Uint8Array): void {
  block.bytes.fill(0, offset, offset + socketAddressSize);
  block.view.setUint16(offset, address.length === 4 ? familyInet : familyInet6, true);
  block.bytes.set(address, offset + (address.length === 4 ? 4 : 8));
}

/** undefined: of another family. */
function readSocketAddress(block: NativeBlock, offset: number): Uint8Array | undefined {
  const family = block.view.getUint16(offset, true);
  if (family === familyInet) return block.bytes.slice(offset + 4, offset + 8);
  return family === familyInet6 ? block.bytes.slice(offset + 8, offset + 24) : undefined;
}

/** A list whose addresses point into the block itself. */
function readAdapters(block: NativeBlock): AdapterRecord[] {
  const { view, bytes } = block;
  const follow = (offset: number) => {
    const address = Number(view.getBigUint64(offset, true));
    return address === 0 ? -1 : address - block.address;
  };
  const adapters: AdapterRecord[] = [];
  for (let at = 0; at >= 0; at = follow(at + adapterOffset.next)) {
    const addresses: AdapterRecord['addresses'][number][] = [];
    const first = follow(at + adapterOffset.firstAddress);
    for (let each = first; each >= 0; each = follow(each + addressOffset.next)) {
      const address = readSocketAddress(block, follow(each + addressOffset.address));
      const usable = view.getUint32(each + addressOffset.duplicateState, true) >= deprecated;
      const prefixLength = bytes[each + addressOffset.prefixLength]!;
      if (address !== undefined && usable) addresses.push({ bytes: address, prefixLength });
    }
    const hardware = at + adapterOffset.hardwareAddress;
    adapters.push({
      luid: view.getBigUint64(at + adapterOffset.luid, true),
      alias: readWideText(block, follow(at + adapterOffset.friendlyName)),
      // An interface without IPv4 has an index for IPv6 alone.
      index:
        view.getUint32(at + adapterOffset.index, true) || view.getUint32(at + adapterOffset.index6, true),
      mtu: view.getUint32(at + adapterOffset.mtu, true),
      up: view.getUint32(at + adapterOffset.state, true) === stateUp,
      loopback: view.getUint32(at + adapterOffset.type, true) === typeLoopback,
      hardwareAddress: bytes.slice(
        hardware,
        hardware + view.getUint32(at + adapterOffset.hardwareLength, true),
      ),
      metric4: view.getUint32(at + adapterOffset.metric4, true),
      metric6: view.getUint32(at + adapterOffset.metric6, true),
      addresses,
    });
  }
  return adapters;
}

function readRoutes(table: NativeBlock): RouteRecord[] {
  const count = table.view.getUint32(0, true);
  return Array.from({ length: count }, (_, number) => {
    const at = routeTable.first + number * routeTable.size;
    const nextHop = readSocketAddress(table, at + routeTable.nextHop);
    return {
      luid: table.view.getBigUint64(at, true),
      destination: readSocketAddress(table, at + routeTable.destination) ?? new Uint8Array(0),
      prefixLength: table.bytes[at + routeTable.prefixLength]!,
      nextHop: nextHop?.some((byte) => byte !== 0) ? nextHop : undefined,
      metric: table.view.getUint32(at + routeTable.metric, true),
    };
  });
}

function copyMemory(from: number, length: number): NativeBlock {
  const block = allocateBlock(length);
  moveMemory(block.address, from, length);
  return block;
}

function bindCalls(library: ReturnType<typeof koffi.load>) {
  return {
    getAdapters: bindWindows<
      (family: number, flags: number, reserved: number, list: number, size: number) => number
    >(
      library,
      'uint32_t __stdcall GetAdaptersAddresses(uint32_t family, uint32_t flags, uintptr_t reserved, uintptr_t list, uintptr_t size)',
    ),
    getRoutes: bindWindows<(family: number, table: number) => number>(
      library,
      'uint32_t __stdcall GetIpForwardTable2(uint16_t family, uintptr_t table)',
    ),
    freeTable: bindWindows<(table: number) => void>(library, 'void __stdcall FreeMibTable(uintptr_t table)'),
    getBestRoute: bindWindows<
      (
        luid: number,
        index: number,
        source: number,
        destination: number,
        options: number,
        route: number,
        bestSource: number,
      ) => number
    >(
      library,
      'uint32_t __stdcall GetBestRoute2(uintptr_t luid, uint32_t index, uintptr_t source, uintptr_t destination, uint32_t options, uintptr_t route, uintptr_t bestSource)',
    ),
  };
}
