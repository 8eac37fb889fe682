// Changes to the computer, each in the journal before it is made: what every platform's network configuration stands on.
import type { Journal, JournalEntry, JournalGroup, UndoStep } from '../journal/journal.ts';
import type { ChangeMessage } from '../messages.ts';
import { type UndoPlatform, undoEntries } from './undo.ts';

export class JournalledChanges {
  readonly #journal: Journal;
  readonly #platform: UndoPlatform;
  #queue: Promise<unknown> = Promise.resolve();
  #earlierBootsSettled = false;

  constructor(journal: Journal, platform: UndoPlatform) {
    this.#journal = journal;
    this.#platform = platform;
  }

  /** Work is carried out one after the other, in its order; what fails does not keep the next from being tried. */
  enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /**
   * Writes the steps down, makes the change, and takes back what the group no longer wants: what is new stands before
   * what is old goes, so that nothing is open in between. Resolves to what was taken back. Throws UndoError, and what
   * `make` throws.
   */
  async change(
    group: JournalGroup,
    steps: readonly UndoStep[],
    make: () => Promise<void> | void,
  ): Promise<readonly UndoStep[]> {
    await this.settleEarlierBoots();
    const stale = this.#journal.begin(group, steps);
    await make();
    if (stale.length > 0) await undoEntries(this.#journal, stale, this.#platform);
    return stale.map(({ step }) => step);
  }

  /** Takes back all that the groups have left, in whichever process it was made. Throws UndoError. */
  async undo(groups: readonly JournalGroup[]): Promise<ChangeMessage[]> {
    const settled = await this.settleEarlierBoots();
    const entries = groups.flatMap((group) => this.#journal.outstanding(group));
    if (entries.length === 0) return settled;
    return [...settled, ...(await undoEntries(this.#journal, entries, this.#platform))];
  }

  /** Most of what an earlier start of the computer left is gone with it; what is not is taken back. */
  async settleEarlierBoots(): Promise<ChangeMessage[]> {
    if (this.#earlierBootsSettled) return [];
    const entries: readonly JournalEntry[] = this.#journal
      .outstanding()
      .filter(({ boot }) => boot !== this.#journal.boot);
    const undone = entries.length > 0 ? await undoEntries(this.#journal, entries, this.#platform) : [];
    this.#earlierBootsSettled = true;
    return undone;
  }
}

/** What an `undo` takes back, DNS first: names are resolved as before while the rest goes. */
export function groupsToUndo(keepFailClosed: boolean): readonly JournalGroup[] {
  return keepFailClosed ? ['dns', 'tunnel'] : ['dns', 'tunnel', 'fail-closed'];
}
