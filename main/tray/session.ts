// Follows the service and carries out what the person chose in the menu. Knows no Electron.
import { wordsOf } from '../cli/words.ts';
import { ControlError } from '../control/failure.ts';
import { ReconnectingClient } from '../control/reconnecting-client.ts';
import type { ProfileSummary, Status } from '../control/values.ts';
import { type TrayAction, type TrayView, viewOf } from './view.ts';

/** Profiles may come and go without any connection changing. */
const profilesEveryMilliseconds = 5000;

export interface TraySessionOptions {
  readonly controlPath: string;
  show(view: TrayView): void;
  quit(): void;
}

export class TraySession {
  readonly #options: TraySessionOptions;
  readonly #service: ReconnectingClient;
  readonly #timer: NodeJS.Timeout;
  #status: Status | undefined;
  #profiles: readonly ProfileSummary[] = [];
  #problem: string | undefined;
  #shown = '';

  constructor(options: TraySessionOptions) {
    this.#options = options;
    this.#show();
    this.#service = new ReconnectingClient(
      { path: options.controlPath },
      { status: (status) => void this.#receive(status) },
    );
    this.#timer = setInterval(() => void this.#refreshProfiles(), profilesEveryMilliseconds);
  }

  async perform(action: TrayAction): Promise<void> {
    if (action.type === 'quit') {
      this.close();
      this.#options.quit();
      return;
    }
    const { profile } = action;
    this.#problem = undefined;
    try {
      const client = this.#service.client;
      if (client === undefined) return;
      // Not waited for: the state that follows is shown as it comes, and its failure with it.
      if (action.type === 'connect') await client.call('connection.up', { profile, wait: false });
      if (action.type === 'disconnect') await client.call('connection.down', { profile });
      if (action.type === 'retry') await client.call('connection.retry', { profile });
    } catch (error) {
      this.#problem = error instanceof ControlError ? wordsOf(error.failure).what : String(error);
    }
    this.#show();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#service.close();
  }

  async #receive(status: Status | undefined): Promise<void> {
    this.#status = status;
    this.#show();
    await this.#refreshProfiles();
  }

  async #refreshProfiles(): Promise<void> {
    try {
      this.#profiles = (await this.#service.client?.call('profiles.list', {}))?.profiles ?? [];
    } catch {
      // The service went away in between: the client says so and comes back by itself.
      return;
    }
    this.#show();
  }

  /** A menu that is set anew closes on some desktops: only when something changed. */
  #show(): void {
    const view = viewOf({ status: this.#status, profiles: this.#profiles, problem: this.#problem });
    const text = JSON.stringify(view);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#options.show(view);
  }
}
