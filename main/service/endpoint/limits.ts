// How much one client may cost the service.

export interface EndpointLimits {
  /** Control connections of one user at a time. */
  readonly connectionsPerUser: number;
  readonly connectionsOfRoot: number;
  /** Requests of one connection that are not answered yet; further ones are refused. */
  readonly pendingRequests: number;
  /** Bytes of uploads that wait for their request or belong to one that is not answered yet. */
  readonly uploadBytes: number;
  /** A frame that was begun, or an upload that nobody claimed, ends the connection after so long. */
  readonly partialFrameMilliseconds: number;
  /** Unsent bytes above which the service stops reading from the client and drops its captured packets. */
  readonly backlogPauseBytes: number;
  /** Unsent bytes above which the connection ends. */
  readonly backlogMaximumBytes: number;
  /** A client that takes nothing for so long while answers wait is cut off. */
  readonly stalledMilliseconds: number;
  /** Status changes are gathered for so long before they are pushed. */
  readonly statusDelayMilliseconds: number;
  readonly capturesPerConnection: number;
}

export const defaultLimits: EndpointLimits = {
  connectionsPerUser: 16,
  connectionsOfRoot: 128,
  pendingRequests: 64,
  uploadBytes: 1024 * 1024 + 128 * 1024,
  partialFrameMilliseconds: 10_000,
  backlogPauseBytes: 256 * 1024,
  backlogMaximumBytes: 4 * 1024 * 1024,
  stalledMilliseconds: 30_000,
  statusDelayMilliseconds: 20,
  capturesPerConnection: 2,
};

/** Calls back once after a while; the result cancels. Passed in, so that tests need no clock. */
export type Schedule = (callback: () => void, milliseconds: number) => () => void;

export const systemSchedule: Schedule = (callback, milliseconds) => {
  const timer = setTimeout(callback, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
};
