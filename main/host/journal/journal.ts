// What was changed on this computer, on disk before it is changed, so that a later process can undo it.
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Changes that are made and taken back together. */
export type JournalGroup = 'fail-closed' | 'tunnel' | 'dns';

/** How to take one change back. */
export type UndoStep =
  /** A line for `ip -batch`: "rule del …". */
  | { readonly kind: 'ip'; readonly family: 4 | 6; readonly line: string }
  | { readonly kind: 'firewall-table'; readonly family: 'inet' | 'arp'; readonly name: string }
  /** `path` is absolute, `value` what was there. */
  | { readonly kind: 'kernel-setting'; readonly path: string; readonly value: string }
  /** Taken back only while the file still begins with `marker`: else someone else has written it since. */
  | { readonly kind: 'file'; readonly path: string; readonly before: FileImage; readonly marker: string }
  | { readonly kind: 'resolved-link'; readonly interfaceName: string }
  /** With prefix length. */
  | { readonly kind: 'interface-address'; readonly interfaceName: string; readonly address: string }
  /** Without a next hop the destinations are on the link. */
  | {
      readonly kind: 'interface-route';
      readonly interfaceName: string;
      readonly prefix: string;
      readonly nextHop?: string;
    }
  /** A route that leads nowhere, so that the destination is shut. */
  | { readonly kind: 'blocked-route'; readonly prefix: string }
  /** Name servers of an interface; `guid` as the registry writes it: "{…}". */
  | { readonly kind: 'interface-dns'; readonly interfaceName: string; readonly guid: string }
  /** A key of the registry that says who is asked for which names, below HKEY_LOCAL_MACHINE. */
  | { readonly kind: 'name-policy'; readonly path: string };

/** A file as it was: to the byte, with mode, owner and times, or the target of a symbolic link. */
export type FileImage =
  | { readonly type: 'absent' }
  | { readonly type: 'link'; readonly target: string }
  | {
      readonly type: 'file';
      readonly contentBase64: string;
      readonly mode: number;
      readonly userId: number;
      readonly groupId: number;
      readonly modifiedMilliseconds: number;
    };

export interface JournalEntry {
  readonly id: number;
  readonly group: JournalGroup;
  /** Which start of the computer it belongs to: most changes do not survive the next one. */
  readonly boot: string;
  readonly step: UndoStep;
}

/**
 * JSON lines: an entry before the change, `{"undone":[ids]}` after it was taken back. A last line that is cut off is
 * of a change that was never made.
 */
export class Journal {
  readonly path: string;
  readonly boot: string;
  readonly #entries = new Map<number, JournalEntry>();
  #nextId = 1;

  /** Reads what an earlier process left. `boot` identifies this start of the computer. */
  constructor(path: string, boot: string) {
    this.path = path;
    this.boot = boot;
    for (const line of readLines(path)) this.#replay(line);
  }

  /** What was done and not undone, oldest first. */
  outstanding(group?: JournalGroup): JournalEntry[] {
    return [...this.#entries.values()].filter((entry) => group === undefined || entry.group === group);
  }

  /**
   * Writes down the changes that are about to be made; those that stand there already are not written again. Returns
   * the entries of the group that are no longer wanted. When it returns the lines are on the disk.
   */
  begin(group: JournalGroup, steps: readonly UndoStep[]): JournalEntry[] {
    const known = this.outstanding(group).filter((entry) => entry.boot === this.boot);
    const knownKeys = new Set(known.map((entry) => stepKey(entry.step)));
    const wantedKeys = new Set(steps.map(stepKey));
    const added: JournalEntry[] = [];
    for (const step of steps) {
      const key = stepKey(step);
      if (knownKeys.has(key)) continue;
      knownKeys.add(key);
      added.push({ id: this.#nextId, group, boot: this.boot, step });
      this.#nextId += 1;
    }
    this.#append(added);
    for (const entry of added) this.#entries.set(entry.id, entry);
    return known.filter((entry) => !wantedKeys.has(stepKey(entry.step)));
  }

  /** Whether another entry than these stands for the same change, so that it has to stay. */
  heldByOthers(entry: JournalEntry, among: ReadonlySet<number>): boolean {
    const key = stepKey(entry.step);
    return [...this.#entries.values()].some(
      (other) => !among.has(other.id) && other.boot === entry.boot && stepKey(other.step) === key,
    );
  }

  finish(ids: readonly number[]): void {
    if (ids.length === 0) return;
    for (const id of ids) this.#entries.delete(id);
    if (this.#entries.size === 0) this.#clear();
    else this.#append([{ undone: ids }]);
  }

  #replay(line: string): void {
    const value = parseLine(line);
    if (value === undefined) return;
    if ('undone' in value) {
      for (const id of value.undone) this.#entries.delete(id);
      return;
    }
    this.#entries.set(value.id, value);
    this.#nextId = Math.max(this.#nextId, value.id + 1);
  }

  #append(values: readonly object[]): void {
    if (values.length === 0) return;
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const file = openSync(this.path, 'a', 0o600);
    try {
      // A line feed first: an earlier line may have been cut off.
      writeSync(file, `\n${values.map((value) => JSON.stringify(value)).join('\n')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  #clear(): void {
    const file = openSync(this.path, 'r+');
    try {
      ftruncateSync(file, 0);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** What makes two changes the same one. A file is changed once, whatever is written into it then. */
export function stepKey(step: UndoStep): string {
  switch (step.kind) {
    case 'ip':
      return `ip ${step.family} ${step.line}`;
    case 'firewall-table':
      return `firewall-table ${step.family} ${step.name}`;
    case 'kernel-setting':
    case 'file':
      return `${step.kind} ${step.path}`;
    case 'resolved-link':
      return `resolved-link ${step.interfaceName}`;
    case 'interface-address':
      return `${step.kind} ${step.interfaceName} ${step.address}`;
    case 'interface-route':
      return `${step.kind} ${step.interfaceName} ${step.prefix} ${step.nextHop ?? ''}`;
    case 'blocked-route':
      return `${step.kind} ${step.prefix}`;
    case 'interface-dns':
      return `${step.kind} ${step.guid}`;
    case 'name-policy':
      return `${step.kind} ${step.path}`;
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function parseLine(line: string): JournalEntry | { readonly undone: readonly number[] } | undefined {
  if (line === '') return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is JournalEntry | { readonly undone: readonly number[] } {
  if (typeof value !== 'object' || value === null) return false;
  if ('undone' in value) return Array.isArray(value.undone);
  return (
    'id' in value && typeof value.id === 'number' && 'step' in value && 'group' in value && 'boot' in value
  );
}
