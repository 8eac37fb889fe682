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
} as const;
