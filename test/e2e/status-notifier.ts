// The desktop's side of a tray: a StatusNotifierWatcher that apps register with, and a reader and clicker of their
// menus (com.canonical.dbusmenu).
import { EventEmitter, once } from 'node:events';
import { Message, type MessageBus, MessageType, sessionBus, Variant } from '@jellybrick/dbus-next';

const watcherName = 'org.kde.StatusNotifierWatcher';
const watcherPath = '/StatusNotifierWatcher';
const itemPath = '/StatusNotifierItem';
const itemInterface = 'org.kde.StatusNotifierItem';
const menuInterface = 'com.canonical.dbusmenu';
const propertiesInterface = 'org.freedesktop.DBus.Properties';

export interface MenuItem {
  readonly id: number;
  readonly label: string;
  readonly separator: boolean;
  readonly enabled: boolean;
}

type Properties = Readonly<Record<string, Variant>>;
type Layout = readonly [id: number, properties: Properties, children: readonly Variant[]];

export class TrayHost {
  readonly #bus: MessageBus;
  readonly #events = new EventEmitter();
  #item: string | undefined;
  #closed = false;

  static async start(busAddress: string): Promise<TrayHost> {
    const host = new TrayHost(sessionBus({ busAddress }));
    await once(host.#bus, 'connect');
    await host.#bus.requestName(watcherName, 0);
    return host;
  }

  private constructor(bus: MessageBus) {
    this.#bus = bus;
    bus.addMethodHandler((message) => this.#serve(message));
    bus.on('message', (message: Message) => {
      if (message.type !== MessageType.SIGNAL) return;
      const signals = ['LayoutUpdated', 'ItemsPropertiesUpdated', 'NewIcon', 'NewToolTip'];
      if (message.member !== undefined && signals.includes(message.member)) this.#events.emit('changed');
    });
  }

  close(): void {
    this.#closed = true;
    this.#bus.disconnect();
  }

  /** Resolves when an app has put an item into the tray. */
  async item(limitMilliseconds: number): Promise<void> {
    if (this.#item === undefined) {
      await once(this.#events, 'registered', { signal: AbortSignal.timeout(limitMilliseconds) });
    }
    for (const name of [menuInterface, itemInterface]) {
      await this.#call(
        'org.freedesktop.DBus',
        '/org/freedesktop/DBus',
        'org.freedesktop.DBus',
        'AddMatch',
        's',
        [`type='signal',interface='${name}'`],
      );
    }
  }

  async tooltip(): Promise<string> {
    const [, , title] = (await this.#itemProperty('ToolTip')).value as [string, unknown, string, string];
    return title;
  }

  /** Width and height of the picture. */
  async iconSizes(): Promise<readonly (readonly [number, number])[]> {
    const pixmaps = (await this.#itemProperty('IconPixmap')).value as [number, number, Buffer][];
    return pixmaps.map(([width, height]) => [width, height]);
  }

  /** The picture's bytes, to tell one from another. */
  async iconBytes(): Promise<string> {
    const pixmaps = (await this.#itemProperty('IconPixmap')).value as [number, number, Uint8Array][];
    return pixmaps.map(([, , bytes]) => Buffer.from(bytes).toString('hex')).join('/');
  }

  async menu(): Promise<readonly MenuItem[]> {
    const path = (await this.#itemProperty('Menu')).value as string;
    const reply = await this.#call(this.#item!, path, menuInterface, 'GetLayout', 'iias', [0, -1, []]);
    const [, layout] = reply as [number, Layout];
    return layout[2].map((child) => {
      const [id, properties] = child.value as Layout;
      return {
        id,
        label: (properties.label?.value as string | undefined)?.replaceAll('__', '_') ?? '',
        separator: properties.type?.value === 'separator',
        enabled: properties.enabled?.value !== false,
      };
    });
  }

  /** Resolves with the menu as soon as it has an entry of that label; rejects with the last menu seen. */
  async menuWith(label: string | RegExp, limitMilliseconds: number): Promise<readonly MenuItem[]> {
    const fits = (each: string) => (typeof label === 'string' ? each === label : label.test(each));
    return await this.#menuThat(`no "${label}"`, (labels) => labels.some(fits), limitMilliseconds);
  }

  /** Resolves with the menu as soon as no entry of it matches. */
  async menuWithout(label: RegExp, limitMilliseconds: number): Promise<readonly MenuItem[]> {
    const gone = (labels: readonly string[]) => !labels.some((each) => label.test(each));
    return await this.#menuThat(`still "${label}"`, gone, limitMilliseconds);
  }

  async #menuThat(
    otherwise: string,
    fits: (labels: readonly string[]) => boolean,
    limitMilliseconds: number,
  ): Promise<readonly MenuItem[]> {
    const end = AbortSignal.timeout(limitMilliseconds);
    for (;;) {
      const changed = once(this.#events, 'changed', { signal: end });
      changed.catch(() => {});
      const menu = await this.menu();
      const labels = menu.map((item) => item.label);
      if (fits(labels)) return menu;
      try {
        await changed;
      } catch {
        throw new Error(`${otherwise} in the menu: ${labels.join(' | ')}`);
      }
    }
  }

  /** Chooses an entry as a person does. */
  async click(label: string): Promise<void> {
    const item = (await this.menu()).find((each) => each.label === label);
    if (item === undefined) throw new Error(`no "${label}" in the menu`);
    if (!item.enabled) throw new Error(`"${label}" is disabled`);
    const path = (await this.#itemProperty('Menu')).value as string;
    await this.#call(this.#item!, path, menuInterface, 'Event', 'isvu', [
      item.id,
      'clicked',
      new Variant('i', 0),
      0,
    ]);
  }

  async #itemProperty(name: string): Promise<Variant> {
    const reply = await this.#call(this.#item!, itemPath, propertiesInterface, 'Get', 'ss', [
      itemInterface,
      name,
    ]);
    return reply[0] as Variant;
  }

  async #call(
    destination: string,
    path: string,
    interfaceName: string,
    member: string,
    signature: string,
    body: unknown[],
  ): Promise<unknown[]> {
    const message = new Message({ destination, path, interface: interfaceName, member, signature, body });
    return (await this.#bus.call(message))?.body ?? [];
  }

  #serve(message: Message): boolean {
    // What comes late would be answered on a closed stream, which the library throws at nobody.
    if (this.#closed) return true;
    if (message.path !== watcherPath) return false;
    switch (message.member) {
      case 'RegisterStatusNotifierItem': {
        const [name] = message.body as [string];
        this.#item = name.startsWith('/') ? message.sender : name;
        this.#bus.send(Message.newMethodReturn(message));
        this.#events.emit('registered');
        return true;
      }
      case 'RegisterStatusNotifierHost':
        this.#bus.send(Message.newMethodReturn(message));
        return true;
      case 'Get': {
        const value = this.#watcherProperties[(message.body as [string, string])[1]];
        if (value === undefined) return false;
        this.#bus.send(Message.newMethodReturn(message, 'v', [value]));
        return true;
      }
      case 'GetAll':
        this.#bus.send(Message.newMethodReturn(message, 'a{sv}', [this.#watcherProperties]));
        return true;
      default:
        return false;
    }
  }

  get #watcherProperties(): Record<string, Variant> {
    return {
      IsStatusNotifierHostRegistered: new Variant('b', true),
      ProtocolVersion: new Variant('i', 0),
      RegisteredStatusNotifierItems: new Variant('as', this.#item === undefined ? [] : [this.#item]),
    };
  }
}
