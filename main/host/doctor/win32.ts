// Whether this computer can do what is asked of it, and what an earlier process left behind.
import { existsSync } from 'node:fs';
import { WindowsCallError, windowsError } from '../../../native/kernel32.ts';
import { deleteRegistryValues } from '../../../native/registry.ts';
import { wintunPath } from '../adapter/win32.ts';
import { namesFollowGroupPolicy } from '../dns/win32.ts';
import type { JournalEntry } from '../journal/journal.ts';
import type { HostFinding } from '../network.ts';
import { checkJournal, good, problem } from './findings.ts';

export interface CheckOptions {
  /** Changes that nobody wants any more. */
  readonly leftOver: readonly JournalEntry[];
}

export function checkHost({ leftOver }: CheckOptions): readonly HostFinding[] {
  return [checkWintun(), checkPrivileges(), checkResolver(), checkJournal(leftOver)];
}

function checkWintun(): HostFinding {
  const code = 'tun-device';
  return existsSync(wintunPath)
    ? good(code, { code: 'wintun-present', path: wintunPath })
    : problem(code, { code: 'wintun-missing', path: wintunPath }, { code: 'install-again' });
}

/** Whoever may change the parameters of the DNS client may change all else that we change. */
function checkPrivileges(): HostFinding {
  const code = 'privileges';
  try {
    deleteRegistryValues('SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters', []);
    return good(code, { code: 'privileges-suffice' });
  } catch (error) {
    if (!(error instanceof WindowsCallError) || error.number !== windowsError.accessDenied) throw error;
    return problem(code, { code: 'privileges-missing' }, { code: 'run-as-administrator' });
  }
}

function checkResolver(): HostFinding {
  return good('resolver', {
    code: namesFollowGroupPolicy() ? 'resolver-group-policy' : 'resolver-name-policy',
  });
}
