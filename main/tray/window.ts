// The window: Electron's BrowserWindow with everything denied that the pages do not need. Its rules are in
// window-rules.ts.
import { join } from 'node:path';
import { app, BrowserWindow, nativeTheme, screen } from 'electron';
import { eventChannel } from './channels.ts';
import type { EventName, EventValue } from './ipc.ts';
import { startPage } from './page-protocol.ts';
import { boundsFor, closingMeans, type Rectangle, windowSize } from './window-rules.ts';

export interface MainWindowOptions {
  /** Where it was when it was last moved. */
  remembered(): Rectangle | undefined;
  moved(bounds: Rectangle): void;
  trayAvailable(): boolean;
  quitting(): boolean;
  quit(): void;
}

export class MainWindow {
  readonly #options: MainWindowOptions;
  #window: BrowserWindow | undefined;

  constructor(options: MainWindowOptions) {
    this.#options = options;
  }

  get visible(): boolean {
    return this.#window?.isVisible() === true && !this.#window.isMinimized();
  }

  /** Shows it in front, and makes it where there is none. */
  open(): void {
    this.#window ??= this.#make();
    if (this.#window.isMinimized()) this.#window.restore();
    this.#window.show();
    this.#window.focus();
  }

  /** For a dialog that belongs to it. */
  get electronWindow(): BrowserWindow | undefined {
    return this.#window;
  }

  send<Name extends EventName>(name: Name, value: EventValue<Name>): void {
    this.#window?.webContents.send(eventChannel, name, value);
  }

  owns(contents: Electron.WebContents): boolean {
    return contents === this.#window?.webContents;
  }

  #make(): BrowserWindow {
    const displays = [screen.getPrimaryDisplay(), ...screen.getAllDisplays()].map(({ workArea }) => workArea);
    const window = new BrowserWindow({
      ...boundsFor(this.#options.remembered(), displays),
      minWidth: windowSize.minimumWidth,
      minHeight: windowSize.minimumHeight,
      title: 'SealNIC',
      icon: join(app.getAppPath(), 'icons', 'connected@2x.png'),
      show: false,
      autoHideMenuBar: true,
      backgroundColor: nativeTheme.shouldUseDarkColors ? '#16181d' : '#ffffff',
      webPreferences: {
        preload: join(app.getAppPath(), 'preload.cjs'),
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        nodeIntegrationInSubFrames: false,
        nodeIntegrationInWorker: false,
        webSecurity: true,
        webviewTag: false,
        navigateOnDragDrop: false,
        spellcheck: false,
        devTools: !app.isPackaged,
        backgroundThrottling: true,
      },
    });
    window.removeMenu();
    for (const change of ['moved', 'resized', 'move', 'resize'] as const) {
      window.on(change as 'moved', () => this.#options.moved(window.getNormalBounds()));
    }
    for (const change of ['show', 'hide', 'minimize', 'restore'] as const) {
      window.on(change as 'show', () => this.send('visibility', { visible: this.visible }));
    }
    window.on('close', (event) => this.#close(event, window));
    window.on('closed', () => {
      this.#window = undefined;
    });
    // A page that crashed is made anew when the window is opened again.
    window.webContents.on('render-process-gone', () => window.destroy());
    void window.loadURL(startPage);
    return window;
  }

  #close(event: Electron.Event, window: BrowserWindow): void {
    const means = closingMeans({
      trayAvailable: this.#options.trayAvailable(),
      quitting: this.#options.quitting(),
    });
    // Quitting from within a close that is prevented would be prevented with it.
    if (means === 'quit') window.once('closed', () => this.#options.quit());
    if (means !== 'hide') return;
    event.preventDefault();
    window.hide();
  }
}
