// Looking on: copies of the packets that pass a link, for a capture. What is seen is never taken away or held up.

export interface CaptureTapOptions {
  readonly interfaceName: string;
  /** Absent: every packet of the link. */
  readonly filter?: WireFilter | undefined;
}

/** IKE and ESP of ours, as they are on the network. */
export interface WireFilter {
  /** Our own UDP ports: every datagram from or to one of them. */
  readonly ports: readonly number[];
  /** Addresses (4 or 16 bytes; the first 64) whose ESP without UDP and whose fragments are ours too. */
  readonly remotes: readonly Uint8Array[];
}

export interface TappedPacket {
  /** From the link header on where there is one; valid during the call only. */
  readonly bytes: Uint8Array;
  /** Bytes that the packet had, of which `bytes` may be the beginning. */
  readonly originalLength: number;
  readonly direction: 'inbound' | 'outbound';
  /** The system's time of the packet, since 1970. */
  readonly timestamp: { readonly seconds: number; readonly nanoseconds: number };
}

/** Called on the event loop of the thread that opened the tap. */
export interface TapListener {
  /** Datagrams that the system handles as one come as they are on the network; TCP super-packets come whole. */
  packet(packet: TappedPacket): void;
  /** The link is gone or down; nothing more comes. The tap is still to be closed. */
  ended(error: Error): void;
}

export interface CaptureTap {
  /** Whether packets begin with an Ethernet header, or with the IP header. */
  readonly link: 'ethernet' | 'raw';
  /** Packets since it was opened that the system had no room for, or could not hand over. */
  readonly missedPackets: number;
  /** Puts another filter in the place of the present one. */
  setFilter(filter: WireFilter): void;
  /** May be called twice. */
  close(): void;
}

/** Throws where the system refuses: no such link, no right. */
export type OpenCaptureTap = (options: CaptureTapOptions, listener: TapListener) => CaptureTap;
