// The state of a connection as shape and word, alike on every page.
import { Badge, type BadgeTone } from '../components/badge.tsx';
import type { ShownState } from '../logic/connection-view.ts';
import { useWords } from '../state/words.ts';

const tones: Readonly<Record<ShownState, BadgeTone>> = {
  disconnected: 'idle',
  connecting: 'busy',
  connected: 'good',
  reconnecting: 'busy',
  failed: 'warning',
  blocked: 'bad',
  invalid: 'warning',
};

export function toneOf(state: ShownState): BadgeTone {
  return tones[state];
}

export function StateBadge({ state }: { readonly state: ShownState }) {
  const { say } = useWords();
  return <Badge tone={toneOf(state)}>{say(`state.${state}`)}</Badge>;
}
