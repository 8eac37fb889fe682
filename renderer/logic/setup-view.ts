// What is missing before the first connection, as a list in the order in which it is mended.
import type { ServiceState, SetupState } from '../../main/tray/ipc.ts';

export type SetupLine =
  | { readonly item: 'service'; readonly state: 'good' | 'not-running' | 'not-installed' }
  | { readonly item: 'rights'; readonly state: 'good' | 'missing' | 'unknown' }
  | { readonly item: 'profile'; readonly state: 'good' | 'missing' | 'not-yours' | 'unknown' }
  | { readonly item: 'tray'; readonly state: 'good' | 'missing' | 'dismissed' };

export function setupLines(setup: SetupState, service: ServiceState): readonly SetupLine[] {
  const present = service.service === 'present';
  return [
    {
      item: 'service',
      state: present ? 'good' : setup.serviceInstalled === false ? 'not-installed' : 'not-running',
    },
    {
      item: 'rights',
      state:
        !present || setup.rights === undefined
          ? 'unknown'
          : setup.rights.control === 'no'
            ? 'missing'
            : 'good',
    },
    {
      item: 'profile',
      state: present ? profileState(service.profiles.length, setup) : 'unknown',
    },
    { item: 'tray', state: setup.trayAvailable ? 'good' : setup.trayDismissed ? 'dismissed' : 'missing' },
  ];
}

/** "not-yours": there is none, and nobody could be asked for the rights to make one. */
function profileState(count: number, { rights }: SetupState): 'good' | 'missing' | 'not-yours' {
  if (count > 0) return 'good';
  return rights?.administer === 'no' ? 'not-yours' : 'missing';
}

/**
 * Which of them to show: all on a computer that cannot connect yet for want of service or profile; else those alone
 * that are missing.
 */
export function linesToShow(lines: readonly SetupLine[]): readonly SetupLine[] {
  const shown = lines.filter(({ state }) => state !== 'dismissed');
  const first = lines.some(
    ({ item, state }) =>
      (item === 'service' && state !== 'good') ||
      (item === 'profile' && (state === 'missing' || state === 'not-yours')),
  );
  return first ? shown : shown.filter(({ state }) => state === 'missing');
}
