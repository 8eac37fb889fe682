// The user's filter rows: what is stored is what is loaded, whatever the texts, and wrong rows are named.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FilterRowText } from '../../../main/engine/policy/row.ts';
import {
  formatFilter,
  loadFilter,
  parseFilter,
  storeFilter,
} from '../../../main/service/configuration/filter-file.ts';
import { filterNames } from '../../../main/service/configuration/filter-row.ts';
import { InvalidFileError } from '../../../main/service/configuration/problem.ts';
import { namesOf } from '../../../main/service/filter/names.ts';
import { straight } from '../../words.ts';

const addresses = fc.constantFrom(
  'any',
  'terminal',
  'gateway',
  'local-network',
  '10.1.0.0/16',
  '10.1.0.5-10.1.0.9',
  'fd00::/8, 192.0.2.1',
);
const transport = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', '132'),
  sourcePorts: fc.constantFrom(undefined, '1024-65535'),
  destinationPorts: fc.constantFrom(undefined, '443', '80, 8000-8080'),
});
const icmp = fc.record({
  protocol: fc.constant('icmp'),
  destinationPorts: fc.constantFrom(undefined, '8', '3/4'),
});
const other = fc.record({ protocol: fc.constantFrom('any', '47') });
const action = fc.oneof(
  fc.record({ action: fc.constant('PROTECT' as const), profile: fc.constantFrom('office', 'a-1.b') }),
  fc.record({ action: fc.constantFrom('BYPASS' as const, 'DISCARD' as const) }),
  fc.record({ action: fc.constant('BYPASS' as const), allowInbound: fc.constant(true) }),
);
const row = fc
  .tuple(
    fc.record({
      source: addresses,
      destination: addresses,
      note: fc.option(fc.string({ maxLength: 50 }), { nil: undefined }),
    }),
    fc.oneof(transport, icmp, other),
    action,
  )
  .map((parts): FilterRowText => withoutUndefined(Object.assign({}, ...parts)));

function withoutUndefined(value: FilterRowText): FilterRowText {
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => inner !== undefined),
  ) as unknown as FilterRowText;
}

test('rows come back as they were written, in their order', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 8 }), (rows) => {
      assert.deepEqual(parseFilter(formatFilter(rows), 'filter.toml'), rows);
    }),
    { seed: 11, numRuns: 200 },
  );
});

test('the file is replaced as a whole and leaves nothing beside it', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealnic-filter-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'filter.toml');
  assert.deepEqual(loadFilter(path), []);
  const rows = fc.sample(fc.array(row, { minLength: 3, maxLength: 3 }), { seed: 3, numRuns: 2 });
  for (const each of rows) {
    storeFilter(path, each);
    assert.deepEqual(loadFilter(path), each);
  }
  assert.deepEqual(readdirSync(directory), ['filter.toml']);
  assert.equal(statSync(path).mode & 0o777, 0o644);
});

test('each wrong row is named', () => {
  const text = `[[filter]]
action = "PROTECT"

[[filter]]
action = "BYPASS"
destination = "10.0.0.1/8"

[[filter]]
action = "DISCARD"
protocol = "tcp"
destination_ports = "90-80"

[[filter]]
action = "DROP"
protocol = "icmp"
`;
  assert.throws(
    () => parseFilter(text, 'filter.toml'),
    (error) => {
      assert.ok(error instanceof InvalidFileError);
      assert.deepEqual(straight(error.message).split('\n'), [
        'filter.toml:6:1: filter[2].destination: "10.0.0.1/8" is no prefix: the bits behind its length must be zero, as in 10.1.0.0/16',
        'filter.toml:11:1: filter[3].destination_ports: "90-80" is no port (0 to 65535) and no range such as 8000-8080',
        'filter.toml:14:1: filter[4].action: should be one of "PROTECT", "BYPASS", "DISCARD", not "DROP"',
      ]);
      return true;
    },
  );
  assert.throws(
    () => parseFilter('[[filter]]\naction = "BYPASS"\ndestination_ports = "80"\n', 'filter.toml'),
    /filter\.toml:3:1: filter\[1\]\.destination_ports: ports need a protocol that has them/,
  );
  assert.throws(
    () => parseFilter('[[filter]]\naction = "PROTECT"\n', 'filter.toml'),
    /filter\.toml:1:3: filter\[1\]: a PROTECT row must name the profile/,
  );
});

test('the names that a row may use are those that the filter knows', () => {
  assert.deepEqual([...namesOf(undefined, [], 'sealnic0', []).keys()].sort(), [...filterNames].sort());
});
