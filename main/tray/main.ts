// The tray app: a thin layer of Electron around view.ts and session.ts. It runs as the user, never as root.
import { join } from 'node:path';
import { app, Menu, nativeImage, Tray } from 'electron';
import { defaultControlPath } from '../control/service-options.ts';
import { TraySession } from './session.ts';
import type { MenuEntry, TrayView } from './view.ts';

let tray: Tray | undefined;
let session: TraySession | undefined;

if (app.requestSingleInstanceLock()) {
  // There is no window whose closing could end the app.
  app.on('window-all-closed', () => {});
  app.whenReady().then(start);
} else {
  app.quit();
}

function start(): void {
  app.dock?.hide();
  session = new TraySession({
    controlPath: process.env.SEALNIC_CONTROL ?? defaultControlPath,
    show,
    quit: () => app.quit(),
  });
}

function show({ icon, tooltip, menu }: TrayView): void {
  const image = nativeImage.createFromPath(join(app.getAppPath(), 'icons', `${icon}.png`));
  if (tray === undefined) tray = new Tray(image);
  else tray.setImage(image);
  tray.setToolTip(tooltip);
  tray.setContextMenu(Menu.buildFromTemplate(menu.map(itemOf)));
}

function itemOf(entry: MenuEntry): Electron.MenuItemConstructorOptions {
  switch (entry.type) {
    case 'separator':
      return { type: 'separator' };
    case 'text':
      return { label: entry.label, enabled: false };
    case 'action':
      return { label: entry.label, click: () => void session?.perform(entry.action) };
  }
}
