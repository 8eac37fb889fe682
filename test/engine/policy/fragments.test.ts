import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PacketView } from '../../../main/engine/packet/view.ts';
import { FragmentTable, fragmentTimeout } from '../../../main/engine/policy/fragments.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { packet } from './tables.ts';

function fragment(fields: Partial<PacketView> = {}): PacketView {
  const family = fields.family ?? 4;
  const view =
    family === 4
      ? packet({ from: '10.0.0.1', to: '10.0.0.2', protocol: 'udp' })
      : packet({ from: 'fd00::1', to: 'fd00::2', protocol: 'udp' });
  return Object.assign(view, { fragmentId: 7, isFragment: true }, fields);
}

function remembered(): FragmentTable {
  const fragments = new FragmentTable(64);
  const verdict = Object.assign(new Verdict(), {
    action: 'PROTECT',
    association: 9,
    row: 3,
    translate: true,
    replacement0: 1,
    replacement1: 2,
    replacement2: 3,
    replacement3: 4,
    replacementPort: 5,
  });
  for (const family of [4, 6] as const) {
    assert.equal(fragments.remember(fragment({ family }), 2, verdict, 1, 0), true);
  }
  return fragments;
}

test('the whole verdict comes back, but for the port, which only the first fragment has', () => {
  const verdict = new Verdict();
  assert.equal(remembered().recall(fragment(), 2, verdict, 1, fragmentTimeout), true);
  const { action, association, row, translate, replacementPort, reason, flow } = verdict;
  assert.deepEqual(
    [action, association, row, translate, replacementPort, reason, flow],
    ['PROTECT', 9, 3, true, -1, undefined, -1],
  );
  const { replacement0, replacement1, replacement2, replacement3 } = verdict;
  assert.deepEqual([replacement0, replacement1, replacement2, replacement3], [1, 2, 3, 4]);
});

test('a drop comes back with its reason', () => {
  const fragments = new FragmentTable();
  fragments.remember(fragment(), 0, Object.assign(new Verdict(), { reason: 'no-bypass-link' }), 1, 0);
  const verdict = new Verdict();
  fragments.recall(fragment(), 0, verdict, 1, 0);
  assert.equal(verdict.reason, 'no-bypass-link');
});

test('every part of the key tells packets apart; in IPv6 the protocol is no part of it', () => {
  const fragments = remembered();
  const known = (fields: Partial<PacketView>, channel = 2): boolean =>
    fragments.recall(fragment(fields), channel, new Verdict(), 1, 0);
  assert.equal(known({}), true);
  assert.equal(known({}, 1), false);
  assert.equal(known({ protocol: 6 }), false);
  assert.equal(known({ fragmentId: 8 }), false);
  assert.equal(known({ source0: 1 }), false);
  assert.equal(known({ destination0: 1 }), false);
  assert.equal(known({ family: 6 }), true);
  assert.equal(known({ family: 6, protocol: 60 }), true);
  for (const word of [
    'source1',
    'source2',
    'source3',
    'destination1',
    'destination2',
    'destination3',
  ] as const) {
    assert.equal(known({ family: 6, [word]: 99 }), false, word);
  }
});

test('an old entry, and one from before a new table, is not known', () => {
  const fragments = remembered();
  assert.equal(fragments.recall(fragment(), 2, new Verdict(), 1, fragmentTimeout + 1), false);
  assert.equal(fragments.recall(fragment(), 2, new Verdict(), 2, 0), false);
});
