// What the window knows: main's mirror of the service, the settings, whether anybody looks. One object, one listener
// list, so that React renders from one truth.
import type {
  AppInformation,
  CommandName,
  CommandParameters,
  CommandResult,
  Outcome,
  SealnicBridge,
  ServiceState,
  Settings,
} from '../../main/tray/ipc.ts';
import { advanceRoundTrips, type RoundTripsByProfile } from '../logic/round-trips.ts';
import { advanceThroughput, type ThroughputByProfile } from '../logic/throughput.ts';

export interface WindowState {
  readonly service: ServiceState;
  readonly settings: Settings | undefined;
  readonly information: AppInformation | undefined;
  readonly visible: boolean;
  readonly throughput: ThroughputByProfile;
  readonly roundTrips: RoundTripsByProfile;
}

/** Counters come once a second, and only while the window can be seen. */
const refreshMilliseconds = 1000;

export class WindowStore {
  readonly #bridge: SealnicBridge;
  readonly #listeners = new Set<() => void>();
  readonly #endings: (() => void)[] = [];
  #state: WindowState;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(bridge: SealnicBridge, visible: boolean) {
    this.#bridge = bridge;
    this.#state = {
      service: { service: 'starting' },
      settings: undefined,
      information: undefined,
      visible,
      throughput: {},
      roundTrips: {},
    };
    this.#endings.push(
      bridge.on('state', (service) => this.#receive(service)),
      bridge.on('settings', (settings) => this.#change({ settings })),
      bridge.on('visibility', (value) => this.setVisible(value.visible)),
    );
  }

  /** Asks main for everything once. */
  async start(): Promise<void> {
    const [service, settings, information] = await Promise.all([
      this.invoke('state.get', {}),
      this.invoke('settings.get', {}),
      this.invoke('app.information', {}),
    ]);
    this.#change({
      ...(settings.ok && { settings: settings.value }),
      ...(information.ok && { information: information.value }),
    });
    if (service.ok) this.#receive(service.value);
    if (this.#state.visible) this.#schedule();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = (): WindowState => this.#state;

  invoke<Name extends CommandName>(
    name: Name,
    parameters: CommandParameters<Name>,
  ): Promise<Outcome<CommandResult<Name>>> {
    return this.#bridge.invoke(name, parameters);
  }

  setVisible(visible: boolean): void {
    if (visible === this.#state.visible) return;
    this.#change({ visible });
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (visible) void this.#refresh();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const end of this.#endings) end();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), refreshMilliseconds);
  }

  async #refresh(): Promise<void> {
    const answer = await this.invoke('state.refresh', {});
    if (!this.#state.visible) return;
    if (answer.ok) this.#receive(answer.value);
    this.#schedule();
  }

  #receive(service: ServiceState): void {
    const throughput =
      service.service === 'present'
        ? advanceThroughput(this.#state.throughput, service.status, Date.now())
        : {};
    const roundTrips =
      service.service === 'present'
        ? advanceRoundTrips(this.#state.roundTrips, service.status, Date.now())
        : {};
    this.#change({ service, throughput, roundTrips });
  }

  #change(part: Partial<WindowState>): void {
    this.#state = { ...this.#state, ...part };
    for (const listener of this.#listeners) listener();
  }
}
