// The login items of macOS and Windows, which Electron knows.
import { app } from 'electron';
import type { LoginItem, StartCommand } from './contract.ts';

export function systemLoginItem([program, ...programArguments]: StartCommand): LoginItem {
  const options = { path: program, args: programArguments };
  return {
    get on() {
      return app.getLoginItemSettings(options).openAtLogin;
    },
    set(on) {
      app.setLoginItemSettings({ ...options, openAtLogin: on });
    },
  };
}
