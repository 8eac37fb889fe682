// The ring in which a packet socket leaves the beginnings of frames for us (PACKET_RX_RING, TPACKET_V2, Linux).
import { bindLibc, checkCall } from './libc.ts';
import { allocateBlock, viewOfAddress } from './libc-memory.ts';
import { setIntegerOption, setsockopt, socketLevel } from './libc-socket.ts';

const mmap = bindLibc<
  (hint: number, length: number, protection: number, flags: number, file: number, offset: number) => number
>('intptr_t mmap(uintptr_t hint, size_t length, int protection, int flags, int file, int64_t offset)');

const packetVersion = 10;
const packetReceiveRing = 5;
const version2 = 1;
const blockSize = 65_536;
const protectionReadWrite = 3;
const mapShared = 1;

/** struct tpacket2_hdr: status 0, length 4, kept length 8 (32 bits each), offset of the frame 12 (16 bits). */
const header = { status: 0, length: 4, keptLength: 8, frame: 12 } as const;
const ownedByUser = 1;

/** The slots of one socket's ring; lives as long as the process. */
export class PacketRing {
  readonly #slotSize: number;
  readonly #slotCount: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #next = 0;

  /**
   * `slotSize` bytes for each frame, a power of two from 256 to 65,536, of which about 80 are taken by the system. The
   * socket must not be bound yet. Throws SystemCallError.
   */
  constructor(descriptor: number, slotSize: number, slotCount: number) {
    this.#slotSize = slotSize;
    this.#slotCount = slotCount;
    const length = slotSize * slotCount;
    checkCall(setIntegerOption(descriptor, socketLevel.packet, packetVersion, version2), 'setsockopt');
    const request = allocateBlock(16);
    [blockSize, length / blockSize, slotSize, slotCount].forEach((value, index) => {
      request.view.setUint32(index * 4, value, true);
    });
    checkCall(
      setsockopt(descriptor, socketLevel.packet, packetReceiveRing, request.address, 16),
      'setsockopt',
    );
    const address = Number(mmap(0, length, protectionReadWrite, mapShared, descriptor, 0));
    checkCall(address === -1 ? -1 : 0, 'mmap');
    this.#bytes = viewOfAddress(address, length);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, length);
  }

  /** Hands over every frame that waits: its beginning (valid during the call) and its whole length in bytes. */
  drain(take: (start: Uint8Array, length: number) => void): void {
    for (;;) {
      const slot = this.#next * this.#slotSize;
      if ((this.#view.getUint32(slot + header.status, true) & ownedByUser) === 0) return;
      const start = slot + this.#view.getUint16(slot + header.frame, true);
      const kept = this.#view.getUint32(slot + header.keptLength, true);
      take(this.#bytes.subarray(start, start + kept), this.#view.getUint32(slot + header.length, true));
      this.#view.setUint32(slot + header.status, 0, true);
      this.#next = (this.#next + 1) % this.#slotCount;
    }
  }
}
