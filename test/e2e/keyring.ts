// The user's own Secret Service on the desktop of a test: a real gnome-keyring, open as after a login.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Message, MessageType, sessionBus } from '@jellybrick/dbus-next';
import type { Desktop } from './desktop.ts';

const serviceName = 'org.freedesktop.secrets';

/** Resolves once it answers on the bus; it ends with the desktop. */
export async function startKeyring(desktop: Desktop, limitMilliseconds: number): Promise<void> {
  const bus = sessionBus({ busAddress: desktop.busAddress });
  await once(bus, 'connect');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`nobody is ${serviceName}`)), limitMilliseconds);
  bus.on('message', (message: Message) => {
    const signal = message.type === MessageType.SIGNAL && message.member === 'NameOwnerChanged';
    if (signal && message.body[0] === serviceName && message.body[2] !== '') resolve();
  });
  try {
    await bus.call(
      new Message({
        destination: 'org.freedesktop.DBus',
        path: '/org/freedesktop/DBus',
        interface: 'org.freedesktop.DBus',
        member: 'AddMatch',
        signature: 's',
        body: [`type='signal',member='NameOwnerChanged',arg0='${serviceName}'`],
      }),
    );
    const password = join(desktop.directory, 'login-password');
    writeFileSync(password, 'login');
    const daemon = 'exec gnome-keyring-daemon --foreground --unlock --components=secrets';
    desktop.start(['sh', '-c', `${daemon} <"$0"`, password]);
    await promise;
  } finally {
    clearTimeout(timer);
    bus.disconnect();
  }
}
