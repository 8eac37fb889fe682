// The security association database (RFC 4301 section 4.4.2): inbound by SPI, outbound by association.
import type { AeadBackend } from '../esp/aead-backend.ts';
import type { PacketMemory } from '../packet/batch.ts';
import {
  associationCapacity,
  associationFigures,
  espAlgorithms,
  associationFigureIndex as figure,
} from '../path/counters.ts';
import type { PathEvent } from '../path/data-plane.ts';
import { type FigurePlace, InboundAssociation, OutboundAssociation } from './association.ts';
import { type AssociationId, keyLengths, type SecurityAssociationParameters } from './parameters.ts';
import { checkReplayWindow } from './replay-window.ts';

export interface AssociationStoreOptions {
  readonly memory: PacketMemory;
  readonly backend: AeadBackend;
  /** PathCounters.associations. */
  readonly figures: Float64Array;
  readonly emit: (event: PathEvent) => void;
}

export class AssociationStore {
  readonly #options: AssociationStoreOptions;
  readonly #inbound = new Map<number, InboundAssociation>();
  readonly #outbound = new Map<AssociationId, OutboundAssociation[]>();
  readonly #current = new Map<AssociationId, OutboundAssociation>();
  #latestInbound: InboundAssociation | undefined;
  #latestOutbound: OutboundAssociation | undefined;
  #nextDeadline = Number.POSITIVE_INFINITY;

  constructor(options: AssociationStoreOptions) {
    this.#options = options;
  }

  /** Replaces an inbound SA of the same SPI. Throws RangeError for parameters that cannot be. */
  installInbound(parameters: SecurityAssociationParameters, nowMilliseconds: number): void {
    const { memory, backend } = this.#options;
    const key = keyOf(parameters);
    this.#drop(this.#inbound.get(parameters.spi));
    const opener = backend.createOpener(memory, parameters.algorithm, key);
    const place = this.#takePlace(parameters, 1, nowMilliseconds, opener);
    const sa = new InboundAssociation(parameters, opener, place, nowMilliseconds);
    this.#inbound.set(sa.spi, sa);
    this.#notice(sa.limits.softAtMilliseconds, sa.limits.hardAtMilliseconds);
  }

  /**
   * The association's current SA from now on; the one before stays behind it until it is removed. One of the same SPI
   * is replaced and goes on counting: were its key the same, a number used twice would give it away (RFC 4106
   * section 2).
   */
  installOutbound(parameters: SecurityAssociationParameters, nowMilliseconds: number): void {
    const { memory, backend } = this.#options;
    const key = keyOf(parameters);
    const former = this.#outbound.get(parameters.association)?.find(({ spi }) => spi === parameters.spi);
    this.removeOutbound(parameters.association, parameters.spi);
    const sealer = backend.createSealer(memory, parameters.algorithm, key);
    const place = this.#takePlace(parameters, 2, nowMilliseconds, sealer);
    const sa = new OutboundAssociation(parameters, sealer, place, nowMilliseconds);
    sa.sequence = former?.sequence ?? 0;
    const others = this.#outbound.get(sa.association) ?? [];
    this.#outbound.set(sa.association, [...others, sa]);
    this.#choose(sa.association);
    this.#notice(sa.limits.softAtMilliseconds, sa.limits.hardAtMilliseconds);
  }

  /** No allocation. An SA that has ended is still found, and says so. */
  findInbound(spi: number): InboundAssociation | undefined {
    const latest = this.#latestInbound;
    if (latest !== undefined && latest.spi === spi) return latest;
    const sa = this.#inbound.get(spi);
    if (sa !== undefined) this.#latestInbound = sa;
    return sa;
  }

  /** The SA that seals for the association now; never one that has ended. No allocation. */
  findOutbound(association: AssociationId): OutboundAssociation | undefined {
    const latest = this.#latestOutbound;
    if (latest !== undefined && latest.association === association) return latest;
    const sa = this.#current.get(association);
    this.#latestOutbound = sa;
    return sa;
  }

  removeInbound(spi: number, lingerSeconds: number, nowMilliseconds: number): void {
    const sa = this.#inbound.get(spi);
    if (sa === undefined) return;
    if (lingerSeconds <= 0) {
      this.#drop(sa);
      return;
    }
    sa.removeAtMilliseconds = Math.min(sa.removeAtMilliseconds, nowMilliseconds + lingerSeconds * 1000);
    this.#notice(sa.removeAtMilliseconds, sa.removeAtMilliseconds);
  }

  removeOutbound(association: AssociationId, spi: number): void {
    const all = this.#outbound.get(association);
    const sa = all?.find((candidate) => candidate.spi === spi);
    if (all === undefined || sa === undefined) return;
    const rest = all.filter((candidate) => candidate !== sa);
    if (rest.length > 0) this.#outbound.set(association, rest);
    else this.#outbound.delete(association);
    this.#choose(association);
    if (!sa.ended) sa.sealer.destroy();
    this.#freePlace(sa.place);
  }

  /** After a packet was sealed: raises soft and hard limits of bytes and packets. */
  checkOutbound(sa: OutboundAssociation, nowMilliseconds: number): void {
    const { figures, base } = sa.place;
    const packets = figures[base + figure.packets]!;
    const bytes = figures[base + figure.bytes]!;
    if (sa.limits.needsAttention(packets, bytes)) this.#applyOutbound(sa, nowMilliseconds, packets, bytes);
  }

  checkInbound(sa: InboundAssociation, nowMilliseconds: number): void {
    const { figures, base } = sa.place;
    const packets = figures[base + figure.packets]!;
    const bytes = figures[base + figure.bytes]!;
    if (sa.limits.needsAttention(packets, bytes)) this.#applyInbound(sa, nowMilliseconds, packets, bytes);
  }

  /** The last sequence number is used: the SA ends (RFC 4303 section 3.3.3). */
  endBySequence(sa: OutboundAssociation): void {
    this.#endOutbound(sa, 'sequence');
  }

  /** Raises limits of time and lets lingering SAs go. Cheap while nothing is due. */
  tick(nowMilliseconds: number): void {
    if (nowMilliseconds < this.#nextDeadline) return;
    for (const sa of [...this.#inbound.values()]) {
      if (nowMilliseconds >= sa.removeAtMilliseconds) this.#drop(sa);
      else this.#applyInbound(sa, nowMilliseconds, 0, 0);
    }
    for (const all of [...this.#outbound.values()]) {
      for (const sa of all) this.#applyOutbound(sa, nowMilliseconds, 0, 0);
    }
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    for (const sa of this.#inbound.values()) {
      this.#nextDeadline = Math.min(this.#nextDeadline, sa.removeAtMilliseconds);
      if (!sa.ended) this.#notice(sa.limits.softAtMilliseconds, sa.limits.hardAtMilliseconds);
    }
    for (const all of this.#outbound.values()) {
      for (const sa of all) {
        if (!sa.ended) this.#notice(sa.limits.softAtMilliseconds, sa.limits.hardAtMilliseconds);
      }
    }
  }

  /** When `tick` has something to do next; Infinity: never. */
  get nextDeadlineMilliseconds(): number {
    return this.#nextDeadline;
  }

  get inboundCount(): number {
    return this.#inbound.size;
  }

  /** Wipes every key. */
  close(): void {
    for (const sa of [...this.#inbound.values()]) this.#drop(sa);
    for (const all of [...this.#outbound.values()]) {
      for (const sa of all) this.removeOutbound(sa.association, sa.spi);
    }
  }

  #applyOutbound(sa: OutboundAssociation, now: number, packets: number, bytes: number): void {
    if (sa.ended) return;
    const hard = sa.limits.reachedHard(now, packets, bytes);
    if (hard !== undefined) {
      this.#endOutbound(sa, hard);
      return;
    }
    // Only the SA in use asks for its successor.
    const soft = sa.limits.reachedSoft(now, packets, bytes);
    if (soft !== undefined && this.#current.get(sa.association) === sa) {
      this.#options.emit({
        type: 'soft-expired',
        association: sa.association,
        spi: sa.spi,
        limit: soft,
      });
    }
  }

  #applyInbound(sa: InboundAssociation, now: number, packets: number, bytes: number): void {
    if (sa.ended) return;
    const { association, spi } = sa;
    const hard = sa.limits.reachedHard(now, packets, bytes);
    if (hard !== undefined) {
      sa.ended = true;
      sa.opener.destroy();
      this.#options.emit({ type: 'hard-expired', association, spi, limit: hard });
      return;
    }
    const soft = sa.limits.reachedSoft(now, packets, bytes);
    if (soft !== undefined && sa.removeAtMilliseconds === Number.POSITIVE_INFINITY) {
      this.#options.emit({ type: 'soft-expired', association, spi, limit: soft });
    }
  }

  #endOutbound(sa: OutboundAssociation, limit: 'seconds' | 'bytes' | 'packets' | 'sequence'): void {
    if (sa.ended) return;
    sa.ended = true;
    sa.sealer.destroy();
    this.#choose(sa.association);
    this.#options.emit({ type: 'hard-expired', association: sa.association, spi: sa.spi, limit });
  }

  #choose(association: AssociationId): void {
    const usable = this.#outbound.get(association)?.findLast((sa) => !sa.ended);
    if (usable !== undefined) this.#current.set(association, usable);
    else this.#current.delete(association);
    this.#latestOutbound = undefined;
  }

  #drop(sa: InboundAssociation | undefined): void {
    if (sa === undefined) return;
    this.#inbound.delete(sa.spi);
    if (this.#latestInbound === sa) this.#latestInbound = undefined;
    if (!sa.ended) sa.opener.destroy();
    this.#freePlace(sa.place);
  }

  #notice(soft: number, hard: number): void {
    this.#nextDeadline = Math.min(this.#nextDeadline, soft, hard);
  }

  #takePlace(
    parameters: SecurityAssociationParameters,
    direction: 1 | 2,
    now: number,
    cipher: { destroy(): void },
  ): FigurePlace {
    const { figures } = this.#options;
    const stride = associationFigures.length;
    for (let slot = 0; slot < associationCapacity; slot++) {
      const base = slot * stride;
      if (figures[base + figure.spi] !== 0) continue;
      figures.fill(0, base, base + stride);
      figures[base + figure.association] = parameters.association;
      figures[base + figure.direction] = direction;
      figures[base + figure.algorithm] = espAlgorithms.indexOf(parameters.algorithm);
      figures[base + figure.installedAt] = now;
      figures[base + figure.spi] = parameters.spi;
      return { figures, base };
    }
    cipher.destroy();
    throw new RangeError(`No room for more than ${associationCapacity} security associations.`);
  }

  #freePlace({ figures, base }: FigurePlace): void {
    figures[base + figure.spi] = 0;
  }
}

function keyOf(parameters: SecurityAssociationParameters): Uint8Array {
  const { spi, algorithm, keyMaterial, replayWindow } = parameters;
  checkReplayWindow(replayWindow);
  if (!Number.isInteger(spi) || spi < 256 || spi > 0xffffffff) {
    throw new RangeError(`SPI ${spi} is outside 256 to 2^32-1 (RFC 4303 section 2.1).`);
  }
  const length = keyLengths[algorithm];
  if (keyMaterial.length !== length + 4) {
    throw new RangeError(
      `${algorithm} needs ${length + 4} bytes of key and salt, not ${keyMaterial.length}.`,
    );
  }
  return keyMaterial.subarray(0, length);
}
