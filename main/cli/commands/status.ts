// sealnic status: what is connected, once or (--watch) as a view that follows.
import type { Command } from 'commander';
import type { ConnectionStatus, Status } from '../../control/values.ts';
import { connectionWords } from '../connection-words.ts';
import { formatBytes, formatCount, formatDuration, formatMilliseconds, pad } from '../format.ts';
import { watchStatus } from '../live/watch.ts';
import { questionOf } from '../prompting.ts';
import type { Runner } from '../runner.ts';
import type { Style } from '../style.ts';
import { type CommandContext, print } from '../terminal.ts';

export function addStatusCommand(program: Command, run: Runner): void {
  program
    .command('status')
    .description('show what is connected')
    .option('-w, --watch', 'follow it: state, throughput, rekeying, filter hits')
    .action(run((context, options: { watch?: true }) => status(context, options.watch === true)));
}

async function status(context: CommandContext, watch: boolean): Promise<undefined> {
  if (watch) {
    await watchStatus(context);
    return undefined;
  }
  const value = await context.withService((client) => client.call('status', {}));
  print(context, value, statusLines(value, context.style, context.now()));
  return undefined;
}

/** The status for people, several lines a connection. */
export function statusLines(status: Status, style: Style, now: number): string[] {
  const asked = status.prompts.flatMap((prompt) => [
    style.warning(`The service waits for you: ${questionOf(prompt)}`),
    ...(prompt.kind === 'card' ? [] : [`Answer: sealnic prompts answer ${prompt.id}`]),
  ]);
  return [...asked, ...(asked.length === 0 ? [] : ['']), ...connectionsLines(status, style, now)];
}

function connectionsLines(status: Status, style: Style, now: number): string[] {
  if (status.connections.length === 0) {
    return ['Nothing is connected.', 'Connect: sealnic up PROFILE   Profiles: sealnic profiles list'];
  }
  const connections = status.connections.flatMap((connection, index) => [
    ...(index === 0 ? [] : ['']),
    ...connectionLines(connection, style, now),
  ]);
  const drops = Object.entries(status.drops).filter(([, count]) => count > 0);
  if (drops.length === 0) return connections;
  const counted = drops.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(', ');
  return [...connections, '', `dropped packets: ${counted}`];
}

/** "● office   connected for 12 min 34 s". */
export function headLine(connection: ConnectionStatus, style: Style, now: number): string {
  const mark = {
    connected: style.good('●'),
    connecting: style.warning('◐'),
    reconnecting: style.warning('◐'),
    failed: style.bad('✕'),
    disconnected: style.faint('○'),
  }[connection.state];
  const since = formatDuration(now - connection.since);
  return `${mark} ${style.strong(connection.profile)}  ${connection.state} for ${since}`;
}

/** Why it is not up, what becomes of protected traffic, and when it tries again. */
export function troubleLines(connection: ConnectionStatus, style: Style, now: number): string[] {
  const lines: string[] = [];
  const { failure } = connection;
  if (failure !== undefined && connection.state !== 'connected' && failure.code !== 'requested') {
    const words = connectionWords(connection.profile, failure);
    lines.push(style.warning(words.what));
    if (words.next !== undefined) lines.push(words.next);
  }
  if (connection.nextAttemptAt !== undefined && connection.state !== 'connected') {
    lines.push(`next attempt in ${formatDuration(connection.nextAttemptAt - now)}`);
  }
  if (connection.protectedTraffic === 'blocked') {
    lines.push(
      `${style.bad('protected traffic is blocked')}${connection.lockdown ? ', also after a restart' : ''}`,
    );
  }
  if (connection.protectedTraffic === 'clear')
    lines.push(style.warning('protected traffic passes unprotected'));
  return lines;
}

function connectionLines(connection: ConnectionStatus, style: Style, now: number): string[] {
  const { details } = connection;
  const lines = [headLine(connection, style, now)];
  for (const line of troubleLines(connection, style, now)) lines.push(`  ${line}`);
  if (details === undefined) return lines;
  const show = (label: string, text: string | undefined) => {
    if (text !== undefined && text !== '') lines.push(`  ${style.faint(pad(label, 10))}${text}`);
  };
  const { counters } = details;
  show('gateway', joined(details.gateway, parenthesised(details.remoteEndpoint)));
  show('identity', joined(details.localIdentity, details.remoteIdentity && `→ ${details.remoteIdentity}`));
  show('address', details.virtualAddresses.join(', '));
  show('DNS', details.dns.join(', '));
  show('sealed', details.protectedPrefixes.join(', '));
  const uncarried = details.uncarriedPrefixes?.join(', ');
  show('blocked', uncarried && `(not carried by the gateway) ${uncarried}`);
  show(
    'ESP',
    joined(details.espAlgorithm, encapsulation(details.espEncapsulation), rekey(details.childRekeyAt, now)),
  );
  show('IKE', joined(details.ikeProposal, rekey(details.ikeRekeyAt, now)));
  show(
    'RTT',
    details.roundTripMilliseconds === undefined
      ? undefined
      : `${formatMilliseconds(details.roundTripMilliseconds)} to the gateway`,
  );
  show('adapter', joined(details.interfaceName, details.mtu && `MTU ${details.mtu}`));
  show('peers', details.peers?.toString());
  show('received', `${formatBytes(counters.bytesIn)} in ${formatCount(counters.packetsIn)} packets`);
  show('sent', `${formatBytes(counters.bytesOut)} in ${formatCount(counters.packetsOut)} packets`);
  return lines;
}

function joined(...parts: readonly (string | number | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '' && part !== 0).join(' ');
}

function parenthesised(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `(${text})`;
}

export function encapsulation(kind: 'udp' | 'native' | undefined): string | undefined {
  return kind === undefined ? undefined : kind === 'udp' ? 'in UDP' : 'as IP protocol 50';
}

function rekey(at: number | undefined, now: number): string | undefined {
  return at === undefined ? undefined : `(rekeys in ${formatDuration(at - now)})`;
}
