// What the tray shows for a state of the service: icon, tooltip and menu. Plain values, no Electron.
import type { Prompt } from '../control/prompt-values.ts';
import type { ConnectionState } from '../control/state.ts';
import type { ConnectionStatus, ProfileSummary } from '../control/values.ts';
import type { ServiceState } from './ipc.ts';
import { keyLines, unlockEntries } from './key-view.ts';
import { promptName, reasonText } from './text/failure-text.ts';
import type { Translate } from './text/translate.ts';
import { type Throughput, throughputText } from './throughput.ts';

/** One picture each, in resources/tray. */
export const trayIcons = [
  'no-service',
  'disconnected',
  'connecting',
  'connected',
  'reconnecting',
  'failed',
  'blocked',
  'card-missing',
] as const;
export type TrayIcon = (typeof trayIcons)[number];

export type TrayAction =
  | { readonly type: 'connect' | 'disconnect' | 'retry'; readonly profile: string }
  | { readonly type: 'unlock'; readonly vault: string }
  | { readonly type: 'open-window' | 'copy-diagnostics' | 'quit' }
  | { readonly type: 'start-at-login'; readonly on: boolean };

export type MenuEntry =
  | { readonly type: 'separator' }
  | { readonly type: 'text'; readonly label: string }
  | {
      readonly type: 'action';
      readonly label: string;
      readonly action: TrayAction;
      /** Present: an entry with a check mark. */
      readonly checked?: boolean;
    };

export interface TrayView {
  readonly icon: TrayIcon;
  readonly tooltip: string;
  readonly menu: readonly MenuEntry[];
}

export interface TrayModel {
  readonly state: ServiceState;
  readonly throughput: ReadonlyMap<string, Throughput>;
  /** Names of profiles, last used first. */
  readonly lastUsed: readonly string[];
  /** undefined: not possible here. */
  readonly startAtLogin: boolean | undefined;
  /** What the person last asked for and did not get. */
  readonly problem: string | undefined;
}

export function viewOf(model: TrayModel, translate: Translate): TrayView {
  const { state } = model;
  if (state.service !== 'present') {
    const line = translate.text(state.service === 'starting' ? 'tray.starting' : 'tray.noService');
    return {
      icon: 'no-service',
      tooltip: translate.text('tray.noServiceTooltip'),
      menu: menuOf(model, translate, [line], [], false),
    };
  }
  const connections = clientConnections(model, state);
  const shown = connections.filter((each) => each.state !== 'disconnected');
  const lines =
    shown.length === 0
      ? [translate.text('tray.notConnected')]
      : shown.flatMap((each) => linesOf(each, translate));
  const keys = keyLines(state, translate);
  const actions = [
    ...promptEntries(state.status.prompts, translate),
    ...unlockEntries(state.status, translate),
    ...connections.flatMap((each) => actionsOf(each, translate)),
  ];
  return {
    icon: iconOf(connections),
    tooltip: tooltipOf(shown, model.throughput, translate),
    menu: menuOf(model, translate, [...lines, ...keys], actions, shown.length > 0),
  };
}

interface ClientConnection {
  readonly profile: string;
  readonly state: ConnectionState;
  readonly failure: ConnectionStatus['failure'];
  readonly protectedTraffic: ConnectionStatus['protectedTraffic'] | undefined;
  /** Why the profile cannot be used. */
  readonly unusable: ProfileSummary['problem'];
}

/** Every profile in which this computer is the client, connected or not; those used last come first. */
function clientConnections(
  { lastUsed }: TrayModel,
  { status, profiles }: Extract<ServiceState, { service: 'present' }>,
): readonly ClientConnection[] {
  const rank = (name: string) => (lastUsed.includes(name) ? lastUsed.indexOf(name) : lastUsed.length);
  return profiles
    .filter(({ role }) => role === 'client')
    .toSorted((first, second) => rank(first.name) - rank(second.name))
    .map(({ name, problem }) => {
      const connection = status.connections.find(({ profile }) => profile === name);
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
  if (connections.some(waitsForCard)) return 'card-missing';
  if (
    connections.some(({ state, protectedTraffic }) => state === 'failed' && protectedTraffic === 'blocked')
  ) {
    return 'blocked';
  }
  for (const state of ['failed', 'reconnecting', 'connecting', 'connected'] as const) {
    if (states.has(state)) return state;
  }
  return 'disconnected';
}

/** It comes back by itself when the card is in and its PIN was given. */
function waitsForCard({ state, failure }: ClientConnection): boolean {
  return state === 'failed' && (failure?.code === 'card-removed' || failure?.code === 'card-missing');
}

function tooltipOf(
  shown: readonly ClientConnection[],
  throughput: ReadonlyMap<string, Throughput>,
  translate: Translate,
): string {
  const sentences = shown.map((each) => {
    const { profile, state } = each;
    if (waitsForCard(each)) return translate.text('tray.cardMissing', { profile });
    const sentence = translate.text('tray.sentence', {
      profile,
      state: translate.text(`tray.state.${state}`),
    });
    const rate = throughput.get(profile);
    if (rate === undefined || state !== 'connected') return sentence;
    return translate.text('tray.throughput', { sentence, ...throughputText(rate) });
  });
  const connections =
    sentences.length === 0 ? translate.text('tray.notConnectedShort') : sentences.join(', ');
  return translate.text('tray.tooltip', { connections });
}

function linesOf(connection: ClientConnection, translate: Translate): readonly string[] {
  const { profile, state, failure, protectedTraffic } = connection;
  const lines = [translate.text('tray.line', { profile, state: translate.text(`tray.state.${state}`) })];
  if (failure !== undefined && (state === 'failed' || state === 'reconnecting')) {
    lines.push(reasonText(translate, profile, failure).what);
  }
  if (waitsForCard(connection)) lines.push(translate.text('tray.cardMissing', { profile }));
  if (protectedTraffic === 'blocked') lines.push(translate.text('tray.blocked'));
  return lines;
}

function actionsOf(
  { profile, state, unusable }: ClientConnection,
  translate: Translate,
): readonly MenuEntry[] {
  const entry = (type: 'connect' | 'disconnect' | 'retry'): MenuEntry => ({
    type: 'action',
    label: translate.text(`tray.${type}`, { profile }),
    action: { type, profile },
  });
  if (unusable !== undefined && state === 'disconnected') {
    return [{ type: 'text', label: translate.text('tray.invalidProfile', { profile }) }];
  }
  switch (state) {
    case 'disconnected':
      return [entry('connect')];
    case 'connecting':
    case 'connected':
      return [entry('disconnect')];
    case 'reconnecting':
    case 'failed':
      return [entry('retry'), entry('disconnect')];
  }
}

/** The window asks; the menu leads to it. */
function promptEntries(prompts: readonly Prompt[], translate: Translate): readonly MenuEntry[] {
  return prompts.map(({ kind }) => ({
    type: 'action',
    label: translate.text(kind === 'card' ? 'tray.insertCard' : 'tray.prompt', {
      what: promptName(translate, kind),
    }),
    action: { type: 'open-window' },
  }));
}

function menuOf(
  { problem, startAtLogin }: TrayModel,
  translate: Translate,
  lines: readonly string[],
  actions: readonly MenuEntry[],
  connected: boolean,
): readonly MenuEntry[] {
  const separator: MenuEntry = { type: 'separator' };
  const texts = problem === undefined ? lines : [...lines, problem];
  const login: readonly MenuEntry[] =
    startAtLogin === undefined
      ? []
      : [
          {
            type: 'action',
            label: translate.text('tray.startAtLogin'),
            action: { type: 'start-at-login', on: !startAtLogin },
            checked: startAtLogin,
          },
        ];
  return [
    ...texts.map((label): MenuEntry => ({ type: 'text', label })),
    separator,
    ...actions,
    ...(actions.length > 0 ? [separator] : []),
    { type: 'action', label: translate.text('tray.openWindow'), action: { type: 'open-window' } },
    { type: 'action', label: translate.text('tray.copyDiagnostics'), action: { type: 'copy-diagnostics' } },
    ...login,
    separator,
    {
      type: 'action',
      label: translate.text(connected ? 'tray.quitConnected' : 'tray.quit'),
      action: { type: 'quit' },
    },
  ];
}
