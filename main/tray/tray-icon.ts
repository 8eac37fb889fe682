// The tray icon with its menu, as Electron shows it. What it shows is decided in view.ts.
import { join } from 'node:path';
import { app, Menu, nativeImage, Tray } from 'electron';
import { iconFile } from './icon-file/index.ts';
import type { MenuEntry, TrayAction, TrayView } from './view.ts';

export interface TrayIconOptions {
  perform(action: TrayAction): void;
  /** The icon itself was clicked, where desktops do that. */
  open(): void;
}

export class TrayIcon {
  readonly #options: TrayIconOptions;
  #tray: Tray | undefined;
  #shown: TrayView | undefined;

  constructor(options: TrayIconOptions) {
    this.#options = options;
  }

  /** A menu that is set anew closes on some desktops: only what changed is set. */
  show(view: TrayView): void {
    const before = this.#shown;
    this.#shown = view;
    if (this.#tray === undefined) {
      this.#tray = new Tray(imageOf(view));
      this.#tray.on('click', () => this.#options.open());
    } else if (before?.icon !== view.icon) {
      this.#tray.setImage(imageOf(view));
    }
    if (before?.tooltip !== view.tooltip) this.#tray.setToolTip(view.tooltip);
    if (JSON.stringify(before?.menu) !== JSON.stringify(view.menu)) {
      this.#tray.setContextMenu(Menu.buildFromTemplate(view.menu.map((entry) => this.#itemOf(entry))));
    }
  }

  #itemOf(entry: MenuEntry): Electron.MenuItemConstructorOptions {
    switch (entry.type) {
      case 'separator':
        return { type: 'separator' };
      case 'text':
        return { label: entry.label, enabled: false };
      case 'action':
        return {
          label: entry.label,
          click: () => this.#options.perform(entry.action),
          ...(entry.checked === undefined ? {} : { type: 'checkbox', checked: entry.checked }),
        };
    }
  }
}

function imageOf({ icon }: TrayView): Electron.NativeImage {
  return nativeImage.createFromPath(join(app.getAppPath(), 'icons', iconFile(icon)));
}
