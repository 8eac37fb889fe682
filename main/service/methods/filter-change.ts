// `filter add|replace|move|remove`: changes to the user's own rows. Each is stored, and in force when the call resolves,
// for packets of conversations that go on too.
import { ControlError } from '../../control/failure.ts';
import type { MethodParameters } from '../../control/schema.ts';
import { FilterRowError, parseRow } from '../../engine/policy/parse-row.ts';
import type { FilterRowText } from '../../engine/policy/row.ts';
import { namesOf } from '../filter/names.ts';
import type { FilterParts } from './filter.ts';

/** Throws ControlError row-invalid. */
export async function addRow(
  parts: FilterParts,
  { row, position }: MethodParameters<'filter.add'>,
): Promise<{ id: string }> {
  await checkRow(parts, row);
  const { id } = parts.userFilter.add(row, position);
  await parts.tunnel.refresh();
  return { id };
}

/** Throws ControlError row-invalid, row-not-found or row-not-removable. */
export async function replaceRow(
  parts: FilterParts,
  { id, row }: MethodParameters<'filter.replace'>,
): Promise<void> {
  await checkRow(parts, row);
  if (!parts.userFilter.replace(id, row)) throw notOwn(parts, id);
  await parts.tunnel.refresh();
}

/** Throws ControlError row-not-found or row-not-removable. */
export async function moveRow(
  parts: FilterParts,
  { id, position }: MethodParameters<'filter.move'>,
): Promise<void> {
  if (!parts.userFilter.move(id, position)) throw notOwn(parts, id);
  await parts.tunnel.refresh();
}

/** Throws ControlError row-not-found or row-not-removable. */
export async function removeRow(parts: FilterParts, id: string): Promise<void> {
  if (!parts.userFilter.remove(id)) throw notOwn(parts, id);
  await parts.tunnel.refresh();
}

/** A name that stands for nothing at present is no mistake. */
async function checkRow({ host, profileExists }: FilterParts, row: FilterRowText): Promise<void> {
  try {
    parseRow(row, {
      origin: 'filter',
      names: namesOf(await host.terminal(), [], '', []),
      associationOf: (profile) => (profile !== undefined && profileExists(profile) ? 1 : undefined),
    });
  } catch (error) {
    if (!(error instanceof FilterRowError)) throw error;
    if (error.idle) return;
    throw new ControlError({ code: 'row-invalid', field: error.field, problem: error.problem });
  }
}

function notOwn({ tunnel }: FilterParts, id: string): ControlError {
  const row = tunnel.state.filter.table.rows.find((candidate) => candidate.id === id);
  return new ControlError(
    row === undefined ? { code: 'row-not-found', id } : { code: 'row-not-removable', id, origin: row.origin },
  );
}
