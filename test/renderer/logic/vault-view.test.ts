// The states of vaults in words, where a secret can go, and secrets by where they lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeySummary, VaultSummary } from '../../../main/control/vault-values.ts';
import {
  canBeAccepted,
  openPlaces,
  problemOf,
  secretGroups,
  vaultState,
} from '../../../renderer/logic/vault-view.ts';

function compartment(name: string, open: boolean): VaultSummary['compartments'][number] {
  return { name, kind: 'ordinary', rule: 'any', open, protectors: [] };
}

function vault(changes: Partial<VaultSummary> = {}): VaultSummary {
  return {
    id: 'a'.repeat(32),
    name: 'Travel',
    owner: 1000,
    default: false,
    removable: false,
    present: true,
    wanted: false,
    compartments: [compartment('secrets', false)],
    ...changes,
  };
}

const gone = { present: false, compartments: [] };
const problem = (name: NonNullable<VaultSummary['problem']>['problem']) => ({
  problem: { problem: name, detail: '' },
});

test('open, partly open and locked are told by the compartments', () => {
  const both = [compartment('a', true), compartment('b', false)];
  assert.equal(vaultState(vault()), 'locked');
  assert.equal(vaultState(vault({ compartments: [compartment('a', true)] })), 'open');
  assert.equal(vaultState(vault({ compartments: both })), 'partly-open');
});

test('a medium that is out is no problem, a file that is gone is one', () => {
  const out = vault({ ...gone, removable: true, ...problem('missing') });
  assert.equal(vaultState(out), 'absent');
  assert.equal(problemOf(out), undefined);
  const deleted = vault({ ...gone, ...problem('missing') });
  assert.equal(vaultState(deleted), 'problem');
  assert.equal(problemOf(deleted)?.problem, 'missing');
});

test('what is open stays so beside a complaint, and the complaint is told', () => {
  const doubled = vault({
    removable: true,
    compartments: [compartment('a', true)],
    ...problem('duplicate'),
  });
  assert.equal(vaultState(doubled), 'open');
  assert.equal(problemOf(doubled)?.problem, 'duplicate');
});

test('only an older copy and new signers can be accepted', () => {
  const acceptable = (['rolled-back', 'signer-changed', 'damaged', 'forged'] as const).filter((name) =>
    canBeAccepted(vault({ ...gone, ...problem(name) })),
  );
  assert.deepEqual(acceptable, ['rolled-back', 'signer-changed']);
});

test('secrets stand by compartment, those of a medium that is out too, the files of the service last', () => {
  const key = (name: string, of: string): KeySummary => ({
    kind: 'psk',
    name,
    vault: of,
    compartment: 'secrets',
    open: false,
    usedBy: [],
  });
  const vaults = [vault({ compartments: [compartment('secrets', true)] }), vault({ name: 'Stick', ...gone })];
  const file = { name: 'old', kind: 'psk', owner: 0, storedAt: 1, usedBy: [] } as const;
  const groups = secretGroups(
    vaults,
    [key('office', 'Travel'), key('branch', 'Stick')],
    [{ ...file, usedBy: [] }],
  );
  assert.deepEqual(
    groups.map(({ place, open, lines }) => [place?.vault, open, lines.map(({ name }) => name)]),
    [
      ['Travel', true, ['office']],
      ['Stick', false, ['branch']],
      [undefined, true, ['old']],
    ],
  );
  assert.deepEqual(openPlaces(vaults), [{ vault: 'Travel', compartment: 'secrets' }]);
});
