// What the packet path, the adapter and the underlay hand to each other: descriptors of packets that lie in one
// shared memory. No packet is ever an object; a batch is a few typed arrays that are reused for ever.

/**
 * The one memory that holds every packet: the buffer of a WebAssembly.Memory of fixed size, so that JavaScript, the
 * SIMD module and native code (which knows `address`) work on the same bytes.
 */
export interface PacketMemory {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Address of `bytes[0]` for native code; 0 where no native code is used (tests). */
  readonly address: number;
}

/** A run of equal slots in the memory. Slot `n` begins at `start + n * slotSize`. All figures are bytes. */
export interface SlotRegion {
  readonly start: number;
  readonly slotSize: number;
  readonly slotCount: number;
}

/** Kinds of super-packet, with the numbers of virtio_net_hdr.gso_type. */
export const segmentation = { none: 0, tcp4: 1, tcp6: 4, udp: 5 } as const;

/** Checksum state of a packet, with the numbers of virtio_net_hdr.flags. */
export const checksumState = { complete: 0, needed: 1, verified: 2 } as const;

/**
 * IP packets: what the adapter read, or what it shall write. `offset[i]` is the first byte of the IP header of
 * packet `i`; `length[i]` is the whole packet, up to 65,535 bytes. Ahead of every packet lie at least `headroom`
 * free bytes that an adapter may use for a header of its own (virtio_net_hdr, utun's family).
 */
export interface PacketBatch {
  count: number;
  readonly capacity: number;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  /** One of `segmentation`; a super-packet carries many segments of `segmentSize` payload bytes. */
  readonly segmentType: Uint8Array;
  readonly segmentSize: Uint16Array;
  /** One of `checksumState`. With `needed`, the transport checksum field holds the pseudo-header's partial sum. */
  readonly checksum: Uint8Array;
  /** With `needed`: where summing starts and where the sum goes, from the start of the IP header and from there. */
  readonly checksumStart: Uint16Array;
  readonly checksumOffset: Uint16Array;
}

export const packetHeadroom = 16;

/**
 * UDP datagrams (or, natively encapsulated, raw ESP packets). One entry may be a run of datagrams that lie one
 * behind the other: `segmentSize[i]` bytes each, the last may be shorter; 0 means a single datagram.
 * `peer[i]` is an index into the data plane's peer table; on receipt, `noPeer` where the source is not in it.
 */
export interface DatagramBatch {
  count: number;
  readonly capacity: number;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly segmentSize: Uint16Array;
  readonly peer: Uint16Array;
  /** On receipt: index of the source in the underlay's own table of remote endpoints seen in this batch. */
  readonly remote: Uint16Array;
}

export const noPeer = 0xffff;

export function createPacketBatch(capacity: number): PacketBatch {
  return {
    count: 0,
    capacity,
    offset: new Uint32Array(capacity),
    length: new Uint32Array(capacity),
    segmentType: new Uint8Array(capacity),
    segmentSize: new Uint16Array(capacity),
    checksum: new Uint8Array(capacity),
    checksumStart: new Uint16Array(capacity),
    checksumOffset: new Uint16Array(capacity),
  };
}

export function createDatagramBatch(capacity: number): DatagramBatch {
  return {
    count: 0,
    capacity,
    offset: new Uint32Array(capacity),
    length: new Uint32Array(capacity),
    segmentSize: new Uint16Array(capacity),
    peer: new Uint16Array(capacity),
    remote: new Uint16Array(capacity),
  };
}
