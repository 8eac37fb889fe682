// IKE messages between the data thread's sockets and the control thread: which socket, with or without marker, how many.
import type { Endpoint } from '../../engine/packet/address.ts';
import type { Underlay } from '../../host/underlay/contract.ts';

/** An underlay with what the thread was told about it. */
export interface OpenedUnderlay {
  readonly underlay: Underlay;
  readonly family: 4 | 6;
  /** Port 500 of a responder: IKE only, without marker. */
  readonly plainIke: boolean;
}

const windowMilliseconds = 100;
/** More in one window are dropped: the control thread's queue must stay bounded. */
const datagramsPerWindow = 500;
const rememberedRemotes = 1024;
const markerLength = 4;

export class IkeHandOver {
  readonly #underlays: readonly OpenedUnderlay[];
  /** Remotes that were written to without marker: what they send has none either. */
  readonly #plainRemotes = new Set<string>();
  #windowStart = Number.NEGATIVE_INFINITY;
  #windowCount = 0;

  constructor(underlays: readonly OpenedUnderlay[]) {
    this.#underlays = underlays;
  }

  /** False: there is no socket of that family. */
  send(bytes: Uint8Array, remote: Endpoint, local: Endpoint | undefined, marker: boolean): boolean {
    const chosen = this.choose(remote, local);
    if (chosen === undefined) return false;
    if (marker) {
      const marked = new Uint8Array(markerLength + bytes.length);
      marked.set(bytes, markerLength);
      chosen.underlay.sendTo(marked, remote, local);
    } else {
      if (!chosen.plainIke) this.#remember(remote);
      chosen.underlay.sendTo(bytes, remote, local);
    }
    return true;
  }

  sendKeepalive(remote: Endpoint, local: Endpoint | undefined): void {
    this.choose(remote, local)?.underlay.sendTo(Uint8Array.of(0xff), remote, local);
  }

  /** By the local port where one is named, else the socket that carries ESP. */
  choose(remote: Endpoint, local: Endpoint | undefined): OpenedUnderlay | undefined {
    const { family } = remote.address;
    const candidates = this.#underlays.filter((candidate) => candidate.family === family);
    const named =
      local && local.port !== 0
        ? candidates.find(({ underlay }) => underlay.localPort === local.port)
        : undefined;
    return named ?? candidates.find(({ plainIke }) => !plainIke) ?? candidates[0];
  }

  isPlainRemote(remote: Endpoint): boolean {
    return this.#plainRemotes.size > 0 && this.#plainRemotes.has(keyOf(remote));
  }

  /** May one more datagram be handed over now? */
  admits(nowMilliseconds: number): boolean {
    if (nowMilliseconds - this.#windowStart >= windowMilliseconds) {
      this.#windowStart = nowMilliseconds;
      this.#windowCount = 0;
    }
    this.#windowCount += 1;
    return this.#windowCount <= datagramsPerWindow;
  }

  #remember(remote: Endpoint): void {
    if (this.#plainRemotes.size >= rememberedRemotes) this.#plainRemotes.clear();
    this.#plainRemotes.add(keyOf(remote));
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address.bytes.join('.')} ${port}`;
}
