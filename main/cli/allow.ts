// Lets a user connect and disconnect: makes them a member of the group whose members may. The service sees it at once.
import { exitCodes } from '../control/failure.ts';
import { type CommandContext, UsageError } from './terminal.ts';

const group = 'sealnic';

/** Needs root. Gives the exit code. */
export async function allowUser({ terminal, launcher }: CommandContext, user: string): Promise<number> {
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.@-]{0,63}\$?$/u.test(user))
    throw new UsageError(`"${user}" is no user's name`);
  if (process.geteuid?.() !== 0) {
    terminal.writeError('sealnic: This needs root.\n  Run the command with sudo.\n');
    return exitCodes.refused;
  }
  await launcher.runProgram('groupadd', ['--system', '--force', group]);
  const exitCode = await launcher.runProgram('usermod', ['--append', '--groups', group, user]);
  if (exitCode !== 0) {
    terminal.writeError(`sealnic: ${user} could not be made a member of the group "${group}".\n`);
    return exitCodes.failed;
  }
  terminal.write(`${user} may connect and disconnect from now on.\n`);
  return exitCodes.done;
}
