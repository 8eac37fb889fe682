// The user's own filter rows: kept in filter.toml, known by an id for as long as the service runs.
import type { FilterRowText } from '../../engine/policy/row.ts';
import { loadFilter, storeFilter } from '../configuration/filter-file.ts';

export interface UserRow {
  /** "filter-1", "filter-2", …: given in the order in which the rows were first seen, never again. */
  readonly id: string;
  readonly row: FilterRowText;
  /** "vault NAME" for a row that an open vault brings; it cannot be removed here. */
  readonly origin?: string;
}

export class UserFilter {
  readonly #path: string;
  #inVaults: readonly UserRow[] = [];
  #rows: readonly UserRow[];
  #given = 0;

  /** Reads the file; an absent one has no rows. Throws InvalidFileError. */
  constructor(path: string) {
    this.#path = path;
    this.#rows = loadFilter(path).map((row) => ({ id: this.#nextId(), row }));
  }

  /** The user's own, and those of open vaults. */
  get rows(): readonly UserRow[] {
    return [...this.#rows, ...this.#inVaults];
  }

  /** What open vaults bring; they stand after the user's own. False where they are the same as before. */
  setVaultRows(rows: readonly UserRow[]): boolean {
    if (JSON.stringify(rows) === JSON.stringify(this.#inVaults)) return false;
    this.#inVaults = rows;
    return true;
  }

  /** Puts a row at `position` among the user's rows (from 0; undefined: last) and stores the file. */
  add(row: FilterRowText, position: number | undefined): UserRow {
    const added = { id: this.#nextId(), row };
    const at = Math.min(position ?? this.#rows.length, this.#rows.length);
    this.#store([...this.#rows.slice(0, at), added, ...this.#rows.slice(at)]);
    return added;
  }

  /** Another text under the same id and in the same place. False where there is no such row. */
  replace(id: string, row: FilterRowText): boolean {
    const at = this.#rows.findIndex((each) => each.id === id);
    if (at < 0) return false;
    this.#store(this.#rows.with(at, { id, row }));
    return true;
  }

  /** The row stands at `position` among the user's rows then (from 0; beyond the last: last). False: no such row. */
  move(id: string, position: number): boolean {
    const moved = this.#rows.find((each) => each.id === id);
    if (moved === undefined) return false;
    const rest = this.#rows.filter((each) => each !== moved);
    this.#store(rest.toSpliced(position, 0, moved));
    return true;
  }

  /** False where there is no such row. */
  remove(id: string): boolean {
    const rest = this.#rows.filter((row) => row.id !== id);
    if (rest.length === this.#rows.length) return false;
    this.#store(rest);
    return true;
  }

  #store(rows: readonly UserRow[]): void {
    storeFilter(
      this.#path,
      rows.map(({ row }) => row),
    );
    this.#rows = rows;
  }

  #nextId(): string {
    this.#given += 1;
    return `filter-${this.#given}`;
  }
}
