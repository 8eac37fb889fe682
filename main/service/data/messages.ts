// Between the control thread and the data thread. Control to data: a message port, drained after the eventfd woke the
// loop. Data to control: plain messages. Keys travel as a place in the shared locked memory, never as bytes.
import type { Endpoint } from '../../engine/packet/address.ts';
import type { FiveTuple, PathEvent, TranslationSources } from '../../engine/path/data-plane.ts';
import type { DropReason } from '../../engine/path/reasons.ts';
import type { PolicyTable } from '../../engine/policy/table.ts';
import type { SecurityAssociationParameters } from '../../engine/sa/parameters.ts';
import type { AdapterOptions } from '../../host/adapter/contract.ts';
import type { Waitable } from '../../host/readiness/contract.ts';
import type { BypassLinkOptions, UnderlayOptions } from '../../host/underlay/contract.ts';

/** What a data thread opens. Several may share one process. */
export interface DataThreadOptions {
  readonly adapter: AdapterOptions;
  /**
   * For UDP. Initiator: one ephemeral socket (port 0) for each family. Responder: 500 and 4500 for each family.
   * The first of a family that is not `plainIke` carries ESP. Raw sockets for ESP without UDP are opened beside them
   * when the first such SA is installed.
   */
  readonly underlays: readonly DataUnderlayOptions[];
  readonly bypassLinks: readonly BypassLinkOptions[];
  /** Path of a network namespace that the thread enters before it opens anything; absent: the process's own. */
  readonly networkNamespace?: string | undefined;
}

export interface DataUnderlayOptions extends Omit<UnderlayOptions, 'encapsulation' | 'adapterName'> {
  /** Port 500 of a responder: IKE without the non-ESP marker, and no ESP (RFC 3948 section 2.2). */
  readonly plainIke: boolean;
}

export type ToData =
  | { readonly type: 'set-policy'; readonly table: PolicyTable }
  | { readonly type: 'set-translation'; readonly sources: TranslationSources }
  | { readonly type: 'set-peer'; readonly peer: number; readonly remote: Endpoint }
  | { readonly type: 'expect-inbound' | 'cancel-expected'; readonly spi: number }
  | {
      readonly type: 'install-inbound' | 'install-outbound';
      readonly parameters: Omit<SecurityAssociationParameters, 'keyMaterial'>;
      /** Place of the key in the shared locked memory; the data thread wipes it and answers secret-consumed. */
      readonly keyAddress: number;
      readonly keyLength: number;
    }
  | { readonly type: 'remove-inbound'; readonly spi: number; readonly lingerSeconds: number }
  | { readonly type: 'remove-outbound'; readonly association: number; readonly spi: number }
  | { readonly type: 'agreement-failed'; readonly association: number; readonly retryAtMilliseconds: number }
  | { readonly type: 'set-tunnel-mtu'; readonly bytes: number }
  | { readonly type: 'set-bypass-links'; readonly links: readonly BypassLinkOptions[] }
  | {
      readonly type: 'send-ike';
      readonly bytes: Uint8Array;
      readonly remote: Endpoint;
      readonly local: Endpoint | undefined;
      readonly marker: boolean;
    }
  /** One byte 0xff (RFC 3948 section 2.3). */
  | { readonly type: 'send-keepalive'; readonly remote: Endpoint; readonly local: Endpoint | undefined }
  | { readonly type: 'local-address'; readonly request: number; readonly remote: Endpoint }
  /** Verdict samples on or off. */
  | { readonly type: 'sample-verdicts'; readonly enabled: boolean }
  | { readonly type: 'stop' };

export type FromData =
  | {
      readonly type: 'ready';
      readonly interfaceName: string;
      readonly interfaceIndex: number;
      readonly localPort4: number;
      readonly localPort6: number;
      /** One for each underlay of the options. */
      readonly localPorts: readonly number[];
      readonly superPackets: boolean;
      /** The AEAD backend's name. */
      readonly backend: string;
    }
  | {
      readonly type: 'ike-datagram';
      readonly bytes: Uint8Array;
      readonly remote: Endpoint;
      readonly local: Endpoint;
    }
  | { readonly type: 'path-event'; readonly event: PathEvent }
  | {
      readonly type: 'local-address';
      readonly request: number;
      /** undefined: there is no way to that address now. */
      readonly local: Endpoint | undefined;
    }
  | { readonly type: 'secret-consumed'; readonly address: number }
  | { readonly type: 'verdict-sample'; readonly sample: VerdictSample }
  /** A bypass link or raw socket that could not be opened; the thread goes on without it. */
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'stopped' };

/** One packet and what became of it; at most ten a second. */
export interface VerdictSample {
  readonly direction: 'outbound' | 'inbound';
  readonly packet: FiveTuple;
  readonly verdict: 'PROTECT' | 'BYPASS' | 'DISCARD' | DropReason;
  /** The row that decided; undefined where none was asked. */
  readonly rowId: string | undefined;
  readonly length: number;
}

/** Handed to the worker at its start; what to open follows as its first message, a DataThreadOptions. */
export interface DataThreadStart {
  /** Buffers of the PathCounters. */
  readonly counters: ArrayBufferLike;
  readonly rowCounters: ArrayBufferLike;
  /** Wakes the loop. */
  readonly waker: Waitable;
  readonly port: import('node:worker_threads').MessagePort;
}
