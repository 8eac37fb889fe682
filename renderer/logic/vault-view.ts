// What the page of keys says of vaults: their states, what can be done about them, and where a secret may go.

import type { SecretSummary } from '../../main/control/values.ts';
import type { KeySummary, VaultSummary } from '../../main/control/vault-values.ts';

export type Compartment = VaultSummary['compartments'][number];

/** Tones of their badges. */
export const vaultTones = {
  open: 'good',
  'partly-open': 'busy',
  locked: 'idle',
  absent: 'idle',
  problem: 'bad',
} as const;
export type VaultState = keyof typeof vaultTones;

/** A medium that is out is no problem: it comes back. */
export function vaultState({ present, problem, removable, compartments }: VaultSummary): VaultState {
  if (!present)
    return removable && (problem === undefined || problem.problem === 'missing') ? 'absent' : 'problem';
  const open = compartments.filter((each) => each.open).length;
  if (open === 0) return problem === undefined ? 'locked' : 'problem';
  return open === compartments.length ? 'open' : 'partly-open';
}

/** Present with anything but a medium that is out. */
export function problemOf(vault: VaultSummary): NonNullable<VaultSummary['problem']> | undefined {
  return vaultState(vault) === 'absent' ? undefined : vault.problem;
}

/** An administrator may take what the file holds now. */
export function canBeAccepted({ problem }: VaultSummary): boolean {
  return problem?.problem === 'rolled-back' || problem?.problem === 'signer-changed';
}

/** Those that the app and the command give by themselves say no more than the type does. */
const plainLabels = new Set([
  'passphrase',
  'keychain',
  'system',
  'this computer',
  'recovery',
  'recovery code',
  'card',
]);

export function hasOwnLabel({ label }: Compartment['protectors'][number]): boolean {
  return !plainLabels.has(label);
}

/** Where something can be put now. */
export interface Place {
  readonly vault: string;
  readonly compartment: string;
}

export function openPlaces(vaults: readonly VaultSummary[]): readonly Place[] {
  return vaults.flatMap(({ name, compartments }) =>
    compartments.filter(({ open }) => open).map((each) => ({ vault: name, compartment: each.name })),
  );
}

/** One secret of the list: in a compartment, or in the service's files. */
export interface SecretLine {
  readonly name: string;
  readonly kind: KeySummary['kind'];
  readonly storedAt: number | undefined;
  readonly usedBy: readonly string[];
}

export interface SecretGroup {
  /** undefined: the service's files. */
  readonly place: Place | undefined;
  readonly open: boolean;
  readonly lines: readonly SecretLine[];
}

/** By compartment, in the order of the vaults; the service's files come last, and only where they hold something. */
export function secretGroups(
  vaults: readonly VaultSummary[],
  keys: readonly KeySummary[],
  files: readonly SecretSummary[],
): readonly SecretGroup[] {
  const groups = vaults.flatMap(({ name: vault, compartments }) =>
    compartments.map(({ name: compartment, open }): SecretGroup => {
      const lines = keys.filter((each) => each.vault === vault && each.compartment === compartment);
      return { place: { vault, compartment }, open, lines: lines.map(lineOf) };
    }),
  );
  // Of a medium that is out only the names are known.
  const known = new Set(groups.map(({ place }) => `${place?.vault}/${place?.compartment}`));
  for (const key of keys) {
    const id = `${key.vault}/${key.compartment}`;
    if (known.has(id)) continue;
    known.add(id);
    const lines = keys.filter(({ vault, compartment }) => `${vault}/${compartment}` === id).map(lineOf);
    groups.push({ place: { vault: key.vault, compartment: key.compartment }, open: false, lines });
  }
  if (files.length === 0) return groups;
  return [...groups, { place: undefined, open: true, lines: files.map(lineOf) }];
}

function lineOf({ name, kind, storedAt, usedBy }: KeySummary | SecretSummary): SecretLine {
  return { name, kind, storedAt, usedBy };
}
