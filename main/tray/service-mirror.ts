// Mirrors what the service says, and carries calls to it. Keeps no truth of its own: when the service is away, so is
// what it said. Knows no Electron.
import type { CallUploads } from '../control/client.ts';
import { ControlError } from '../control/failure.ts';
import { ReconnectingClient } from '../control/reconnecting-client.ts';
import type { MethodName, MethodParameters, MethodResult } from '../control/schema.ts';
import type { ProfileSummary, Status } from '../control/values.ts';
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

  /** Reads profiles and counters anew; the state that came of it. Throws ControlError. */
  async refresh(): Promise<ServiceState> {
    if (this.#state.service !== 'present') return this.#state;
    const [{ profiles }, status] = await Promise.all([
      this.call('profiles.list', {}),
      this.call('status', {}),
    ]);
    this.#measure(status);
    this.#set(this.#state.service === 'present' ? { ...this.#state, status, profiles } : this.#state);
    return this.#state;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#service.close();
  }

  async #receive(status: Status | undefined): Promise<void> {
    if (status === undefined) {
      this.#reading = undefined;
      this.#throughput = new Map();
      this.#set({ service: 'away', controlPath: this.#options.controlPath });
      return;
    }
    const known = this.#state.service === 'present' ? this.#state.profiles : undefined;
    // Told at once where the profiles are known; a connection of a profile that is not brings the list anew.
    if (known !== undefined) this.#set({ service: 'present', status, profiles: known });
    try {
      const { profiles } = await this.call('profiles.list', {});
      this.#set({ service: 'present', status: this.#latest(status, known !== undefined), profiles });
    } catch {
      // The service went away in between: the client says so and comes back by itself.
    }
  }

  /** While the profiles were being listed another status may have come. */
  #latest(status: Status, told: boolean): Status {
    return told && this.#state.service === 'present' ? this.#state.status : status;
  }

  #measure(status: Status): void {
    const reading: Reading = { atMilliseconds: performance.now(), status };
    if (this.#reading !== undefined) this.#throughput = throughputBetween(this.#reading, reading);
    this.#reading = reading;
    this.#options.measured();
  }

  #set(state: ServiceState): void {
    const changed = JSON.stringify(withoutCounters(state)) !== JSON.stringify(withoutCounters(this.#state));
    this.#state = state;
    if (changed) this.#options.changed(state);
  }
}

function withoutCounters(state: ServiceState): unknown {
  if (state.service !== 'present') return state;
  const connections = state.status.connections.map(({ details, ...rest }) => ({
    ...rest,
    details: details === undefined ? undefined : { ...details, counters: undefined },
  }));
  const profiles: readonly ProfileSummary[] = state.profiles;
  return { ...state, profiles, status: { ...state.status, connections, drops: undefined } };
}
