// The bundled tray app in a real Electron, started as a user would have it: unprivileged, with its sandbox.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { bundleTray } from '../../build/bundle.ts';
import type { Desktop } from './desktop.ts';

export interface TrayApp {
  readonly ended: Promise<number | null>;
  /** What it wrote to its error output, for a failing test's message. */
  errors(): string;
}

export async function startTrayApp(desktop: Desktop, controlPath: string): Promise<TrayApp> {
  const { default: electron } = await import('electron');
  // The checkout may lie where the user may not read.
  const bundle = await bundleTray(join(desktop.directory, 'tray'));
  const child: ChildProcess = desktop.start([electron as unknown as string, bundle], {
    SEALNIC_CONTROL: controlPath,
    ELECTRON_ENABLE_LOGGING: '1',
  });
  let errors = '';
  child.stderr?.on('data', (part) => {
    errors += part;
  });
  return {
    ended: new Promise((resolve) => child.once('exit', resolve)),
    errors: () => errors,
  };
}
