// Who may do what at the control endpoint, by the peer's credentials: observe, control, administer (DESIGN section 3).
import { readFileSync } from 'node:fs';
import type { CallerRights } from '../../control/diagnostics-methods.ts';
import type { Right } from '../../control/failure.ts';
import { polkitAllows, polkitStanding } from './polkit.ts';
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
  /** What the peer may do, without asking anybody anything. */
  describe(peer: Peer, signal: AbortSignal): Promise<CallerRights>;
}

/** What the rights are computed from; a test passes its own. */
export interface RightsSources {
  /** The group whose members control. */
  readonly groupName: string;
  /** Its number, or undefined where there is none. */
  controlGroup(): number | undefined;
  /** Whether the system's list of groups names the user: a process from before that does not know it yet. */
  listedInGroup(uid: number): boolean;
  userName(uid: number): string | undefined;
  hasActiveLocalSession(uid: number): boolean;
  /** Asks the system's authority whether the peer may administer. */
  consent(peer: Peer, signal: AbortSignal): Promise<boolean>;
  /** What the authority would say, without anybody being asked. */
  standing(peer: Peer, signal: AbortSignal): Promise<CallerRights['administer']>;
}

/** Root, and whoever the service itself runs as (root, outside of tests), who could do anything to it anyway. */
export function isAdministrator(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** Rights on this computer: members of `group`, logind's sessions, polkit. */
export function systemRights(group: string): Rights {
  return rightsFrom({
    groupName: group,
    controlGroup: () => groupEntry(group)?.number,
    listedInGroup: (uid) => {
      const name = userName(uid);
      return name !== undefined && groupEntry(group)?.members.includes(name) === true;
    },
    userName,
    hasActiveLocalSession: (uid) => hasActiveLocalSession(uid),
    consent: (peer, signal) => polkitAllows(peer, signal),
    standing: (peer, signal) => polkitStanding(peer, signal),
  });
}

/** What a window asks ten times a second does not ask polkit each time. */
const consentHoldsMilliseconds = 5000;

/** `now`: milliseconds, rising. */
export function rightsFrom(sources: RightsSources, now: () => number = () => performance.now()): Rights {
  /** When consent was last given, by connection. A refusal is not kept. */
  const consents = new WeakMap<Peer, number>();
  const consent = async (peer: Peer, signal: AbortSignal): Promise<boolean> => {
    const givenAt = consents.get(peer);
    if (givenAt !== undefined && now() - givenAt < consentHoldsMilliseconds) return true;
    const given = await sources.consent(peer, signal);
    if (given) consents.set(peer, now());
    return given;
  };
  const controlBy = (peer: Peer): CallerRights['control'] => {
    if (isAdministrator(peer.uid)) return 'root';
    const group = sources.controlGroup();
    const member = group !== undefined && (peer.gid === group || peer.groups.includes(group));
    if (member || sources.listedInGroup(peer.uid)) return 'group';
    return sources.hasActiveLocalSession(peer.uid) ? 'session' : 'no';
  };
  return {
    async allows(peer, right, signal) {
      switch (right) {
        case 'observe':
          return true;
        case 'control':
          return controlBy(peer) !== 'no';
        case 'administer':
          return isAdministrator(peer.uid) || (await consent(peer, signal));
      }
    },
    async describe(peer, signal) {
      const user = sources.userName(peer.uid);
      return {
        uid: peer.uid,
        ...(user !== undefined && { user }),
        control: controlBy(peer),
        administer: isAdministrator(peer.uid) ? 'yes' : await sources.standing(peer, signal),
        group: sources.groupName,
        groupExists: sources.controlGroup() !== undefined,
      };
    },
  };
}

function groupEntry(name: string): { number: number; members: readonly string[] } | undefined {
  const fields = linesOf('/etc/group').find(([groupName]) => groupName === name);
  if (fields?.[2] === undefined) return undefined;
  return { number: Number(fields[2]), members: (fields[3] ?? '').split(',') };
}

function userName(uid: number): string | undefined {
  return linesOf('/etc/passwd').find(([, , number]) => number === String(uid))?.[0];
}

/** No such file: no such group or user. */
function linesOf(path: string): readonly (readonly string[])[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}
