// Takes changes back as the journal says, in few processes, and tells what it did.
import { writeFileSync } from 'node:fs';
import { type DnsPlaces, restoreResolver, revertResolvedLink } from '../dns/linux.ts';
import { deleteTable } from '../firewall/linux.ts';
import type { Journal, JournalEntry, UndoStep } from '../journal/journal.ts';
import type { ChangeMessage } from '../messages.ts';
import { UndoError } from '../network.ts';
import { undoIpChanges } from '../routes/linux.ts';

/**
 * Takes the entries back, newest first, and strikes them out. Returns what each was. What another entry stands for
 * too stays; of an earlier boot only files are left to be taken back. Throws UndoError.
 */
export async function undoEntries(
  journal: Journal,
  entries: readonly JournalEntry[],
  dns: DnsPlaces,
): Promise<ChangeMessage[]> {
  const ids = new Set(entries.map(({ id }) => id));
  const due = entries
    .filter((entry) => entry.boot === journal.boot || entry.step.kind === 'file')
    .filter((entry) => !journal.heldByOthers(entry, ids))
    .sort((one, other) => other.id - one.id);
  const undone: ChangeMessage[] = [];
  const failures: string[] = [];
  const kept = new Set<number>();
  const attempt = async (group: readonly JournalEntry[], work: () => Promise<boolean>) => {
    try {
      if (await work()) undone.push(...group.map(({ step }) => describe(step)));
    } catch (error) {
      failures.push(error instanceof Error ? error.message : `${error}`);
      for (const { id } of group) kept.add(id);
    }
  };

  const ipEntries = due.filter(({ step }) => step.kind === 'ip');
  await Promise.all([
    ...([4, 6] as const).map((family) => {
      const batch = ipEntries.filter(({ step }) => step.kind === 'ip' && step.family === family);
      const lines = batch.flatMap(({ step }) => (step.kind === 'ip' ? [{ family, line: step.line }] : []));
      return attempt(batch, async () => {
        await undoIpChanges(lines);
        return true;
      });
    }),
    ...due
      .filter(({ step }) => step.kind !== 'ip')
      .map((entry) => attempt([entry], () => undoOne(entry.step, dns))),
  ]);

  journal.finish(entries.map(({ id }) => id).filter((id) => !kept.has(id)));
  if (failures.length > 0)
    throw new UndoError(`Not everything could be undone: ${failures.join(' ')}`, undone);
  return undone;
}

/** What a person is told about a step. */
export function describe(step: UndoStep): ChangeMessage {
  switch (step.kind) {
    case 'ip':
      return { code: 'change-ip', family: step.family, line: step.line.replace(' del ', ' ') };
    case 'firewall-table':
      return { code: 'change-firewall-table', family: step.family, name: step.name };
    case 'kernel-setting':
      return { code: 'change-setting', path: step.path, value: step.value.trim() };
    case 'file':
      return { code: 'change-file', path: step.path };
    case 'resolved-link':
      return { code: 'change-name-servers', link: step.interfaceName };
  }
}

/** Returns whether there was anything to take back. */
async function undoOne(step: UndoStep, dns: DnsPlaces): Promise<boolean> {
  switch (step.kind) {
    case 'ip':
      await undoIpChanges([{ family: step.family, line: step.line }]);
      return true;
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
  }
}
