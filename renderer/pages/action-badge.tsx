// PROTECT, BYPASS, DISCARD as shape and word. The words are those of RFC 4301; what they mean stands in their title.
import type { FilterRow } from '../../main/control/values.ts';
import { Badge, type BadgeTone } from '../components/badge.tsx';
import { useWords } from '../state/words.ts';

const tones: Readonly<Record<FilterRow['action'], BadgeTone>> = {
  PROTECT: 'good',
  BYPASS: 'idle',
  DISCARD: 'bad',
};

export function ActionBadge({ action }: { readonly action: FilterRow['action'] }) {
  const { say } = useWords();
  return (
    <span title={say(`action-meaning.${action}`)}>
      <Badge tone={tones[action]}>{action}</Badge>
    </span>
  );
}
