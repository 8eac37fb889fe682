// What the packet path is given from outside, and what its two directions share.
import type { AeadBackend } from '../esp/aead-backend.ts';
import type { Endpoint } from '../packet/address.ts';
import type { DatagramBatch, PacketMemory } from '../packet/batch.ts';
import type { PacketView } from '../packet/view.ts';
import type { PacketFilter } from '../policy/filter.ts';
import type { Verdict } from '../policy/verdict.ts';
import type { Encapsulation } from '../sa/parameters.ts';
import type { AssociationStore } from '../sa/store.ts';
import type { PathCounters } from './counters.ts';
import type { PathEvent } from './data-plane.ts';
import type { IcmpAnswers } from './icmp-answers.ts';
import type { PacketKernel } from './packet-kernel.ts';
import type { MemoryLayout } from './packet-memory.ts';
import type { DropReason } from './reasons.ts';
import type { SendQueue } from './send-queue.ts';
import type { WriteQueue } from './write-queue.ts';

export interface PathOptions {
  readonly memory: PacketMemory;
  readonly layout: MemoryLayout;
  readonly kernel: PacketKernel;
  readonly backend: AeadBackend;
  readonly counters: PathCounters;
  /** Does the adapter take TCP super-packets? */
  readonly superPackets: boolean;
  /** A random number that outsiders do not know. */
  readonly hashSeed: number;
  /** Which underlay (and send queue) leads to a remote; one that does not exist where none does. */
  underlayFor(remote: Endpoint, encapsulation: Encapsulation): number;
  emit(event: PathEvent): void;
  /** An IKE message without marker; it must be copied. `entry` is the index in the datagram batch. */
  deliverIke(offset: number, length: number, batch: DatagramBatch, entry: number): void;
  /** Does a source outside the peer table send IKE without the non-ESP marker? */
  isPlainIke(batch: DatagramBatch, entry: number): boolean;
  /** A whole packet for a BYPASS link; false: none took it. */
  sendBypass(offset: number, length: number): boolean;
  /** Sends, or writes, what a full queue holds and resets it, as far as the system takes it now. */
  flushSends(underlay: number): void;
  flushWrites(): void;
  readonly flowCapacity?: number;
}

/** Told about every packet while somebody looks: `verdict` is the action, or the reason of a drop. */
export type VerdictObserver = (
  direction: 'outbound' | 'inbound',
  view: PacketView,
  verdict: 'PROTECT' | 'BYPASS' | 'DISCARD' | DropReason,
  rowId: string | undefined,
) => void;

/** Made once by PacketPath. */
export interface PathParts {
  readonly options: PathOptions;
  readonly filter: PacketFilter;
  readonly store: AssociationStore;
  readonly sends: readonly SendQueue[];
  readonly writes: WriteQueue;
  readonly answers: IcmpAnswers;
  drop(reason: DropReason, count?: number): void;
  /** Does anybody look? */
  isObserved(): boolean;
  observe(
    direction: 'outbound' | 'inbound',
    view: PacketView,
    verdict: Verdict,
    what: 'PROTECT' | 'BYPASS' | 'DISCARD' | DropReason,
  ): void;
}
