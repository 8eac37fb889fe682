// What the connection page shows for a profile: its state in one word, what happens to traffic, which buttons.
import type { ProfileProblem } from '../../main/control/failure.ts';
import type { ConnectionState } from '../../main/control/state.ts';
import type { ConnectionStatus, ProfileSummary, Status } from '../../main/control/values.ts';

/** "blocked": it is down, and what it should protect does not leave. */
export type ShownState = ConnectionState | 'blocked' | 'invalid';

export type ConnectionButton = 'connect' | 'disconnect' | 'cancel' | 'retry' | 'disconnect-and-allow';

export interface ConnectionView {
  readonly profile: string;
  readonly role: ProfileSummary['role'];
  readonly gateway: string | undefined;
  readonly state: ShownState;
  readonly problem: ProfileProblem | undefined;
  readonly whenDown: ProfileSummary['whenDown'];
  readonly status: ConnectionStatus | undefined;
  readonly buttons: readonly ConnectionButton[];
  /** It is not up and wants a person's attention or patience: the failure is shown. */
  readonly showsFailure: boolean;
}

/** Every profile once, the active ones first, then by name; connections whose profile is gone come too. */
export function connectionViews(
  status: Status,
  profiles: readonly ProfileSummary[],
): readonly ConnectionView[] {
  const known = new Set(profiles.map(({ name }) => name));
  const orphans = status.connections
    .filter(({ profile }) => !known.has(profile))
    .map(
      ({ profile, state }): ProfileSummary => ({
        name: profile,
        role: 'client',
        authentication: 'psk',
        state,
      }),
    );
  return [...profiles, ...orphans]
    .map((profile) =>
      viewOf(
        profile,
        status.connections.find((each) => each.profile === profile.name),
      ),
    )
    .sort((a, b) => rank(a) - rank(b) || a.profile.localeCompare(b.profile));
}

export function viewOf(profile: ProfileSummary, status: ConnectionStatus | undefined): ConnectionView {
  const state = shownState(profile, status);
  return {
    profile: profile.name,
    role: profile.role,
    gateway: status?.details?.gateway ?? profile.gateway,
    state,
    problem: profile.problem,
    whenDown: profile.whenDown,
    status,
    buttons: buttonsOf(state),
    showsFailure:
      status?.failure !== undefined &&
      status.failure.code !== 'requested' &&
      (state === 'failed' || state === 'blocked' || state === 'reconnecting' || state === 'disconnected'),
  };
}

function shownState(profile: ProfileSummary, status: ConnectionStatus | undefined): ShownState {
  const state = status?.state ?? 'disconnected';
  if (state === 'failed' && status?.protectedTraffic === 'blocked') return 'blocked';
  if (state === 'disconnected' && profile.problem !== undefined) return 'invalid';
  return state;
}

function buttonsOf(state: ShownState): readonly ConnectionButton[] {
  switch (state) {
    case 'disconnected':
      return ['connect'];
    case 'connecting':
      return ['cancel'];
    case 'connected':
      return ['disconnect'];
    case 'reconnecting':
    case 'blocked':
      return ['retry', 'disconnect-and-allow'];
    case 'failed':
      return ['retry', 'disconnect'];
    case 'invalid':
      return [];
  }
}

function rank({ state }: ConnectionView): number {
  return state === 'disconnected' || state === 'invalid' ? 1 : 0;
}
