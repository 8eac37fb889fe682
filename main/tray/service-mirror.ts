// Mirrors what the service says, and carries calls to it. Keeps no truth of its own: when the service is away, so is
// what it said. Knows no Electron.
import type { CallUploads, CaptureListener } from '../control/client.ts';
import { ControlError } from '../control/failure.ts';
import { ReconnectingClient } from '../control/reconnecting-client.ts';
import type { MethodName, MethodParameters, MethodResult } from '../control/schema.ts';
import type { Status } from '../control/values.ts';
import type { ServiceState } from './ipc.ts';
import { type Reading, type Throughput, throughputBetween } from './throughput.ts';

/** Profiles may come and go without any connection changing, and counters alone are not told. */
const refreshEveryMilliseconds = 5000;

export interface ServiceMirrorOptions {
  readonly controlPath: string;
  /** The state changed in more than its counters. */
  changed(state: ServiceState): void;
  /** Counters were read anew. */
  measured(): void;
}

export class ServiceMirror {
  readonly #options: ServiceMirrorOptions;
  readonly #service: ReconnectingClient;
  readonly #timer: NodeJS.Timeout;
  #state: ServiceState = { service: 'starting' };
  /** What the service said last; undefined: it is away. */
  #newest: Status | undefined;
  #reading: Reading | undefined;
  #throughput: ReadonlyMap<string, Throughput> = new Map();

  constructor(options: ServiceMirrorOptions) {
    this.#options = options;
    this.#service = new ReconnectingClient(
      { path: options.controlPath },
      { status: (status) => void this.#receive(status) },
    );
    this.#timer = setInterval(() => void this.refresh().catch(() => undefined), refreshEveryMilliseconds);
  }

  get state(): ServiceState {
    return this.#state;
  }

  get throughput(): ReadonlyMap<string, Throughput> {
    return this.#throughput;
  }

  /** Throws ControlError. Uploads are wiped. */
  async call<Name extends MethodName>(
    name: Name,
    parameters: MethodParameters<Name>,
    uploads?: CallUploads<Name>,
  ): Promise<MethodResult<Name>> {
    const { client } = this.#service;
    if (client === undefined) {
      for (const bytes of Object.values(uploads ?? {})) (bytes as Uint8Array | undefined)?.fill(0);
      throw new ControlError({ code: 'no-service', path: this.#options.controlPath, detail: 'away' });
    }
    return await (client.call as (...values: unknown[]) => Promise<MethodResult<Name>>).call(
      client,
      name,
      parameters,
      uploads,
    );
  }

  /** Starts a capture; the function that comes back stops it. Where the service goes away, it has ended. */
  async capture(
    parameters: MethodParameters<'capture.start'>,
    listener: CaptureListener,
  ): Promise<() => Promise<void>> {
    const { client } = this.#service;
    if (client === undefined) {
      throw new ControlError({ code: 'no-service', path: this.#options.controlPath, detail: 'away' });
    }
    const stop = await client.capture(parameters, listener);
    client.onClose(() => listener.ended({ stream: 0, droppedPackets: 0 }));
    return stop;
  }

  /** Reads profiles and counters anew; the state that came of it. Throws ControlError. */
  async refresh(): Promise<ServiceState> {
    if (this.#newest === undefined) return this.#state;
    const before = this.#newest;
    const [{ profiles }, status] = await Promise.all([
      this.call('profiles.list', {}),
      this.call('status', {}),
    ]);
    this.#measure(status);
    // What the service told meanwhile, of its own accord, is newer.
    if (this.#newest === before) this.#newest = status;
    if (this.#newest !== undefined) this.#set({ service: 'present', status: this.#newest, profiles });
    return this.#state;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#service.close();
  }

  async #receive(status: Status | undefined): Promise<void> {
    this.#newest = status;
    if (status === undefined) {
      this.#reading = undefined;
      this.#throughput = new Map();
      this.#set({ service: 'away', controlPath: this.#options.controlPath });
      return;
    }
    // Told at once where the profiles are known.
    if (this.#state.service === 'present') this.#set({ ...this.#state, status });
    try {
      const { profiles } = await this.call('profiles.list', {});
      if (this.#newest !== undefined) this.#set({ service: 'present', status: this.#newest, profiles });
    } catch {
      // The service went away in between: the client says so and comes back by itself.
    }
  }

  #measure(status: Status): void {
    const reading: Reading = { atMilliseconds: performance.now(), status };
    if (this.#reading !== undefined) this.#throughput = throughputBetween(this.#reading, reading);
    this.#reading = reading;
    this.#options.measured();
  }

  #set(state: ServiceState): void {
    const changed =
      JSON.stringify(withoutMeasurements(state)) !== JSON.stringify(withoutMeasurements(this.#state));
    this.#state = state;
    if (changed) this.#options.changed(state);
  }
}

/** Counters and round trips: whoever shows them asks for them. */
function withoutMeasurements(state: ServiceState): unknown {
  if (state.service !== 'present') return state;
  const unmeasured = { counters: undefined, roundTripMilliseconds: undefined, roundTripAt: undefined };
  const connections = state.status.connections.map(({ details, ...rest }) => ({
    ...rest,
    details: details === undefined ? undefined : { ...details, ...unmeasured },
  }));
  return { ...state, status: { ...state.status, connections, drops: undefined } };
}
