// The running app: what follows from a change of the service's state, from a click in the tray, and from a command of
// the window. A thin layer of Electron around the rules.
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { app, clipboard, ipcMain, Notification, nativeTheme, protocol, session, shell } from 'electron';
import { ControlError } from '../control/failure.ts';
import type { Prompt } from '../control/prompt-values.ts';
import { defaultControlPath } from '../control/service-options.ts';
import { productVersion } from '../control/version.ts';
import { forgetWrappingKey, makeWrappingKey, readWrappingKey } from '../keys/keychain/keychain.ts';
import { type AppMemory, memoryFile, settingsFile, toConnectAtStart, usedNow } from './app-memory.ts';
import { BundleDesk } from './bundle-desk.ts';
import { CaptureDesk } from './capture-desk.ts';
import { commandChannel } from './channels.ts';
import { diagnosticsText } from './diagnostics.ts';
import type { AppInformation, ServiceState, Settings } from './ipc.ts';
import type { DiagnosticsHost } from './ipc-diagnostics-server.ts';
import type { KeysHost } from './ipc-keys-server.ts';
import { IpcServer } from './ipc-server.ts';
import { KeyDesk } from './key-desk.ts';
import { KeychainVaults } from './keychain-vaults.ts';
import { denyInSession } from './lockdown.ts';
import { loginItem } from './login-item/index.ts';
import { hiddenArgument, startCommand } from './login-item/start-command.ts';
import { NotificationRules, notificationText } from './notification-rules.ts';
import { pageOrigin, pageResponse, pageScheme } from './page-protocol.ts';
import { platform } from './platform/index.ts';
import { askForExisting, askForFile, writeOwnFile } from './save-file.ts';
import { ServiceMirror } from './service-mirror.ts';
import { setupOf } from './setup/index.ts';
import { failureText } from './text/failure-text.ts';
import { languageFor, type Translate, translateTo } from './text/translate.ts';
import { trayHostIsThere } from './tray-host/index.ts';
import { TrayIcon } from './tray-icon.ts';
import { isManaged, lookForUpdate, updateEveryMilliseconds, updateSource } from './update-watch.ts';
import { type TrayAction, viewOf } from './view.ts';
import { MainWindow } from './window.ts';
import { opensAtStart, promptOpensWindow, type Rectangle } from './window-rules.ts';

const rememberAfterMilliseconds = 500;

export class DesktopApp {
  readonly #controlPath = process.env.SEALNIC_CONTROL ?? defaultControlPath;
  readonly #settings = settingsFile(
    join(app.getPath('userData'), 'settings.json'),
    isManaged({ packaged: app.isPackaged, platform, appImage: process.env.APPIMAGE }),
  );
  readonly #memory = memoryFile(join(app.getPath('userData'), 'window.json'));
  readonly #loginItem = loginItem(
    app.getPath('appData'),
    startCommand({
      packaged: app.isPackaged,
      executable: process.execPath,
      appPath: app.getAppPath(),
      environment: process.env,
    }),
  );
  readonly #notificationRules = new NotificationRules();
  readonly #notifications = new Set<Notification>();
  /** Asked for while the window already opens; until it is answered there is hope. */
  readonly #trayHost: Promise<boolean> = trayHostIsThere();
  #trayAvailable = true;
  /** Profiles that were connected, and vaults that were opened, from here. */
  readonly #askedHere = new Set<string>();
  readonly #keys: KeyDesk;
  readonly #tray = new TrayIcon({
    perform: (action) => void this.#perform(action),
    open: () => this.open(),
  });
  readonly #window: MainWindow;
  readonly #mirror: ServiceMirror;
  readonly #keychainVaults = new KeychainVaults({
    readWrappingKey,
    open: (vault, compartment, protector, wrappingKey) =>
      this.#mirror.call('vault.open', { vault, compartment, protector }, { wrappingKey }),
  });
  #translate: Translate;
  #problem: string | undefined;
  #startedConnections = false;
  #quitting = false;
  #newBounds: Rectangle | undefined;
  #rememberTimer: NodeJS.Timeout | undefined;

  constructor() {
    this.#translate = translateTo(this.#language());
    nativeTheme.themeSource = this.#settings.value.theme;
    app.dock?.hide();
    this.#window = new MainWindow({
      remembered: () => this.#memory.value.bounds ?? undefined,
      moved: (bounds) => this.#rememberBounds(bounds),
      trayAvailable: () => this.#trayAvailable,
      quitting: () => this.#quitting,
      quit: () => app.quit(),
    });
    this.#mirror = new ServiceMirror({
      controlPath: this.#controlPath,
      changed: (state) => {
        this.#follow(state);
        void this.#keychainVaults.follow(state.service === 'present' ? state.status.vaults : undefined);
      },
      measured: () => this.#show(),
    });
    const keychain = { make: makeWrappingKey, read: readWrappingKey, forget: forgetWrappingKey };
    this.#keys = new KeyDesk({ mirror: this.#mirror, keychain });
    this.#serveWindow();
    this.#show();
    const hidden = process.argv.includes(hiddenArgument);
    if (opensAtStart({ hidden, trayAvailable: true })) this.open();
    void this.#lookForUpdates();
    setInterval(() => void this.#lookForUpdates(), updateEveryMilliseconds).unref();
    void this.#trayHost.then((available) => {
      this.#trayAvailable = available;
      if (available) return;
      if (opensAtStart({ hidden, trayAvailable: false })) this.open();
      this.#tellAboutTray();
    });
  }

  open(): void {
    this.#window.open();
  }

  /** Connections stay as they are. */
  close(): void {
    this.#quitting = true;
    this.#rememberNow();
    this.#mirror.close();
  }

  #serveWindow(): void {
    denyInSession(session.defaultSession);
    const pages = join(app.getAppPath(), 'renderer');
    protocol.handle(pageScheme, ({ url, method }) => pageResponse(pages, url, method));
    const server = new IpcServer({
      mirror: this.#mirror,
      visible: () => this.#window.visible,
      settings: () => this.#currentSettings(),
      changeSettings: (changes) => this.#changeSettings(changes),
      information: async () => {
        await this.#trayHost;
        return this.#information();
      },
      copyDiagnostics: () => this.#copyDiagnostics(),
      openPage: (url) => shell.openExternal(url),
      quit: () => app.quit(),
      diagnostics: this.#diagnosticsHost(),
      keys: this.#keysHost(),
      now: () => performance.now(),
      wait: async (milliseconds) => {
        await wait(milliseconds);
      },
    });
    ipcMain.handle(commandChannel, (event, name: unknown, parameters: unknown) => {
      const { sender, senderFrame } = event;
      const ours = this.#window.owns(sender) && senderFrame?.url.startsWith(`${pageOrigin}/`) === true;
      if (!ours || senderFrame !== sender.mainFrame) throw new Error('not a page of SealNIC');
      return server.handle(name, parameters);
    });
  }

  #follow(state: ServiceState): void {
    this.#problem = undefined;
    const lastUsed = usedNow(this.#memory.value.lastUsed, state);
    if (lastUsed !== undefined) this.#remember({ lastUsed });
    this.#show();
    this.#window.send('state', state);
    for (const fact of this.#notificationRules.next(state)) {
      if (fact.kind === 'prompt' && this.#promptOpens(fact.prompt)) this.open();
      else if (this.#settings.value.notifications) this.#notify(notificationText(fact, this.#translate));
    }
    if (state.service === 'present' && !this.#startedConnections) {
      this.#startedConnections = true;
      for (const profile of toConnectAtStart(this.#settings.value, state)) {
        void this.#perform({ type: 'connect', profile });
      }
    }
  }

  #promptOpens({ profile, vault }: Prompt): boolean {
    const askedFor = profile === undefined ? `vault ${vault}` : profile;
    return promptOpensWindow({
      visible: this.#window.visible,
      askedHere: this.#askedHere.has(askedFor),
      notifications: this.#settings.value.notifications,
    });
  }

  #show(): void {
    const { state, throughput } = this.#mirror;
    const model = {
      state,
      throughput,
      lastUsed: this.#memory.value.lastUsed,
      startAtLogin: this.#loginItem?.on,
      problem: this.#problem,
    };
    this.#tray.show(viewOf(model, this.#translate));
  }

  async #perform(action: TrayAction): Promise<void> {
    this.#problem = undefined;
    try {
      switch (action.type) {
        // Not waited for: the state that follows is shown as it comes, and its failure with it.
        case 'connect':
          this.#askedHere.add(action.profile);
          await this.#mirror.call('connection.up', { profile: action.profile, wait: false });
          break;
        case 'disconnect':
          this.#askedHere.delete(action.profile);
          await this.#mirror.call('connection.down', { profile: action.profile });
          break;
        case 'retry':
          this.#askedHere.add(action.profile);
          await this.#mirror.call('connection.retry', { profile: action.profile });
          break;
        case 'unlock':
          this.#askedHere.add(`vault ${action.vault}`);
          await this.#keys.open({ vault: action.vault });
          break;
        case 'start-at-login':
          this.#changeSettings({ startAtLogin: action.on });
          break;
        case 'copy-diagnostics':
          await this.#copyDiagnostics();
          break;
        case 'open-window':
          this.open();
          break;
        case 'quit':
          app.quit();
          break;
      }
    } catch (error) {
      this.#problem =
        error instanceof ControlError ? failureText(this.#translate, error.failure).what : String(error);
    }
    this.#show();
  }

  #language(): 'en' | 'ja' {
    const { language } = this.#settings.value;
    return language === 'system' ? this.#systemLanguage() : language;
  }

  #systemLanguage(): 'en' | 'ja' {
    return languageFor(app.getPreferredSystemLanguages());
  }

  #currentSettings(): Settings {
    // The system's list of what starts at login is the truth; it can be changed elsewhere.
    return { ...this.#settings.value, startAtLogin: this.#loginItem?.on ?? false };
  }

  #changeSettings(changes: { [Key in keyof Settings]?: Settings[Key] | undefined }): void {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    if (changes.startAtLogin !== undefined) this.#loginItem?.set(changes.startAtLogin);
    this.#settings.update(given as Partial<Settings>);
    nativeTheme.themeSource = this.#settings.value.theme;
    this.#translate = translateTo(this.#language());
    this.#show();
    this.#window.send('settings', this.#currentSettings());
  }

  #information(): AppInformation {
    return {
      version: productVersion,
      electronVersion: process.versions.electron ?? '',
      platform,
      systemLanguage: this.#systemLanguage(),
      language: this.#language(),
      controlPath: this.#controlPath,
      trayAvailable: this.#trayAvailable,
      startAtLoginSupported: this.#loginItem !== undefined,
      updateCheckSupported: updateSource.publicKey !== '',
    };
  }

  async #copyDiagnostics(): Promise<void> {
    const findings = await this.#mirror.call('doctor.check', {}).then(
      (answer) => answer.findings,
      () => undefined,
    );
    clipboard.writeText(
      diagnosticsText({
        information: this.#information(),
        state: this.#mirror.state,
        findings,
        now: new Date(),
      }),
    );
  }

  #diagnosticsHost(): DiagnosticsHost {
    const saveFile: DiagnosticsHost['saveFile'] = (name, content) => this.#saveFile(name, content);
    return {
      mirror: this.#mirror,
      saveFile,
      setup: setupOf(commandPath(), userInfo().username),
      bundle: new BundleDesk({
        ask: (name, parameters) => this.#mirror.call(name, parameters),
        saveFile,
      }),
      capture: new CaptureDesk({
        start: (parameters, listener) => this.#mirror.capture(parameters, listener),
        askForFile: (name) => askForFile(this.#window.electronWindow, name),
        now: Date.now,
        schedule: (call, milliseconds) => {
          const timer = setTimeout(call, milliseconds);
          return () => clearTimeout(timer);
        },
      }),
      trayAvailable: trayHostIsThere,
      trayDismissed: () => this.#memory.value.trayDismissed,
      dismissTray: () => this.#remember({ trayDismissed: true }),
    };
  }

  #keysHost(): KeysHost {
    return {
      mirror: this.#mirror,
      desk: this.#keys,
      chooseFile: (name, existing) =>
        existing
          ? askForExisting(this.#window.electronWindow)
          : askForFile(this.#window.electronWindow, name, 'home'),
      asksFor: (vault) => this.#askedHere.add(`vault ${vault}`),
    };
  }

  async #saveFile(suggestedName: string, content: string | Uint8Array): Promise<boolean> {
    const path = await askForFile(this.#window.electronWindow, suggestedName);
    if (path === undefined) return false;
    writeOwnFile(path, content);
    return true;
  }

  #notify({ title, body }: { title: string; body: string }): void {
    if (!Notification.isSupported()) return;
    const notification = new Notification({ title, body });
    // Referenced until it is gone: a collected one cannot be clicked.
    this.#notifications.add(notification);
    notification.on('click', () => this.open());
    notification.on('close', () => this.#notifications.delete(notification));
    notification.show();
  }

  async #lookForUpdates(): Promise<void> {
    await lookForUpdate({
      source: updateSource,
      currentVersion: productVersion,
      enabled: () => this.#settings.value.checkForUpdates,
      seen: () => this.#memory.value.update,
      remember: (update) => this.#remember({ update }),
      tell: ({ version, page }) => {
        this.#notify({
          title: this.#translate.text('notification.newVersion.title', { version }),
          body: this.#translate.text('notification.newVersion.body', { page }),
        });
      },
      now: () => new Date(),
      fetch: globalThis.fetch,
    });
  }

  #tellAboutTray(): void {
    if (this.#memory.value.toldAboutTray) return;
    this.#remember({ toldAboutTray: true });
    this.#notify({
      title: this.#translate.text('notification.noTrayHost.title'),
      body: this.#translate.text('notification.noTrayHost.body'),
    });
  }

  /** Moving a window makes an event for each step. */
  #rememberBounds({ x, y, width, height }: Rectangle): void {
    this.#newBounds = { x, y, width, height };
    clearTimeout(this.#rememberTimer);
    this.#rememberTimer = setTimeout(() => this.#rememberNow(), rememberAfterMilliseconds);
  }

  #rememberNow(): void {
    clearTimeout(this.#rememberTimer);
    if (this.#newBounds !== undefined) this.#remember({ bounds: this.#newBounds });
    this.#newBounds = undefined;
  }

  #remember(changes: Partial<AppMemory>): void {
    try {
      this.#memory.update(changes);
    } catch (error) {
      console.error(`What the app remembers could not be written: ${error}`);
    }
  }
}

/** The `sealnic` command beside the app, or the one that is installed. `npm start` names that of the clone. */
function commandPath(): string {
  const given = process.env.SEALNIC_COMMAND;
  if (given !== undefined && !app.isPackaged) return given;
  const packaged = join(process.resourcesPath, 'service', 'sealnic');
  return app.isPackaged && existsSync(packaged) ? packaged : '/usr/bin/sealnic';
}
