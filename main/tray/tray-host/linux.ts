// Whether the desktop shows tray icons: somebody owns the watcher's name on the session bus, with a host behind it.
import { type EventEmitter, once } from 'node:events';
import { Message, type MessageBus, sessionBus, type Variant } from '@jellybrick/dbus-next';

const watcher = 'org.kde.StatusNotifierWatcher';
const patienceMilliseconds = 2000;

export async function linuxTrayHost(): Promise<boolean> {
  let bus: MessageBus | undefined;
  try {
    bus = sessionBus();
    // An emitter without a listener for it would throw.
    (bus as unknown as EventEmitter).on('error', () => undefined);
    const signal = AbortSignal.timeout(patienceMilliseconds);
    const asked = ask(bus);
    return await Promise.race([asked, once(signal, 'abort').then(() => false)]);
  } catch {
    return false;
  } finally {
    bus?.disconnect();
  }
}

async function ask(bus: MessageBus): Promise<boolean> {
  const answer = await bus.call(
    new Message({
      destination: watcher,
      path: '/StatusNotifierWatcher',
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      signature: 'ss',
      body: [watcher, 'IsStatusNotifierHostRegistered'],
    }),
  );
  return (answer?.body[0] as Variant | undefined)?.value === true;
}
