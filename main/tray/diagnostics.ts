// A text about the app and the service for a report: versions, states and codes. No address, identity, name of a
// profile or secret is in it.
import type { Finding, Status } from '../control/values.ts';
import type { AppInformation, ServiceState } from './ipc.ts';

export interface DiagnosticsInput {
  readonly information: AppInformation;
  readonly state: ServiceState;
  /** undefined: the doctor could not be asked. */
  readonly findings: readonly Finding[] | undefined;
  readonly now: Date;
}

export function diagnosticsText({ information, state, findings, now }: DiagnosticsInput): string {
  const lines = [
    `SealNIC ${information.version}, ${now.toISOString()}`,
    `app: Electron ${information.electronVersion}, ${information.platform}, language ${information.language}, ` +
      `tray ${information.trayAvailable ? 'yes' : 'no'}`,
    ...serviceLines(state),
    ...(findings ?? []).map(({ code, severity }) => `doctor: ${severity}: ${code}`),
    ...(findings === undefined ? ['doctor: not asked'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function serviceLines(state: ServiceState): readonly string[] {
  if (state.service !== 'present') return [`service: ${state.service}`];
  const { status, profiles } = state;
  return [
    `service: ${status.version}, since ${new Date(status.startedAt).toISOString()}`,
    `profiles: ${profiles.length}, not valid: ${profiles.filter(({ problem }) => problem !== undefined).length}`,
    ...status.connections.map(connectionLine),
    ...Object.entries(status.drops).map(([reason, packets]) => `dropped: ${reason}: ${packets}`),
  ];
}

/** Connections are numbered: their names may say for whom a person works. */
function connectionLine(connection: Status['connections'][number], index: number): string {
  const { state, since, failure, protectedTraffic, lockdown, details } = connection;
  const parts = [
    `${state} since ${new Date(since).toISOString()}`,
    `traffic ${protectedTraffic}`,
    ...(failure === undefined ? [] : [`failure ${failure.code}`]),
    ...(lockdown ? ['lockdown'] : []),
    ...(details?.ikeProposal === undefined ? [] : [`IKE ${details.ikeProposal}`]),
    ...(details?.espAlgorithm === undefined
      ? []
      : [`ESP ${details.espAlgorithm} ${details.espEncapsulation ?? ''}`.trim()]),
    ...(details?.mtu === undefined ? [] : [`MTU ${details.mtu}`]),
  ];
  return `connection ${index + 1}: ${parts.join(', ')}`;
}
