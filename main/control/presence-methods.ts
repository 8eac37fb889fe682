// What clients ask about the way to a gateway: to be spread into `methods` of schema.ts.
import { z } from 'zod';

const none = {} as const;
const profile = z.string().min(1).max(63);

export const presenceMethods = {
  /**
   * A client watches the connection's round trip: it is measured by an empty exchange with the gateway, at most once in
   * ten seconds however often this is called, and told in the status.
   */
  'connection.measure': {
    right: 'control',
    parameters: z.strictObject({ profile }),
    uploads: none,
    result: z.object({}),
  },
  /**
   * Where the reason is captive-portal: lets the sign-in page's server (TCP 80, 443 and its port) and the name servers
   * through beside the tunnel, until the connection is up or `until` has come, five minutes at most. Everything else
   * stays blocked. Fails with no-portal, portal-shielded and name-not-resolved.
   */
  'connection.allowPortal': {
    right: 'control',
    parameters: z.strictObject({ profile }),
    uploads: none,
    result: z.object({ url: z.string(), until: z.number() }),
  },
} as const;
