// A TCP connection that goes beside the tunnel, by a real link: what asks whether a captive portal intercepts.
import type { Socket } from 'node:net';
import type { Endpoint } from '../../engine/packet/address.ts';

/** Begins a TCP connection by that link, with our mark. The socket fails where the server cannot be reached. */
export type OpenStream = (
  remote: Endpoint,
  link: { readonly interfaceName: string; readonly mark: number },
) => Socket;
