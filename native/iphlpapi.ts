// iphlpapi.dll (Windows, x64): addresses, routes, metric, MTU and DNS of an interface. Structures are built by offset.
import koffi from 'koffi';
import { bindWindows, WindowsCallError, windowsError } from './kernel32.ts';
import { allocateBlock, type NativeBlock, viewOfAddress, writePointer } from './libc-memory.ts';
import { wideText } from './wide-text.ts';

const library = koffi.load('iphlpapi.dll');
const convertLuidToIndex = bindWindows<(luid: number, index: number) => number>(
  library,
  'uint32_t __stdcall ConvertInterfaceLuidToIndex(uintptr_t luid, uintptr_t index)',
);

const convertAliasToLuid = bindWindows<(alias: number, luid: number) => number>(
  library,
  'uint32_t __stdcall ConvertInterfaceAliasToLuid(uintptr_t alias, uintptr_t luid)',
);
const bindTable = (name: string) =>
  bindWindows<(family: number, table: number) => number>(
    library,
    `uint32_t __stdcall ${name}(uint16_t family, uintptr_t table)`,
  );
const getRoutes = bindTable('GetIpForwardTable2');
const freeTable = bindWindows<(table: number) => void>(
  library,
  'void __stdcall FreeMibTable(uintptr_t table)',
);

/** The interface index of a NET_LUID. Throws WindowsCallError where no interface has it. */
export function interfaceIndexOfLuid(luid: bigint): number {
  const block = allocateBlock(16);
  block.view.setBigUint64(0, luid, true);
  check('ConvertInterfaceLuidToIndex', convertLuidToIndex(block.address, block.address + 8));
  return block.view.getUint32(8, true);
}

/** The interface of that name (its alias); undefined: there is none. */
export function interfaceLuidOfName(name: string): bigint | undefined {
  const text = wideText(name);
  const luid = allocateBlock(8);
  const result = convertAliasToLuid(text.address, luid.address);
  return result === 0 ? luid.view.getBigUint64(0, true) : undefined;
}

/** 4 or 16 bytes. */
export type AddressBytes = Uint8Array;

/** A row of the routing table. */
export interface SystemRoute {
  readonly luid: bigint;
  readonly interfaceIndex: number;
  readonly destination: AddressBytes;
  readonly prefixLength: number;
  /** All zero: the destinations are on the link. */
  readonly nextHop: AddressBytes;
  readonly metric: number;
}

/** The routing table, both families. Throws WindowsCallError. */
export function systemRoutes(): readonly SystemRoute[] {
  return readTable('GetIpForwardTable2', getRoutes, 104, (view, at) => ({
    luid: view.getBigUint64(at, true),
    interfaceIndex: view.getUint32(at + 8, true),
    destination: readAddress(view, at + 12),
    prefixLength: view.getUint8(at + 40),
    nextHop: readAddress(view, at + 44),
    metric: view.getUint32(at + 84, true),
  }));
}

/** A table of Windows: how many rows there are 0 (32 bits), rows from 8 on. Both families. */
function readTable<Row>(
  call: string,
  get: (family: number, table: number) => number,
  rowSize: number,
  read: (view: DataView, offset: number) => Row,
): Row[] {
  const place = allocateBlock(8);
  check(call, get(0, place.address));
  const table = Number(place.view.getBigUint64(0, true));
  try {
    const count = new DataView(viewOfAddress(table, 8).slice().buffer).getUint32(0, true);
    const view = new DataView(viewOfAddress(table, 8 + count * rowSize).slice().buffer);
    return Array.from({ length: count }, (_, index) => read(view, 8 + index * rowSize));
  } finally {
    freeTable(table);
  }
}

function readAddress(view: DataView, offset: number): AddressBytes {
  const isInet = view.getUint16(offset, true) === systemFamily[4];
  const start = view.byteOffset + offset + (isInet ? 4 : 8);
  return new Uint8Array(view.buffer, start, isInet ? 4 : 16).slice();
}

export interface InterfaceRoute {
  readonly destination: AddressBytes;
  readonly prefixLength: number;
  readonly metric: number;
  /** 4 or 16 bytes; absent: the destinations are on the link. */
  readonly nextHop?: AddressBytes | undefined;
}

export interface InterfaceNumbers {
  readonly mtu: number;
  /** Added to each route's own. */
  readonly metric: number;
}

/**
 * The calls that are about one interface. What is there already is no error, nor what is gone already. All throw
 * WindowsCallError; error 5 without administrator's rights.
 */
export class IpHelper {
  readonly #calls: ReturnType<typeof bindCalls>;

  /** `path`: of another library with the same functions; by default the system's. */
  constructor(path = 'iphlpapi.dll') {
    this.#calls = bindCalls(koffi.load(path));
  }

  /** struct GUID, 16 bytes: the name under which the registry holds the interface's settings. */
  guidOfLuid(luid: bigint): Uint8Array {
    const identity = allocateBlock(24);
    identity.view.setBigUint64(16, luid, true);
    check('ConvertInterfaceLuidToGuid', this.#calls.luidToGuid(identity.address + 16, identity.address));
    return identity.bytes.slice(0, 16);
  }

  addAddress(luid: bigint, address: AddressBytes, prefixLength: number): void {
    const row = this.#addressRow(luid, address, prefixLength);
    check('CreateUnicastIpAddressEntry', this.#calls.createAddress(row.address), alreadyExists);
  }

  removeAddress(luid: bigint, address: AddressBytes, prefixLength: number): void {
    const row = this.#addressRow(luid, address, prefixLength);
    check('DeleteUnicastIpAddressEntry', this.#calls.deleteAddress(row.address), notFound);
  }

  addRoute(luid: bigint, route: InterfaceRoute): void {
    const row = this.#routeRow(luid, route);
    check('CreateIpForwardEntry2', this.#calls.createRoute(row.address), alreadyExists);
  }

  removeRoute(luid: bigint, route: InterfaceRoute): void {
    const row = this.#routeRow(luid, route);
    check('DeleteIpForwardEntry2', this.#calls.deleteRoute(row.address), notFound);
  }

  /** False where the interface has no such address family. */
  setNumbers(luid: bigint, family: 4 | 6, numbers: InterfaceNumbers): boolean {
    const row = allocateBlock(interfaceRow.size);
    this.#calls.initializeInterface(row.address);
    row.view.setUint16(interfaceRow.family, systemFamily[family], true);
    row.view.setBigUint64(interfaceRow.luid, luid, true);
    const found = this.#calls.getInterface(row.address);
    if (found === notFound) return false;
    check('GetIpInterfaceEntry', found);
    row.bytes[interfaceRow.automaticMetric] = 0;
    row.view.setUint32(interfaceRow.metric, numbers.metric, true);
    row.view.setUint32(interfaceRow.mtu, numbers.mtu, true);
    // A virtual address belongs to nobody else: it need not wait until the neighbours were asked.
    row.view.setUint32(interfaceRow.duplicateProbes, 0, true);
    // What GetIpInterfaceEntry writes there for IPv4 is refused by SetIpInterfaceEntry.
    if (family === 4) row.view.setUint32(interfaceRow.sitePrefixLength, 0, true);
    check('SetIpInterfaceEntry', this.#calls.setInterface(row.address));
    return true;
  }

  /**
   * Replaces the name servers of one family and the search list; empty lists take them away. False where no interface
   * has the GUID. Windows 10, 19041.
   */
  setDns(
    guid: Uint8Array,
    family: 4 | 6,
    servers: readonly string[],
    searchDomains: readonly string[],
  ): boolean {
    const identity = allocateBlock(16);
    identity.bytes.set(guid);
    const serverText = wideText(servers.join(','));
    const searchText = wideText(searchDomains.join(','));
    const settings = allocateBlock(64);
    const nameServer = 2;
    const searchList = 4;
    const version6 = 1;
    settings.view.setUint32(0, 1, true);
    settings.view.setUint32(8, nameServer | searchList | (family === 6 ? version6 : 0), true);
    writePointer(settings.view, 24, serverText.address);
    writePointer(settings.view, 32, searchText.address);
    const result = this.#calls.setDns(identity.address, settings.address);
    if (result === windowsError.fileNotFound || result === notFound) return false;
    check('SetInterfaceDnsSettings', result);
    return true;
  }

  /** MIB_UNICASTIPADDRESS_ROW, 80 bytes: address 0, LUID 32, prefix length 60, state of duplicate detection 64. */
  #addressRow(luid: bigint, address: AddressBytes, prefixLength: number): NativeBlock {
    const row = allocateBlock(80);
    this.#calls.initializeAddress(row.address);
    const preferred = 4;
    writeSocketAddress(row, 0, address);
    row.view.setBigUint64(32, luid, true);
    row.bytes[60] = prefixLength;
    row.view.setUint32(64, preferred, true);
    return row;
  }

  /** MIB_IPFORWARD_ROW2, 104 bytes: LUID 0, destination 12, its length 40, next hop 44, metric 84, protocol 88. */
  #routeRow(luid: bigint, { destination, prefixLength, metric, nextHop }: InterfaceRoute): NativeBlock {
    const row = allocateBlock(104);
    this.#calls.initializeRoute(row.address);
    const byManagement = 3;
    row.view.setBigUint64(0, luid, true);
    writeSocketAddress(row, 12, destination);
    row.bytes[40] = prefixLength;
    writeSocketAddress(row, 44, nextHop ?? new Uint8Array(destination.length));
    row.view.setUint32(84, metric, true);
    row.view.setUint32(88, byManagement, true);
    return row;
  }
}

const systemFamily = { 4: 2, 6: 23 } as const;
/** ERROR_OBJECT_ALREADY_EXISTS, ERROR_NOT_FOUND. */
const alreadyExists = 5010;
const notFound = 1168;

/** MIB_IPINTERFACE_ROW, as far as it is used. */
const interfaceRow = {
  size: 168,
  family: 0,
  luid: 8,
  automaticMetric: 44,
  duplicateProbes: 56,
  sitePrefixLength: 144,
  metric: 148,
  mtu: 152,
} as const;

/** SOCKADDR_INET, 28 bytes: family 0 (16 bits), the address at 4 (IPv4) or 8 (IPv6); no port. */
function writeSocketAddress(row: NativeBlock, offset: number, address: AddressBytes): void {
  const family = address.length === 4 ? 4 : 6;
  row.bytes.fill(0, offset, offset + 28);
  row.view.setUint16(offset, systemFamily[family], true);
  row.bytes.set(address, offset + (family === 4 ? 4 : 8));
}

function check(call: string, result: number, allowed = 0): void {
  if (result !== 0 && result !== allowed) throw new WindowsCallError(call, result);
}

function bindCalls(library: ReturnType<typeof koffi.load>) {
  const bindRow = (result: string, name: string) =>
    bindWindows<(row: number) => number>(library, `${result} __stdcall ${name}(uintptr_t row)`);
  return {
    initializeAddress: bindRow('void', 'InitializeUnicastIpAddressEntry'),
    createAddress: bindRow('uint32_t', 'CreateUnicastIpAddressEntry'),
    deleteAddress: bindRow('uint32_t', 'DeleteUnicastIpAddressEntry'),
    initializeRoute: bindRow('void', 'InitializeIpForwardEntry'),
    createRoute: bindRow('uint32_t', 'CreateIpForwardEntry2'),
    deleteRoute: bindRow('uint32_t', 'DeleteIpForwardEntry2'),
    initializeInterface: bindRow('void', 'InitializeIpInterfaceEntry'),
    getInterface: bindRow('uint32_t', 'GetIpInterfaceEntry'),
    setInterface: bindRow('uint32_t', 'SetIpInterfaceEntry'),
    luidToGuid: bindWindows<(luid: number, guid: number) => number>(
      library,
      'uint32_t __stdcall ConvertInterfaceLuidToGuid(uintptr_t luid, uintptr_t guid)',
    ),
    // The GUID goes by value, which on x64 means the address of it.
    setDns: bindWindows<(guid: number, settings: number) => number>(
      library,
      'uint32_t __stdcall SetInterfaceDnsSettings(uintptr_t guid, uintptr_t settings)',
    ),
  };
}
