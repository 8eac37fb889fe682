// iphlpapi.dll (Windows, x64): the interfaces with their names and addresses.
import koffi from 'koffi';
import { bindWindows, WindowsCallError, windowsError } from './kernel32.ts';
import { allocateBlock, type NativeBlock } from './libc-memory.ts';
import { socketAddressesOf } from './socket-address.ts';
import { readWideText } from './wide-text.ts';

export interface SystemAdapter {
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

/** Every interface, also those that are down. Needs no rights. Throws WindowsCallError. */
export function systemAdapters(): SystemAdapter[] {
  // The list grows while it is read when an interface arrives: asked again with the size that is named then.
  for (let size = 32_768; ; ) {
    const block = allocateBlock(size + 8);
    block.view.setUint32(size, size, true);
    const result = getAdapters(0, withoutServers, 0, block.address, block.address + size);
    if (result === noData) return [];
    if (result === 0) return readAdapters(block);
    if (result !== windowsError.bufferOverflow) throw new WindowsCallError('GetAdaptersAddresses', result);
    size = Math.max(size * 2, block.view.getUint32(size, true));
  }
}

/** GAA_FLAG_SKIP_ANYCAST, _MULTICAST, _DNS_SERVER. */
const withoutServers = 2 | 4 | 8;
/** ERROR_NO_DATA. */
const noData = 232;
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

const socketAddresses = socketAddressesOf(23);

/** A list whose addresses point into the block itself. */
function readAdapters(block: NativeBlock): SystemAdapter[] {
  const { view, bytes } = block;
  const follow = (offset: number) => {
    const address = Number(view.getBigUint64(offset, true));
    return address === 0 ? -1 : address - block.address;
  };
  const adapters: SystemAdapter[] = [];
  for (let at = 0; at >= 0; at = follow(at + adapterOffset.next)) {
    const addresses: SystemAdapter['addresses'][number][] = [];
    const first = follow(at + adapterOffset.firstAddress);
    for (let each = first; each >= 0; each = follow(each + addressOffset.next)) {
      if (view.getUint32(each + addressOffset.duplicateState, true) < deprecated) continue;
      const { address } = socketAddresses.read(view, follow(each + addressOffset.address));
      addresses.push({ bytes: address, prefixLength: bytes[each + addressOffset.prefixLength]! });
    }
    const hardware = at + adapterOffset.hardwareAddress;
    const hardwareLength = view.getUint32(at + adapterOffset.hardwareLength, true);
    adapters.push({
      luid: view.getBigUint64(at + adapterOffset.luid, true),
      alias: readWideText(block, follow(at + adapterOffset.friendlyName)),
      // An interface without IPv4 has an index for IPv6 alone.
      index:
        view.getUint32(at + adapterOffset.index, true) || view.getUint32(at + adapterOffset.index6, true),
      mtu: view.getUint32(at + adapterOffset.mtu, true),
      up: view.getUint32(at + adapterOffset.state, true) === stateUp,
      loopback: view.getUint32(at + adapterOffset.type, true) === typeLoopback,
      hardwareAddress: bytes.slice(hardware, hardware + hardwareLength),
      metric4: view.getUint32(at + adapterOffset.metric4, true),
      metric6: view.getUint32(at + adapterOffset.metric6, true),
      addresses,
    });
  }
  return adapters;
}

const library = koffi.load('iphlpapi.dll');
const getAdapters = bindWindows<
  (family: number, flags: number, reserved: number, list: number, size: number) => number
>(
  library,
  'uint32_t __stdcall GetAdaptersAddresses(uint32_t family, uint32_t flags, uintptr_t reserved, uintptr_t list, uintptr_t size)',
);
