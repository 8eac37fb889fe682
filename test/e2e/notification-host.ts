// The desktop's side of notifications: org.freedesktop.Notifications on the session bus, which remembers what was said.
import { once } from 'node:events';
import { Message, type MessageBus, sessionBus } from '@jellybrick/dbus-next';

const name = 'org.freedesktop.Notifications';

export interface ShownNotification {
  readonly title: string;
  readonly body: string;
}

export class NotificationHost {
  readonly shown: ShownNotification[] = [];
  readonly #bus: MessageBus;
  readonly #waiting = new Set<() => void>();

  static async start(busAddress: string): Promise<NotificationHost> {
    const host = new NotificationHost(sessionBus({ busAddress }));
    await once(host.#bus, 'connect');
    await host.#bus.requestName(name, 0);
    return host;
  }

  private constructor(bus: MessageBus) {
    this.#bus = bus;
    bus.addMethodHandler((message) => this.#serve(message));
  }

  /** Resolves once so many were shown. */
  async count(wanted: number, limitMilliseconds: number): Promise<void> {
    const end = performance.now() + limitMilliseconds;
    while (this.shown.length < wanted) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`${this.shown.length} notifications: ${JSON.stringify(this.shown)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  close(): void {
    this.#bus.disconnect();
  }

  #serve(message: Message): boolean {
    if (message.interface !== name) return false;
    switch (message.member) {
      case 'Notify': {
        const [, , , title, body] = message.body as [string, number, string, string, string];
        this.shown.push({ title, body });
        this.#bus.send(Message.newMethodReturn(message, 'u', [this.shown.length]));
        for (const wake of this.#waiting) wake();
        this.#waiting.clear();
        return true;
      }
      case 'CloseNotification':
        this.#bus.send(Message.newMethodReturn(message));
        return true;
      case 'GetCapabilities':
        this.#bus.send(Message.newMethodReturn(message, 'as', [['body']]));
        return true;
      case 'GetServerInformation':
        this.#bus.send(Message.newMethodReturn(message, 'ssss', ['test', 'test', '1', '1.2']));
        return true;
      default:
        return false;
    }
  }
}
