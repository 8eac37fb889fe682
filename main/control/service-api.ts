// What the service implements and the endpoint calls: the methods of schema.ts, without rights, sockets and frames.
import type { MethodName, MethodParameters, MethodResult, MethodUploads } from './schema.ts';

/** Who asks. The endpoint has already checked the method's right, and for others' connections `administer`. */
export interface Caller {
  readonly uid: number;
  readonly pid: number;
  /** Root, without asking polkit. */
  readonly administrator: boolean;
}

/**
 * Serves one call. Throws ControlError for what the person can act on; anything else becomes "internal". Uploads are
 * handed over: the handler wipes them (`fill(0)`) when it is done with them.
 */
export type Handler<Name extends MethodName> = (
  parameters: MethodParameters<Name>,
  caller: Caller,
  uploads: MethodUploads<Name>,
) => Promise<MethodResult<Name>> | MethodResult<Name>;

/** The endpoint's own methods. */
type EndpointMethod =
  | 'service.version'
  | 'rights.mine'
  | 'status.subscribe'
  | 'status.unsubscribe'
  | 'capture.start'
  | 'capture.stop';

export type ServiceMethods = { readonly [Name in Exclude<MethodName, EndpointMethod>]: Handler<Name> };

export interface ServiceApi {
  readonly version: string;
  readonly methods: ServiceMethods;
  /** User id of whoever opened the profile's connection; undefined: nobody has. */
  ownerOf(profile: string): number | undefined;
  /** Calls back when any connection's status changed other than by its counters. */
  onStatusChange(changed: () => void): { close(): void };
  /** Absent: `capture.start` answers not-supported. */
  startCapture?(
    parameters: MethodParameters<'capture.start'>,
    caller: Caller,
    sink: CaptureSink,
  ): Promise<RunningCapture>;
}

/** Takes pcapng blocks, whole ones only, up to 64 KiB less 4 bytes each. */
export interface CaptureSink {
  /** The bytes are copied. False: the client does not keep up, and the block was dropped and counted. */
  write(block: Uint8Array): boolean;
  /** `missedPackets`: dropped before they came here, counted beside those that `write` dropped. */
  end(detail?: string, missedPackets?: number): void;
}

export interface RunningCapture {
  stop(): void;
}
