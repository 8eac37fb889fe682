// Who may do what at the control endpoint, by the peer's credentials: observe, control, administer (DESIGN section 3).
import { readFileSync } from 'node:fs';
import type { Right } from '../../control/failure.ts';
import { polkitAllows } from './polkit.ts';
import { hasActiveLocalSession } from './session.ts';

export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Start time of the process in ticks since boot: with the pid it names the process for polkit. */
  readonly startTime: string | undefined;
}

export interface Rights {
  /** May take as long as a person needs to answer polkit's question; `signal` ends the waiting. */
  allows(peer: Peer, right: Right, signal: AbortSignal): Promise<boolean>;
}

/** What the rights are computed from; a test passes its own. */
export interface RightsSources {
  /** Number of the group whose members control, or undefined where there is none. */
  controlGroup(): number | undefined;
  hasActiveLocalSession(uid: number): boolean;
  /** Asks the system's authority whether the peer may administer. */
  consent(peer: Peer, signal: AbortSignal): Promise<boolean>;
}

/** Root, and whoever the service itself runs as (root, outside of tests), who could do anything to it anyway. */
export function isAdministrator(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** Rights on this computer: members of `group`, logind's sessions, polkit. */
export function systemRights(group: string): Rights {
  return rightsFrom({
    controlGroup: () => groupNumber(group),
    hasActiveLocalSession: (uid) => hasActiveLocalSession(uid),
    consent: (peer, signal) => polkitAllows(peer, signal),
  });
}

export function rightsFrom(sources: RightsSources): Rights {
  const mayControl = (peer: Peer) => {
    const group = sources.controlGroup();
    const member = group !== undefined && (peer.gid === group || peer.groups.includes(group));
    return member || sources.hasActiveLocalSession(peer.uid);
  };
  return {
    async allows(peer, right, signal) {
      if (isAdministrator(peer.uid)) return true;
      switch (right) {
        case 'observe':
          return true;
        case 'control':
          return mayControl(peer);
        case 'administer':
          return await sources.consent(peer, signal);
      }
    },
  };
}

function groupNumber(name: string): number | undefined {
  try {
    for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
      const [groupName, , number] = line.split(':');
      if (groupName === name && number !== undefined) return Number(number);
    }
  } catch {
    // No such file: no such group.
  }
  return undefined;
}
