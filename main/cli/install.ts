// Installs the service under systemd: its unit, the polkit action for administrators, and the group that may connect.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { englishOf } from '../control/english.ts';
import { ControlError } from '../control/failure.ts';
import { ownConnections } from './commands/connection.ts';
import { readReport } from './commands/doctor.ts';
import { polkitText } from './install/polkit.ts';
import { unitText } from './install/unit.ts';
import { serviceProgram } from './launcher.ts';
import type { CommandContext } from './terminal.ts';
import { wordsOf } from './words.ts';

const unitPath = '/etc/systemd/system/sealnic.service';
const polkitPath = '/usr/share/polkit-1/actions/org.sealnic.policy';
/** Where the AppImage's "Install service" copies it. */
const ownCopies = ['/usr/local/lib/sealnic', '/usr/local/bin/sealnic'] as const;
const profileDirectory = '/etc/sealnic/profiles';

/** `root`: write below this directory and start nothing (packages, tests). Gives the exit code. */
export async function installService(context: CommandContext, root: string | undefined): Promise<number> {
  const { terminal, launcher } = context;
  if (root === undefined && !isRoot(context)) return 4;
  const [program, ...programArguments] = serviceProgram();
  writeBelow(root, unitPath, unitText([program, ...programArguments]));
  writeBelow(root, polkitPath, polkitText);
  mkdirSync(join(root ?? '/', profileDirectory), { recursive: true, mode: 0o755 });
  if (root !== undefined) return 0;
  await launcher.runProgram('groupadd', ['--system', '--force', 'sealnic']);
  for (const step of [['daemon-reload'], ['enable', 'sealnic.service'], ['restart', 'sealnic.service']]) {
    const exitCode = await launcher.runProgram('systemctl', step);
    if (exitCode === 0) continue;
    terminal.writeError(
      `sealnic: systemctl ${step.join(' ')} failed; the unit is in ${unitPath}.\n` +
        '  Without systemd, run it yourself as root: sealnic service run\n',
    );
    return 1;
  }
  terminal.write(`The service runs, and starts at every boot. Profiles are in ${profileDirectory}.\n`);
  return 0;
}

/**
 * Ends the connections and the service and removes what installService wrote; with `keepFiles` a package does the
 * latter. Where protected traffic cannot be freed, nothing is removed: without the service there would be nothing left
 * to free it.
 */
export async function uninstallService(
  context: CommandContext,
  { root, keepFiles = false }: { readonly root?: string; readonly keepFiles?: boolean },
): Promise<number> {
  const { terminal, launcher } = context;
  if (root === undefined) {
    if (!isRoot(context)) return 4;
    const problem = await freeComputer(context);
    if (problem !== undefined) {
      terminal.writeError(
        `sealnic: ${problem}, so nothing is removed.\n` +
          '  Try: sealnic down, or without a service: sealnic doctor --repair\n',
      );
      return 1;
    }
    await launcher.runProgram('systemctl', ['disable', '--now', 'sealnic.service']);
  }
  if (keepFiles) return 0;
  rmSync(join(root ?? '/', unitPath), { force: true });
  rmSync(join(root ?? '/', polkitPath), { force: true });
  if (serviceProgram()[0].startsWith(`${ownCopies[0]}/`)) {
    for (const copy of ownCopies) rmSync(join(root ?? '/', copy), { recursive: true, force: true });
  }
  if (root === undefined) await launcher.runProgram('systemctl', ['daemon-reload']);
  terminal.write(
    `The service is removed. Profiles stay in ${profileDirectory}, secrets in /var/lib/sealnic.\n`,
  );
  return 0;
}

/** Lifts every block, with the service or, where it is dead, without it. Gives what stands in the way. */
async function freeComputer(context: CommandContext): Promise<string | undefined> {
  const { terminal } = context;
  let connection = '';
  try {
    await context.withService(async (client) => {
      for (const profile of await ownConnections(client)) {
        connection = profile;
        await client.call('connection.down', { profile });
        terminal.write(`${profile}: disconnected\n`);
      }
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.failure.code !== 'no-service') {
      const { what } = wordsOf(error.failure);
      return `${connection === '' ? 'The connections' : connection} could not be ended (${what.replace(/\.$/, '')})`;
    }
  }
  const { exitCode, output } = await context.launcher.runTask(['--repair']);
  const repaired = exitCode === 0 ? readReport(output)?.repaired : undefined;
  if (repaired === undefined) return 'What a dead service left behind could not be undone';
  for (const change of repaired) terminal.write(`undone: ${englishOf(change)}\n`);
  return undefined;
}

function isRoot(context: CommandContext): boolean {
  if (process.geteuid?.() === 0) return true;
  context.terminal.writeError('sealnic: This needs root.\n  Run the command with sudo.\n');
  return false;
}

function writeBelow(root: string | undefined, path: string, text: string): void {
  const target = join(root ?? '/', path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  writeFileSync(target, text, { mode: 0o644 });
}
