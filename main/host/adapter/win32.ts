// The virtual adapter on Windows: Wintun's two rings, read and written by the data thread.
import { dirname, win32 } from 'node:path';
import { performance } from 'node:perf_hooks';
import { interfaceIndexOfLuid } from '../../../native/iphlpapi.ts';
import { lastError, moveMemory, windowsError } from '../../../native/kernel32.ts';
import { allocateBlock } from '../../../native/libc-memory.ts';
import {
  largestPacket,
  loadWintun,
  ringFailure,
  type Wintun,
  WintunError,
  type WintunLog,
} from '../../../native/wintun.ts';
import {
  checksumState,
  type PacketBatch,
  type PacketMemory,
  packetHeadroom,
  type SlotRegion,
  segmentation,
} from '../../engine/packet/batch.ts';
import type { Waitable } from '../readiness/contract.ts';
import type { Adapter, AdapterOptions, OpenAdapter } from './contract.ts';
import { stableGuid } from './stable-guid.ts';

/** Where the library lies: beside the service's own node.exe. */
export const wintunPath = win32.join(dirname(process.execPath), 'wintun.dll');

/** SHA-256 of wintun.dll 0.14.1 for x64. */
const librarySha256 = 'e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce';

/** What happened to a ring, each a count since the adapter was opened. */
export interface RingCounters {
  /** Packets of the system that no slot could hold, or that were empty. */
  discarded: number;
  /** Times that the session was begun anew because the driver took nothing out of a full ring. */
  rearmed: number;
}

export interface WintunAdapter extends Adapter {
  readonly counters: Readonly<RingCounters>;
  hasWaiting(): boolean;
}

export interface WintunSettings {
  /** Bytes of each ring: a power of two from 128 KiB to 64 MiB. */
  readonly ringBytes: number;
  /** A full ring of which the driver takes nothing for so long is begun anew. */
  readonly stallMilliseconds: number;
}

const usualSettings: WintunSettings = { ringBytes: 0x80_0000, stallMilliseconds: 2_000 };
/** About as long as it takes to sleep and be woken. */
const spinMilliseconds = 0.05;
const requiredDriver = { major: 0, minor: 14 } as const;
const tunnelType = 'SealNIC';

/**
 * Makes the network card. It has no addresses and no routes, and keeps Windows' own MTU. It vanishes when it is closed or
 * its process ends. Throws WintunError.
 */
export const openAdapter: OpenAdapter = (options, memory) => {
  const library = loadWintun(wintunPath, librarySha256);
  try {
    return new WintunRings(library, options, memory, usualSettings, () => library.unload());
  } catch (error) {
    library.unload();
    throw error;
  }
};

/** The same with a library that was loaded, and stays so; `log` is told what somebody who looks for a fault asks for. */
export function openWintunAdapter(
  library: Wintun,
  options: AdapterOptions,
  memory: PacketMemory,
  settings: WintunSettings = usualSettings,
  log: WintunLog = () => {},
): WintunAdapter {
  library.setLog(log);
  try {
    return new WintunRings(library, options, memory, settings, () => library.setLog(undefined), log);
  } catch (error) {
    library.setLog(undefined);
    throw error;
  }
}

class WintunRings implements WintunAdapter {
  readonly name: string;
  readonly interfaceIndex: number;
  readonly superPackets = false;
  readonly counters: RingCounters = { discarded: 0, rearmed: 0 };
  refused = 0;
  /** Raised by the driver when packets wait; another one after the ring was begun anew. */
  waitable: Waitable = 0;
  readonly #library: Wintun;
  readonly #memory: PacketMemory;
  readonly #settings: WintunSettings;
  readonly #afterClose: () => void;
  readonly #log: WintunLog;
  readonly #received = allocateBlock(8);
  #card: number;
  #session = 0;
  /** A packet that a wait has found already; 0: none. */
  #found = 0;
  #busy = false;
  #fullSince: number | undefined;

  constructor(
    library: Wintun,
    options: AdapterOptions,
    memory: PacketMemory,
    settings: WintunSettings,
    afterClose: () => void,
    log: WintunLog = () => {},
  ) {
    this.#library = library;
    this.#memory = memory;
    this.#settings = settings;
    this.#afterClose = afterClose;
    this.#log = log;
    this.name = options.name;
    this.#card = makeCard(library, options.name, log);
    try {
      this.interfaceIndex = interfaceIndexOfLuid(library.adapterLuid(this.#card));
      this.#startSession();
    } catch (error) {
      library.closeAdapter(this.#card);
      throw error;
    }
  }

  read(batch: PacketBatch, region: SlotRegion): void {
    const { address } = this.#memory;
    const limit = Math.min(batch.capacity, region.slotCount);
    const room = region.slotSize - packetHeadroom;
    let count = 0;
    for (let taken = 0; taken < limit && this.#look(); taken += 1) {
      const packet = this.#found;
      const length = this.#received.view.getUint32(0, true);
      if (length > 0 && length <= room) {
        const offset = region.start + count * region.slotSize + packetHeadroom;
        moveMemory(address + offset, packet, length);
        batch.offset[count] = offset;
        batch.length[count] = length;
        batch.checksum[count] = checksumState.complete;
        batch.segmentType[count] = segmentation.none;
        batch.segmentSize[count] = 0;
        batch.checksumStart[count] = 0;
        batch.checksumOffset[count] = 0;
        count += 1;
      } else {
        this.counters.discarded += 1;
      }
      this.#library.releaseReceivePacket(this.#session, packet);
      this.#found = 0;
    }
    batch.count = count;
    this.#busy = count > 0;
  }

  write(batch: PacketBatch, from: number): number {
    const { address } = this.#memory;
    for (let index = from; index < batch.count; index += 1) {
      const length = batch.length[index]!;
      const isWhole =
        batch.segmentType[index] === segmentation.none && batch.checksum[index] !== checksumState.needed;
      if (length === 0 || length > largestPacket || !isWhole) {
        this.refused += 1;
        continue;
      }
      const slot = this.#library.allocateSendPacket(this.#session, length);
      if (slot === 0) {
        const error = lastError();
        if (error !== windowsError.bufferOverflow) throw ringFailure('WintunAllocateSendPacket', error);
        this.#noteFullRing();
        return index - from;
      }
      moveMemory(slot, address + batch.offset[index]!, length);
      this.#library.sendPacket(this.#session, slot);
      this.#fullSince = undefined;
    }
    return batch.count - from;
  }

  /** It also finds what the driver has put into the ring without raising the event. Throws WintunError 'adapter-lost'. */
  hasWaiting(): boolean {
    if (this.#look()) return true;
    if (!this.#busy) return false;
    this.#busy = false;
    const end = performance.now() + spinMilliseconds;
    while (performance.now() < end) {
      if (this.#look()) return true;
    }
    return false;
  }

  close(): void {
    if (this.#card === 0) return;
    this.#endSession();
    this.#library.closeAdapter(this.#card);
    this.#card = 0;
    this.#afterClose();
  }

  /** Whether a packet waits; it then lies at `#found`, its length in `#received`. */
  #look(): boolean {
    if (this.#found !== 0) return true;
    this.#found = this.#library.receivePacket(this.#session, this.#received.address);
    if (this.#found !== 0) return true;
    const error = lastError();
    if (error === windowsError.noMoreItems) return false;
    throw ringFailure('WintunReceivePacket', error);
  }

  #noteFullRing(): void {
    const now = performance.now();
    this.#fullSince ??= now;
    if (now - this.#fullSince < this.#settings.stallMilliseconds) return;
    this.#fullSince = undefined;
    this.counters.rearmed += 1;
    this.#log('warning', 'The driver takes no more packets: its ring is begun anew.');
    this.#endSession();
    this.#startSession();
  }

  #startSession(): void {
    this.#session = this.#library.startSession(this.#card, this.#settings.ringBytes);
    this.waitable = this.#library.readWaitEvent(this.#session);
  }

  #endSession(): void {
    if (this.#session === 0) return;
    if (this.#found !== 0) this.#library.releaseReceivePacket(this.#session, this.#found);
    this.#found = 0;
    this.#library.endSession(this.#session);
    this.#session = 0;
  }
}

/** The card of that name, whatever an earlier crash or an older driver has left. */
function makeCard(library: Wintun, name: string, log: WintunLog): number {
  const left = library.openAdapter(name);
  if (left !== 0) {
    library.closeAdapter(left);
    const removed = library.deleteDriver();
    log('warning', `An earlier "${name}" was ${removed ? 'removed' : 'found, and is in use'}.`);
  }
  const card = library.createAdapter(name, tunnelType, stableGuid(name));
  if (isRecent(library)) return card;
  log('info', 'The driver is older than this program needs: it is exchanged.');
  library.closeAdapter(card);
  library.deleteDriver();
  const second = library.createAdapter(name, tunnelType, stableGuid(name));
  if (isRecent(library)) return second;
  library.closeAdapter(second);
  throw new WintunError(
    'driver-too-old',
    `Another program keeps a Wintun driver older than ${requiredDriver.major}.${requiredDriver.minor} in use. ` +
      'End the other VPN program, or bring it up to date.',
  );
}

function isRecent(library: Wintun): boolean {
  const version = library.driverVersion();
  if (version === undefined) return false;
  const { major, minor } = requiredDriver;
  return version.major > major || (version.major === major && version.minor >= minor);
}
