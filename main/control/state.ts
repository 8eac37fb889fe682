// The words of the service's state, as clients see them. Plain data; the zod schemas in schema.ts describe the same.
export const connectionStates = [
  'disconnected',
  'connecting',
  'connected',
  'reconnecting',
  'failed',
] as const;
export type ConnectionState = (typeof connectionStates)[number];
