// Takes changes back on Linux, in few processes.
import { writeFileSync } from 'node:fs';
import { type DnsPlaces, restoreResolver, revertResolvedLink } from '../dns/linux.ts';
import { deleteTable } from '../firewall/linux.ts';
import type { JournalEntry, UndoStep } from '../journal/journal.ts';
import { undoIpChanges } from '../routes/linux.ts';
import type { UndoPlatform, UndoTask } from './undo.ts';

export function undoOnLinux(dns: DnsPlaces): UndoPlatform {
  return {
    outlivesBoot: (step) => step.kind === 'file',
    tasks: (due) => [
      ...([4, 6] as const).map((family) => undoBatch(due, family)),
      ...due
        .filter(({ step }) => step.kind !== 'ip')
        .map((entry): UndoTask => ({ entries: [entry], run: () => undoOne(entry.step, dns) })),
    ],
  };
}

function undoBatch(due: readonly JournalEntry[], family: 4 | 6): UndoTask {
  const entries = due.filter(({ step }) => step.kind === 'ip' && step.family === family);
  const lines = entries.flatMap(({ step }) => (step.kind === 'ip' ? [{ family, line: step.line }] : []));
  return {
    entries,
    async run() {
      await undoIpChanges(lines);
      return true;
    },
  };
}

/** Resolves to whether there was anything to take back. */
async function undoOne(step: UndoStep, dns: DnsPlaces): Promise<boolean> {
  switch (step.kind) {
    case 'firewall-table':
      await deleteTable(step.family, step.name);
      return true;
    case 'kernel-setting':
      writeFileSync(step.path, step.value);
      return true;
    case 'file':
      return restoreResolver(step.path, step.before, step.marker);
    case 'resolved-link':
      await revertResolvedLink(dns, step.interfaceName);
      return true;
    default:
      throw new Error(`The journal names a change that is none of Linux: ${step.kind}.`);
  }
}
