// The only place where vault, IKE and SA keys lie: locked pages, given out in pieces and wiped when they come back.
import type { LockedPages } from '../../../native/locked-memory/contract.ts';
import { mapLockedPages, unmapLockedPages } from '../../../native/locked-memory/index.ts';

const granuleBytes = 64;
const arenaBytes = 64 * 1024;
/** A larger secret has pages of its own, which are given back with it. */
const pageBytes = 4096;
const largestBytes = 16 * 1024 * 1024;

/** Owned by the control thread. Another thread reads a secret by its address and gives the place back by message. */
export class SecretMemory {
  readonly #arenas: Arena[] = [];
  readonly #places = new Map<number, Place>();

  /** `length` zero-filled bytes, at most 16 MiB. */
  allocate(length: number): Uint8Array {
    if (!Number.isInteger(length) || length < 0 || length > largestBytes) {
      throw new RangeError(`A secret of ${length} bytes does not fit the locked memory.`);
    }
    if (length > arenaBytes) return this.#allocateLarge(length);
    const granules = Math.max(1, Math.ceil(length / granuleBytes));
    for (const arena of this.#arenas) {
      const first = findFree(arena, granules);
      if (first >= 0) return this.#take(arena, first, granules, length);
    }
    const arena = newArena(arenaBytes);
    this.#arenas.push(arena);
    return this.#take(arena, 0, granules, length);
  }

  /** Wipes the secret and takes its place back. A secret that was freed already is left alone. */
  free(secret: Uint8Array): void {
    const address = this.#find(secret);
    if (address !== undefined) this.freeAddress(address);
  }

  /** The same by address, for a secret that another thread has finished with. */
  freeAddress(address: number): void {
    const place = this.#places.get(address);
    if (place === undefined) return;
    const { arena, first, granules } = place;
    arena.pages.bytes.fill(0, first * granuleBytes, (first + granules) * granuleBytes);
    arena.used.fill(0, first, first + granules);
    this.#places.delete(address);
    if (arena.pages.bytes.length === arenaBytes) return;
    this.#arenas.splice(this.#arenas.indexOf(arena), 1);
    unmapLockedPages(arena.pages);
  }

  /** Address for native code and for other threads. Throws for bytes that are not a live secret of this memory. */
  addressOf(secret: Uint8Array): number {
    const address = this.#find(secret);
    if (address === undefined) throw new Error('These bytes do not lie in the locked memory.');
    return address;
  }

  /** Secrets given out and not freed. */
  get liveCount(): number {
    return this.#places.size;
  }

  /** Bytes that the system refused to lock (RLIMIT_MEMLOCK) and that it might swap out: show a warning when not 0. */
  get unlockedBytes(): number {
    return this.#arenas.reduce((sum, { pages }) => sum + (pages.locked ? 0 : pages.bytes.length), 0);
  }

  /** Wipes everything and gives the pages back; no secret may be used afterwards, on any thread. */
  close(): void {
    for (const arena of this.#arenas) unmapLockedPages(arena.pages);
    this.#arenas.length = 0;
    this.#places.clear();
  }

  #allocateLarge(length: number): Uint8Array {
    const arena = newArena(Math.ceil(length / pageBytes) * pageBytes);
    this.#arenas.push(arena);
    return this.#take(arena, 0, arena.used.length, length);
  }

  #take(arena: Arena, first: number, granules: number, length: number): Uint8Array {
    arena.used.fill(1, first, first + granules);
    const start = first * granuleBytes;
    this.#places.set(arena.pages.address + start, { arena, first, granules });
    return arena.pages.bytes.subarray(start, start + length);
  }

  #find(secret: Uint8Array): number | undefined {
    const arena = this.#arenas.find(({ pages }) => pages.bytes.buffer === secret.buffer);
    if (arena === undefined) return undefined;
    const address = arena.pages.address + secret.byteOffset - arena.pages.bytes.byteOffset;
    return this.#places.has(address) ? address : undefined;
  }
}

interface Arena {
  readonly pages: LockedPages;
  /** One flag a granule. */
  readonly used: Uint8Array;
}

interface Place {
  readonly arena: Arena;
  readonly first: number;
  readonly granules: number;
}

function newArena(bytes: number): Arena {
  return { pages: mapLockedPages(bytes), used: new Uint8Array(bytes / granuleBytes) };
}

function findFree(arena: Arena, granules: number): number {
  let run = 0;
  for (let index = 0; index < arena.used.length; index++) {
    run = arena.used[index] === 0 ? run + 1 : 0;
    if (run === granules) return index - granules + 1;
  }
  return -1;
}
