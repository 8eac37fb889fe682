// Takes changes back on Windows, where each is a call that takes no time.
import type { IpHelper } from '../../../native/iphlpapi.ts';
import { undoDnsStep } from '../dns/win32.ts';
import type { UndoStep } from '../journal/journal.ts';
import { undoRouteStep } from '../routes/win32.ts';
import type { UndoPlatform } from './undo.ts';

/** `loopbackLuid`: of the interface that routes which lead nowhere are bound to. */
export function undoOnWindows(helper: IpHelper, loopbackLuid: () => bigint | undefined): UndoPlatform {
  return {
    // A fast start brings the system of the last session back, with its routes.
    outlivesBoot: () => true,
    tasks: (due) =>
      due.map((entry) => ({
        entries: [entry],
        run: async () => undoOne(helper, entry.step, loopbackLuid),
      })),
  };
}

/** Returns whether there was anything to take back. */
function undoOne(helper: IpHelper, step: UndoStep, loopbackLuid: () => bigint | undefined): boolean {
  switch (step.kind) {
    case 'interface-address':
    case 'interface-route':
    case 'blocked-route':
      return undoRouteStep(helper, step, loopbackLuid());
    case 'interface-dns':
    case 'name-policy':
      return undoDnsStep(helper, step);
    default:
      throw new Error(`The journal names a change that is none of Windows: ${step.kind}.`);
  }
}
