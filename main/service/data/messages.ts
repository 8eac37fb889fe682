// Between the control thread and the data thread. Control to data: a message port, drained after the eventfd woke the
// loop. Data to control: plain messages. Keys travel as a place in the shared locked memory, never as bytes.
import type { Endpoint } from '../../engine/packet/address.ts';
import type { PathEvent, TranslationSources } from '../../engine/path/data-plane.ts';
import type { PolicyTable } from '../../engine/policy/table.ts';
import type { SecurityAssociationParameters } from '../../engine/sa/parameters.ts';

export type ToData =
  | { readonly type: 'set-policy'; readonly table: PolicyTable }
  | { readonly type: 'set-translation'; readonly sources: TranslationSources }
  | { readonly type: 'set-peer'; readonly peer: number; readonly remote: Endpoint }
  | { readonly type: 'expect-inbound' | 'cancel-expected'; readonly spi: number }
  | {
      readonly type: 'install-inbound' | 'install-outbound';
      readonly parameters: Omit<SecurityAssociationParameters, 'keyMaterial'>;
      /** Place of the key in the shared locked memory; the data thread frees it. */
      readonly keyAddress: number;
      readonly keyLength: number;
    }
  | { readonly type: 'remove-inbound'; readonly spi: number; readonly lingerSeconds: number }
  | { readonly type: 'remove-outbound'; readonly association: number; readonly spi: number }
  | { readonly type: 'agreement-failed'; readonly association: number; readonly retryAtMilliseconds: number }
  | { readonly type: 'set-tunnel-mtu'; readonly bytes: number }
  | {
      readonly type: 'send-ike';
      readonly bytes: Uint8Array;
      readonly remote: Endpoint;
      readonly local: Endpoint | undefined;
      readonly marker: boolean;
    }
  | { readonly type: 'stop' };

export type FromData =
  | {
      readonly type: 'ready';
      readonly interfaceName: string;
      readonly interfaceIndex: number;
      readonly localPort4: number;
      readonly localPort6: number;
      readonly superPackets: boolean;
    }
  | {
      readonly type: 'ike-datagram';
      readonly bytes: Uint8Array;
      readonly remote: Endpoint;
      readonly local: Endpoint;
    }
  | { readonly type: 'path-event'; readonly event: PathEvent }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'stopped' };
