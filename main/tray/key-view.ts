// What the tray says of cards and vaults: a line for each card, and an entry for each vault that can be unlocked.

import type { Status } from '../control/values.ts';
import type { VaultSummary } from '../control/vault-values.ts';
import type { ServiceState } from './ipc.ts';
import type { Translate } from './text/translate.ts';
import type { MenuEntry } from './view.ts';

/** More than these stand in the window only. */
const mostVaults = 5;

/** Nothing where neither a card is in nor a profile wants one. */
export function keyLines(
  { status, profiles }: Extract<ServiceState, { service: 'present' }>,
  translate: Translate,
): readonly string[] {
  const { cards } = status;
  if (cards === undefined) return [];
  if (cards.cards.length > 0) {
    return cards.cards.map(({ label, usable }) =>
      translate.text(usable ? 'tray.card.in' : 'tray.card.unusable', { label }),
    );
  }
  const wanted = profiles.some(({ authentication }) => authentication === 'card');
  return wanted ? [translate.text(`tray.card.${cards.state}`)] : [];
}

/** Not while something is asked for already: the menu leads to that. */
export function unlockEntries(
  { vaults, prompts }: Pick<Status, 'vaults' | 'prompts'>,
  translate: Translate,
): readonly MenuEntry[] {
  const asked = new Set(prompts.map(({ vault }) => vault));
  return vaults
    .filter((vault) => isLocked(vault) && !asked.has(vault.name))
    .slice(0, mostVaults)
    .map(({ name }) => ({
      type: 'action',
      label: translate.text('tray.unlock', { vault: name }),
      action: { type: 'unlock', vault: name },
    }));
}

/** There is something in it that could be opened now. */
function isLocked({ present, problem, compartments }: VaultSummary): boolean {
  return present && problem === undefined && compartments.some(({ open }) => !open);
}
