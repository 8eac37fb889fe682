// How a platform's checks say what they found.
import type { JournalEntry } from '../journal/journal.ts';
import type { AdviceMessage, ChangeMessage, CheckMessage } from '../messages.ts';
import { describe } from '../network/undo.ts';
import type { HostFinding } from '../network.ts';

export function good(code: string, message: CheckMessage): HostFinding {
  return { code, severity: 'good', message, repairable: false };
}

export function problem(code: string, message: CheckMessage, advice: AdviceMessage): HostFinding {
  return { code, severity: 'problem', message, advice, repairable: false };
}

export function repairable(
  code: string,
  message: CheckMessage,
  changes: readonly ChangeMessage[] = [],
): HostFinding {
  return { code, severity: 'problem', message, repairable: true, ...(changes.length > 0 && { changes }) };
}

/** `leftOver`: changes that nobody wants any more. */
export function checkJournal(leftOver: readonly JournalEntry[]): HostFinding {
  const code = 'leftover-changes';
  if (leftOver.length === 0) return good(code, { code: 'nothing-left' });
  const changes = leftOver.slice(0, mostChanges).map(({ step }) => describe(step));
  return repairable(code, { code: 'changes-left', count: leftOver.length }, changes);
}

/** So many are told one by one. */
const mostChanges = 10;
