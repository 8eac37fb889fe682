// Peers by index, each with the socket address that native code is given, and found again by the address and port from
// which a datagram came.
import { allocateBlock, type NativeBlock } from '../../../native/libc-memory.ts';
import type { SocketAddresses } from '../../../native/socket-address.ts';
import type { Endpoint } from '../../engine/packet/address.ts';
import { noPeer } from '../../engine/packet/batch.ts';

export class PeerTable {
  readonly #family: 4 | 6;
  readonly #write: SocketAddresses['write'];
  readonly #chunks: NativeBlock[] = [];
  /** Address of each peer's socket address; 0 or absent: no such peer. */
  readonly #addresses: number[] = [];
  readonly #keys: (number | string | undefined)[] = [];
  readonly #peerByKey = new Map<number | string, number>();
  #latest = noPeer;

  constructor(family: 4 | 6, write: SocketAddresses['write']) {
    this.#family = family;
    this.#write = write;
  }

  /** Adds, moves or forgets a peer; one of the other family is forgotten too, since the other underlay has it. */
  set(peer: number, remote: Endpoint | undefined): void {
    this.#remove(peer);
    if (remote?.address.family !== this.#family) return;
    const chunk = this.#chunkOf(peer);
    const offset = (peer % peersPerChunk) * addressStride;
    this.#write(chunk.view, offset, remote.address.bytes, remote.port);
    const key = this.#keyAt(chunk.view, offset);
    this.#addresses[peer] = chunk.address + offset;
    this.#keys[peer] = key;
    this.#peerByKey.set(key, peer);
  }

  /** Address of the peer's socket address; 0 where there is no such peer in this family. */
  addressOf(peer: number): number {
    return this.#addresses[peer] ?? 0;
  }

  /** The peer whose socket address lies at `offset` of the view, or `noPeer`. */
  find(view: DataView, offset: number): number {
    if (this.#latest !== noPeer && this.#equals(this.#latest, view, offset)) return this.#latest;
    this.#latest = this.#peerByKey.get(this.#keyAt(view, offset)) ?? noPeer;
    return this.#latest;
  }

  #remove(peer: number): void {
    const key = this.#keys[peer];
    if (key !== undefined && this.#peerByKey.get(key) === peer) this.#peerByKey.delete(key);
    this.#keys[peer] = undefined;
    this.#addresses[peer] = 0;
    this.#latest = noPeer;
  }

  #chunkOf(peer: number): NativeBlock {
    const index = Math.floor(peer / peersPerChunk);
    this.#chunks[index] ??= allocateBlock(peersPerChunk * addressStride);
    return this.#chunks[index];
  }

  #equals(peer: number, view: DataView, offset: number): boolean {
    const known = this.#chunkOf(peer).view;
    const start = (peer % peersPerChunk) * addressStride;
    if (known.getUint32(start) !== view.getUint32(offset)) return false;
    if (this.#family === 4) return known.getUint32(start + 4) === view.getUint32(offset + 4);
    for (let position = 8; position < 24; position += 4) {
      if (known.getUint32(start + position) !== view.getUint32(offset + position)) return false;
    }
    return true;
  }

  /** IPv4: address and port as one number; IPv6: as text. */
  #keyAt(view: DataView, offset: number): number | string {
    const port = view.getUint16(offset + 2);
    if (this.#family === 4) return view.getUint32(offset + 4) * 0x1_0000 + port;
    return `${view.getBigUint64(offset + 8)} ${view.getBigUint64(offset + 16)} ${port}`;
  }
}

const peersPerChunk = 256;
/** Room for struct sockaddr_in6, 28 bytes. */
const addressStride = 32;
