// Opening a compartment by asking: which protectors can be used now, and whom they are asked of.
import { ControlError } from '../../control/failure.ts';
import { readCardParameters } from '../../keys/vault/card-protector.ts';
import type { ProtectorSecret } from '../../keys/vault/protectors.ts';
import { idText, type Protector, type StoredCompartment } from '../../keys/vault/record.ts';
import { VaultError } from '../../keys/vault/vault-error.ts';
import type { SecretMemory } from '../keying/secret-memory.ts';
import type { Prompts } from '../prompts/prompts.ts';
import { type Asking, type CardUnlocker, refusal } from './card-unlocker.ts';
import type { SystemKeys } from './system-keys.ts';
import type { VaultSession } from './vault-session.ts';

export interface UnlockingParts {
  readonly memory: SecretMemory;
  readonly prompts: Prompts;
  readonly systemKeys: SystemKeys;
  readonly cards: CardUnlocker | undefined;
}

/** Opens what the system's own keys open, without asking anybody; it belongs to root then. */
export async function unlockBySystem(parts: UnlockingParts, session: VaultSession): Promise<void> {
  for (const stored of session.content?.compartments ?? []) {
    if (session.isOpen(idText(stored.id)) !== undefined) continue;
    for (const protector of stored.protectors) {
      if (protector.type !== 'system') continue;
      const key = parts.systemKeys.read(idText(protector.id));
      if (key === undefined) continue;
      try {
        await session.unlock(stored, protector, { type: 'key', key }, 0);
      } finally {
        parts.memory.free(key);
      }
    }
  }
}

/**
 * Asks the owner for what opens the compartment: the PIN of a card that is in, a passphrase, or the card itself. Throws
 * ControlError prompt-cancelled or prompt-timed-out, VaultError "locked" where nothing of it can be asked, CardError.
 */
export async function unlockByAsking(
  parts: UnlockingParts,
  session: VaultSession,
  stored: StoredCompartment,
  asking: Asking,
): Promise<void> {
  for (const protector of inOrder(parts, stored)) {
    if (session.isOpen(idText(stored.id)) !== undefined) return;
    await askFor(parts, session, stored, protector, asking);
    if (stored.rule === 'any') return;
  }
  if (session.isOpen(idText(stored.id)) !== undefined) return;
  throw new VaultError('locked', `Nothing can be asked that would open "${stored.name}".`);
}

/** With the rule "any" the most convenient one first; the others are for the person to choose by vault.open. */
function inOrder({ cards }: UnlockingParts, { protectors }: StoredCompartment): readonly Protector[] {
  const rank = ({ type, parameters }: Protector) => {
    if (type === 'passphrase') return 1;
    if (type !== 'card' || cards === undefined) return 3;
    return cards.isIn(readCardParameters(parameters).card) ? 0 : 2;
  };
  return protectors.filter((protector) => rank(protector) < 3).sort((a, b) => rank(a) - rank(b));
}

async function askFor(
  parts: UnlockingParts,
  session: VaultSession,
  stored: StoredCompartment,
  protector: Protector,
  asking: Asking,
): Promise<void> {
  const { cards } = parts;
  if (protector.type === 'card' && cards !== undefined) {
    const { card } = readCardParameters(protector.parameters);
    await cards.insertion(card, protector.label, asking);
    const secret: ProtectorSecret = { type: 'card', card: cards.openerOf(card, asking) };
    const used = { id: card, isIn: () => cards.isIn(card) };
    await session.unlock(stored, protector, secret, asking.owner, used);
    return;
  }
  await askPassphrase(parts, session, stored, protector, asking);
}

async function askPassphrase(
  { prompts, memory }: UnlockingParts,
  session: VaultSession,
  stored: StoredCompartment,
  protector: Protector,
  { owner, vault, profile, signal }: Asking,
): Promise<void> {
  let failure: 'wrong' | undefined;
  for (;;) {
    const question = {
      kind: 'passphrase',
      owner,
      vault,
      ...(profile !== undefined && { profile }),
      identity: `${stored.name}: ${protector.label}`,
      ...(failure !== undefined && { failure }),
    } as const;
    const answer = await prompts.ask(question, signal);
    if (answer.outcome !== 'answered' || answer.answer === undefined) {
      throw refusal('passphrase', answer.outcome);
    }
    try {
      await session.unlock(stored, protector, { type: 'passphrase', passphrase: answer.answer }, owner);
      return;
    } catch (error) {
      if (!(error instanceof VaultError) || error.problem !== 'wrong-secret') throw error;
      failure = 'wrong';
    } finally {
      memory.free(answer.answer);
    }
  }
}

/** A refusal that a person made or let pass, as opposed to a fault. */
export function isRefusedPrompt(error: unknown): error is ControlError {
  if (!(error instanceof ControlError)) return false;
  return error.failure.code === 'prompt-cancelled' || error.failure.code === 'prompt-timed-out';
}
