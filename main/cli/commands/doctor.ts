// sealnic doctor: what is amiss on this computer, and its repair; also when the service is dead.
import type { Command } from 'commander';
import { z } from 'zod';
import { englishOf } from '../../control/english.ts';
import { ControlError } from '../../control/failure.ts';
import { messageSchema } from '../../control/messages.ts';
import { type Finding, findingSchema } from '../../control/values.ts';
import type { Runner } from '../runner.ts';
import type { Style } from '../style.ts';
import { type CommandContext, print } from '../terminal.ts';
import { writeBundle } from './bundle.ts';

export function addDoctorCommand(program: Command, run: Runner): void {
  program
    .command('doctor')
    .description('find out what is amiss on this computer')
    .option('--repair', 'undo what an earlier process left behind')
    .option('--bundle <file>', 'write what helps others to help, without secrets and names, as a ZIP archive')
    .action(
      run((context, options: { repair?: true; bundle?: string }) =>
        options.bundle === undefined
          ? doctor(context, options.repair === true)
          : writeBundle(context, options.bundle),
      ),
    );
}

const reportSchema = z.object({
  repaired: z.array(messageSchema).optional(),
  findings: z.array(findingSchema),
});
type Report = z.infer<typeof reportSchema>;

async function doctor(context: CommandContext, repair: boolean): Promise<number> {
  const report = await examine(context, repair);
  const problems = report.findings.filter((finding) => finding.severity === 'problem').length;
  print(context, report, reportLines(report, context.style));
  return problems === 0 ? 0 : 1;
}

async function examine(context: CommandContext, repair: boolean): Promise<Report> {
  try {
    return await context.withService(
      async (client): Promise<Report> => await client.call(repair ? 'doctor.repair' : 'doctor.check', {}),
    );
  } catch (error) {
    if (!(error instanceof ControlError) || error.failure.code !== 'no-service') throw error;
    return await examineWithoutService(context, repair, error);
  }
}

/** The service's own program looks, in a process that ends when it has. */
async function examineWithoutService(
  context: CommandContext,
  repair: boolean,
  noService: ControlError,
): Promise<Report> {
  const task = await context.launcher.runTask([repair ? '--repair' : '--check']);
  const report = readReport(task.output);
  if (report === undefined) throw noService;
  const stopped: Finding = {
    code: 'service-not-running',
    severity: 'warning',
    message: { code: 'service-not-running' },
    repairable: false,
  };
  return { ...report, findings: [stopped, ...report.findings] };
}

/** What the task of the service's own program printed last; undefined where that is no report. */
export function readReport(output: string): Report | undefined {
  const lastLine = output.trim().split('\n').at(-1) ?? '';
  return reportSchema.safeParse(parsed(lastLine)).data;
}

function reportLines(report: Report, style: Style): string[] {
  const mark = { good: style.good('✓'), warning: style.warning('!'), problem: style.bad('✗') };
  const repaired = (report.repaired ?? []).map((change) => `${style.good('✓')} undone: ${englishOf(change)}`);
  const findings = report.findings.flatMap((finding) => [
    `${mark[finding.severity]} ${englishOf(finding.message)}`,
    ...(finding.changes ?? []).map((change) => `    ${englishOf(change)}`),
    ...adviceOf(finding).map((advice) => `    ${advice}`),
  ]);
  return repaired.length + findings.length === 0 ? ['All is well.'] : [...repaired, ...findings];
}

function adviceOf(finding: Finding): readonly string[] {
  if (finding.code === 'service-not-running') return ['Start it: systemctl start sealnic'];
  if (finding.advice !== undefined) return [englishOf(finding.advice)];
  return finding.repairable ? ['Run `sealnic doctor --repair`.'] : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
