// Carries out the commands of ipc-diagnostics.ts. Knows no Electron.
import { ControlError } from '../control/failure.ts';
import type { BundleDesk } from './bundle-desk.ts';
import type { CaptureDesk } from './capture-desk.ts';
import type { CommandParameters, CommandResult } from './ipc.ts';
import type { diagnosticsCommands } from './ipc-diagnostics.ts';
import type { ServiceMirror } from './service-mirror.ts';
import type { Setup } from './setup/contract.ts';

type DiagnosticsCommand = keyof typeof diagnosticsCommands;

export interface DiagnosticsHost {
  readonly mirror: Pick<ServiceMirror, 'call'>;
  readonly bundle: BundleDesk;
  readonly capture: CaptureDesk;
  /** undefined: this platform's installer does all of it. */
  readonly setup: Setup | undefined;
  /** False: the person chose no place. Throws ControlError file-not-written. */
  readonly saveFile: (suggestedName: string, content: string | Uint8Array) => Promise<boolean>;
  /** Looks anew whether the desktop shows tray icons. */
  readonly trayAvailable: () => Promise<boolean>;
  readonly trayDismissed: () => boolean;
  readonly dismissTray: () => void;
}

type Handlers = {
  readonly [Name in DiagnosticsCommand]: (
    parameters: CommandParameters<Name>,
  ) => CommandResult<Name> | Promise<CommandResult<Name>>;
};

export function diagnosticsHandlers(host: DiagnosticsHost): Handlers {
  const { bundle, capture, setup } = host;
  return {
    'file.save': async ({ suggestedName, text }) => ({ saved: await host.saveFile(suggestedName, text) }),
    'bundle.make': () => bundle.make(),
    'bundle.save': () => bundle.save(),
    'capture.begin': async ({ side, seconds }) => ({ begun: await capture.begin(side, seconds) }),
    'capture.end': () => {
      capture.end();
      return {};
    },
    'capture.state': () => capture.state,
    'setup.check': async () => {
      const [rights, trayAvailable] = await Promise.all([rightsOf(host), host.trayAvailable()]);
      const typed = (name: keyof Setup['commands']) => setup?.typed(setup.commands[name]) ?? '';
      return {
        ...(setup !== undefined && { serviceInstalled: setup.serviceInstalled() }),
        ...(rights !== undefined && { rights }),
        canMend: setup?.asker() !== undefined,
        commands: {
          install: typed('install'),
          start: typed('start'),
          allow: typed('allow'),
          importProfile: typed('importProfile'),
        },
        trayAvailable,
        trayDismissed: host.trayDismissed(),
      };
    },
    'setup.mend': async ({ item }) => {
      if (setup === undefined) return { outcome: 'refused' };
      if (item === 'rights') return await setup.run(setup.commands.allow);
      return await setup.run(setup.serviceInstalled() ? setup.commands.start : setup.commands.install);
    },
    'setup.dismissTray': () => {
      host.dismissTray();
      return {};
    },
  };
}

/** undefined: the service is away. */
async function rightsOf({ mirror }: DiagnosticsHost): Promise<CommandResult<'rights.mine'> | undefined> {
  try {
    return await mirror.call('rights.mine', {});
  } catch (error) {
    if (error instanceof ControlError) return undefined;
    throw error;
  }
}
