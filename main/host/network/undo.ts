// Takes changes back as the journal says, on any platform, and tells what it did.
import type { Journal, JournalEntry, UndoStep } from '../journal/journal.ts';
import type { ChangeMessage } from '../messages.ts';
import { UndoError } from '../network.ts';

/** Entries that are taken back together: all of them, or none. */
export interface UndoTask {
  readonly entries: readonly JournalEntry[];
  /** Resolves to whether there was anything to take back. */
  run(): Promise<boolean>;
}

export interface UndoPlatform {
  /** Whether a change is still there after a restart of the computer. */
  outlivesBoot(step: UndoStep): boolean;
  /** `due` is sorted, newest first; the tasks run at the same time. */
  tasks(due: readonly JournalEntry[]): readonly UndoTask[];
}

/**
 * Takes the entries back, newest first, and strikes them out. Returns what each was. What another entry stands for
 * too stays; of an earlier boot, what does not outlive one has gone with it. Throws UndoError.
 */
export async function undoEntries(
  journal: Journal,
  entries: readonly JournalEntry[],
  platform: UndoPlatform,
): Promise<ChangeMessage[]> {
  const ids = new Set(entries.map(({ id }) => id));
  const due = entries
    .filter(({ boot, step }) => boot === journal.boot || platform.outlivesBoot(step))
    .filter((entry) => !journal.heldByOthers(entry, ids))
    .sort((one, other) => other.id - one.id);
  const undone: ChangeMessage[] = [];
  const failures: string[] = [];
  const kept = new Set<number>();
  const attempt = async (task: UndoTask) => {
    try {
      if (await task.run()) undone.push(...task.entries.map(({ step }) => describe(step)));
    } catch (error) {
      failures.push(error instanceof Error ? error.message : `${error}`);
      for (const { id } of task.entries) kept.add(id);
    }
  };
  await Promise.all(platform.tasks(due).map(attempt));
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
    case 'interface-dns':
      return { code: 'change-name-servers', link: step.interfaceName };
    case 'interface-address':
      return { code: 'change-address', link: step.interfaceName, address: step.address };
    case 'interface-route':
      return { code: 'change-route', link: step.interfaceName, prefix: step.prefix };
    case 'blocked-route':
      return { code: 'change-blocked-route', prefix: step.prefix };
    case 'name-policy':
      return { code: 'change-name-policy', path: step.path };
  }
}
