// sealnic up, down, retry.
import type { Command } from 'commander';
import type { ControlClient } from '../../control/client.ts';
import { ControlError, exitCodes } from '../../control/failure.ts';
import type { Prompt } from '../../control/prompt-values.ts';
import type { ConnectionStatus } from '../../control/values.ts';
import { answeringPrompts } from '../prompting.ts';
import type { Runner } from '../runner.ts';
import { type CommandContext, print } from '../terminal.ts';

export function addConnectionCommands(program: Command, run: Runner): void {
  program
    .command('up')
    .argument('<profile>')
    .description('connect, and wait until traffic flows')
    .option('--no-wait', 'return at once; the service goes on connecting')
    .option('--keep-trying', 'go on trying in the background when the first attempt fails')
    .option('--secret-stdin', 'answer questions for passwords and PINs by the lines of standard input')
    .option('--store', 'have the service keep the answers, where it may')
    .action(run((context, profile: string, options: UpOptions) => up(context, profile, options)));
  program
    .command('down')
    .argument('[profile]', 'without it: all of your connections')
    .description('disconnect, and lift the block on protected traffic')
    .action(run((context, profile: string | undefined) => down(context, profile)));
  program
    .command('retry')
    .argument('<profile>')
    .description('try again now instead of after the waiting time')
    .action(run((context, profile: string) => retry(context, profile)));
}

interface UpOptions {
  readonly wait: boolean;
  readonly keepTrying?: true;
  readonly secretStdin?: true;
  readonly store?: true;
}

async function up(context: CommandContext, profile: string, options: UpOptions): Promise<number | undefined> {
  return await context.withService(async (client) => {
    const interrupted = Promise.withResolvers<undefined>();
    const stopListening = context.terminal.onInterrupt(() => interrupted.resolve(undefined));
    try {
      const status = await Promise.race([connecting(context, client, profile, options), interrupted.promise]);
      if (status === undefined) return await giveUp(context, client, profile);
      print(context, status, [connectedLine(context, status)]);
      return undefined;
    } catch (error) {
      throw await withWhatRemains(client, profile, error);
    } finally {
      stopListening();
    }
  });
}

/** Whoever does not wait answers nothing: the desktop app or `sealnic prompts answer` does. */
async function connecting(
  context: CommandContext,
  client: ControlClient,
  profile: string,
  { wait, keepTrying, secretStdin, store }: UpOptions,
): Promise<ConnectionStatus> {
  const call = () =>
    client.call('connection.up', { profile, wait, ...(keepTrying === true && { keepTrying }) });
  if (!wait) return await call();
  const prompting = {
    concerns: (prompt: Prompt) => prompt.profile === profile,
    fromInput: secretStdin === true,
    store: store === true,
  };
  return await answeringPrompts(context, client, prompting, call);
}

/** Whoever interrupts the command does not want the connection any more. */
async function giveUp(context: CommandContext, client: ControlClient, profile: string): Promise<number> {
  await client.call('connection.down', { profile });
  context.terminal.writeError(`sealnic: Interrupted; ${profile} is disconnected again.\n`);
  return exitCodes.failed;
}

/** An error of `up`, and what the state is that it leaves behind. */
export class UpError extends ControlError {
  readonly remains: string;

  constructor(cause: ControlError, remains: string) {
    super(cause.failure);
    this.remains = remains;
  }
}

/** An error whose usual advice does not fit the command. */
export class AdvisedError extends ControlError {
  readonly advice: string;

  constructor(cause: ControlError, advice: string) {
    super(cause.failure);
    this.advice = advice;
  }
}

async function withWhatRemains(client: ControlClient, profile: string, error: unknown): Promise<unknown> {
  if (!(error instanceof ControlError) || error.failure.code !== 'connection-failed') return error;
  try {
    const { connections } = await client.call('status', {});
    const left = connections.find((connection) => connection.profile === profile);
    if (left === undefined || left.state === 'disconnected') return error;
    const trying = left.state === 'failed' ? '' : 'The service goes on trying. ';
    const blocked =
      left.protectedTraffic === 'blocked' ? 'Protected traffic stays blocked until: ' : 'End it: ';
    return new UpError(error, `${trying}${blocked}sealnic down ${profile}`);
  } catch {
    return error;
  }
}

function connectedLine(context: CommandContext, status: ConnectionStatus): string {
  const { style } = context;
  const { details } = status;
  if (status.state !== 'connected') {
    const waiting = status.state === 'disconnected' ? 'connects when traffic needs it' : `${status.state} …`;
    return `${style.strong(status.profile)}: ${waiting}`;
  }
  const address = details?.virtualAddresses.join(', ') ?? '';
  const to = details?.gateway === undefined ? '' : ` to ${details.gateway}`;
  const as = address === '' ? '' : ` as ${address}`;
  const prefixes = details?.protectedPrefixes.join(', ') ?? '';
  const sealed = prefixes === '' ? '' : `; sealed: ${prefixes}`;
  return `${style.good('●')} ${style.strong(status.profile)}: connected${to}${as}${sealed}`;
}

async function down(context: CommandContext, profile: string | undefined): Promise<number | undefined> {
  return await context.withService(async (client) => {
    const profiles = profile === undefined ? await ownConnections(client) : [profile];
    const ended: string[] = [];
    for (const name of profiles) {
      await end(client, name);
      ended.push(name);
    }
    const lines =
      ended.length === 0 ? ['Nothing is connected.'] : ended.map((name) => `${name}: disconnected`);
    print(context, { disconnected: ended }, lines);
    return undefined;
  });
}

async function end(client: ControlClient, profile: string): Promise<void> {
  try {
    await client.call('connection.down', { profile });
  } catch (error) {
    if (!(error instanceof ControlError) || error.failure.code !== 'not-connected') throw error;
    throw new AdvisedError(error, 'See what is: sealnic status');
  }
}

/** Those of the user that are up or blocked; root's are all of them. */
export async function ownConnections(client: ControlClient): Promise<string[]> {
  const uid = process.getuid?.();
  const { connections } = await client.call('status', {});
  return connections
    .filter((connection) => connection.state !== 'disconnected' || connection.protectedTraffic === 'blocked')
    .filter((connection) => uid === 0 || connection.owner === uid)
    .map((connection) => connection.profile);
}

async function retry(context: CommandContext, profile: string): Promise<undefined> {
  await context.withService((client) => client.call('connection.retry', { profile }));
  print(context, {}, [`${profile}: trying again`]);
  return undefined;
}
