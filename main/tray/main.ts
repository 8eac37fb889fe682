// The tray app: composes the mirror of the service, the tray, the window and the settings. It runs as the user, never
// as root. What they do is decided in view.ts, notification-rules.ts and window-rules.ts.
import { app, protocol } from 'electron';
import { DesktopApp } from './desktop-app.ts';
import { denyInContents } from './lockdown.ts';
import { pageScheme } from './page-protocol.ts';
import { refusedSwitch } from './refused-switches.ts';

// From a clone they are allowed: that is how the tests look into the app.
const unwanted = app.isPackaged ? refusedSwitch((name) => app.commandLine.hasSwitch(name)) : undefined;
if (unwanted !== undefined) {
  console.error(`SealNIC does not start with --${unwanted}.`);
  // Not app.exit: the switch takes effect as soon as this file has been run.
  process.exit(2);
}

protocol.registerSchemesAsPrivileged([
  { scheme: pageScheme, privileges: { standard: true, secure: true, codeCache: true } },
]);
app.enableSandbox();
denyInContents();

if (app.requestSingleInstanceLock()) {
  let desktopApp: DesktopApp | undefined;
  // The window's closing is decided in window-rules.ts.
  app.on('window-all-closed', () => {});
  app.on('second-instance', () => desktopApp?.open());
  app.on('activate', () => desktopApp?.open());
  app.on('before-quit', () => desktopApp?.close());
  void app.whenReady().then(() => {
    desktopApp = new DesktopApp();
  });
} else {
  app.quit();
}
