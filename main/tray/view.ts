// What the tray shows for a state of the service: icon, tooltip and menu. Plain values, no Electron.
import { connectionWords } from '../cli/words.ts';
import type { ConnectionState } from '../control/state.ts';
import type { ConnectionStatus, ProfileSummary, Status } from '../control/values.ts';

/** One picture each, in resources/tray. */
export const trayIcons = ['no-service', 'disconnected', 'connecting', 'connected', 'failed'] as const;
export type TrayIcon = (typeof trayIcons)[number];

export type TrayAction =
  | { readonly type: 'connect' | 'disconnect' | 'retry'; readonly profile: string }
  | { readonly type: 'quit' };

export type MenuEntry =
  | { readonly type: 'separator' }
  | { readonly type: 'text'; readonly label: string }
  | { readonly type: 'action'; readonly label: string; readonly action: TrayAction };

export interface TrayView {
  readonly icon: TrayIcon;
  readonly tooltip: string;
  readonly menu: readonly MenuEntry[];
}

export interface TrayModel {
  /** undefined: the service is not there. */
  readonly status: Status | undefined;
  readonly profiles: readonly ProfileSummary[];
  /** What the person last asked for and did not get. */
  readonly problem: string | undefined;
}

export function viewOf(model: TrayModel): TrayView {
  const { status, problem } = model;
  if (status === undefined) {
    return {
      icon: 'no-service',
      tooltip: 'SealNIC: the service is not running',
      menu: menuOf(['The SealNIC service is not running'], [], problem),
    };
  }
  const connections = clientConnections(model);
  const shown = connections.filter(({ state }) => state !== 'disconnected');
  const lines = shown.length === 0 ? ['Not connected'] : shown.flatMap(linesOf);
  return {
    icon: iconOf(connections),
    tooltip: `SealNIC: ${shown.length === 0 ? 'not connected' : shown.map(sentenceOf).join(', ')}`,
    menu: menuOf(lines, connections.flatMap(actionsOf), problem),
  };
}

interface ClientConnection {
  readonly profile: string;
  readonly state: ConnectionState;
  readonly failure: ConnectionStatus['failure'];
  readonly protectedTraffic: ConnectionStatus['protectedTraffic'] | undefined;
  /** Why the profile cannot be used. */
  readonly unusable: string | undefined;
}

/** Every profile in which this computer is the client, connected or not. */
function clientConnections({ status, profiles }: TrayModel): readonly ClientConnection[] {
  return profiles
    .filter(({ role }) => role === 'client')
    .map(({ name, problem }) => {
      const connection = status?.connections.find(({ profile }) => profile === name);
      return {
        profile: name,
        state: connection?.state ?? 'disconnected',
        failure: connection?.failure,
        protectedTraffic: connection?.protectedTraffic,
        unusable: problem,
      };
    });
}

/** The state that most wants to be seen. */
function iconOf(connections: readonly ClientConnection[]): TrayIcon {
  const states = new Set(connections.map(({ state }) => state));
  if (states.has('failed')) return 'failed';
  if (states.has('connecting') || states.has('reconnecting')) return 'connecting';
  return states.has('connected') ? 'connected' : 'disconnected';
}

const stateWords: Readonly<Record<ConnectionState, string>> = {
  disconnected: 'not connected',
  connecting: 'connecting …',
  connected: 'connected',
  reconnecting: 'reconnecting …',
  failed: 'failed',
};

function sentenceOf({ profile, state }: ClientConnection): string {
  return `${profile} ${stateWords[state]}`;
}

function linesOf(connection: ClientConnection): readonly string[] {
  const { profile, state, failure, protectedTraffic } = connection;
  const lines = [`${profile}: ${stateWords[state]}`];
  if (failure !== undefined && (state === 'failed' || state === 'reconnecting')) {
    lines.push(connectionWords(profile, failure).what);
  }
  if (protectedTraffic === 'blocked') lines.push('Protected traffic is blocked until then');
  return lines;
}

function actionsOf({ profile, state, unusable }: ClientConnection): readonly MenuEntry[] {
  const entry = (label: string, type: 'connect' | 'disconnect' | 'retry'): MenuEntry => ({
    type: 'action',
    label: `${label} ${profile}`,
    action: { type, profile },
  });
  if (unusable !== undefined && state === 'disconnected') {
    return [{ type: 'text', label: `${profile}: the profile is not valid` }];
  }
  switch (state) {
    case 'disconnected':
      return [entry('Connect', 'connect')];
    case 'connecting':
    case 'connected':
      return [entry('Disconnect', 'disconnect')];
    case 'reconnecting':
    case 'failed':
      return [entry('Try again:', 'retry'), entry('Disconnect', 'disconnect')];
  }
}

function menuOf(
  lines: readonly string[],
  actions: readonly MenuEntry[],
  problem: string | undefined,
): readonly MenuEntry[] {
  const texts = problem === undefined ? lines : [...lines, problem];
  return [
    ...texts.map((label): MenuEntry => ({ type: 'text', label })),
    { type: 'separator' },
    ...actions,
    ...(actions.length > 0 ? [{ type: 'separator' } as const] : []),
    { type: 'action', label: 'Quit (connections stay as they are)', action: { type: 'quit' } },
  ];
}
