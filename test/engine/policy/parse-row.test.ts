import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AddressRange, formatRange } from '../../../main/engine/packet/address.ts';
import {
  describeRow,
  FilterRowError,
  formatRow,
  parseRow,
  parseRows,
  type RowContext,
} from '../../../main/engine/policy/parse-row.ts';
import type { FilterRowText } from '../../../main/engine/policy/row.ts';
import { wordsIn } from '../../words.ts';
import { range } from './tables.ts';

const names = new Map<string, readonly AddressRange[]>([
  ['terminal', [range('192.168.1.20'), range('fd00::20')]],
  ['local-network', [range('192.168.1.0/24')]],
  ['gateway', []],
]);
const context: RowContext = {
  origin: 'filter',
  names,
  associationOf: (profile) => (profile === 'office' ? 7 : undefined),
};
const base: FilterRowText = { source: 'any', destination: 'any', protocol: 'any', action: 'BYPASS' };

function refuse(text: Partial<FilterRowText>, field: keyof FilterRowText, reason: RegExp): void {
  assert.throws(
    () => parseRow({ ...base, ...text }, context),
    (error) => {
      assert(error instanceof FilterRowError);
      assert.equal(error.field, field);
      assert.match(wordsIn(error.problem), reason);
      return true;
    },
  );
}

test('a row with everything in it', () => {
  const row = parseRow(
    {
      source: 'terminal',
      destination: '10.1.0.0/16, 10.2.0.5-10.2.0.9,fd01::/16',
      protocol: 'TCP',
      sourcePorts: '1024-65535',
      destinationPorts: '443, 8000-8080',
      action: 'PROTECT',
      profile: 'office',
      note: 'the intranet',
    },
    context,
  );
  assert.deepEqual(row.local.map(formatRange), ['192.168.1.20', 'fd00::20']);
  assert.deepEqual(row.remote.map(formatRange), ['10.1.0.0/16', '10.2.0.5-10.2.0.9', 'fd01::/16']);
  assert.equal(row.protocol, 6);
  assert.deepEqual(row.localPorts, [{ first: 1024, last: 65_535 }]);
  assert.deepEqual(row.remotePorts, [
    { first: 443, last: 443 },
    { first: 8000, last: 8080 },
  ]);
  assert.deepEqual(
    [row.action, row.association, row.label, row.allowInbound],
    ['PROTECT', 7, 'the intranet', false],
  );
});

test('"any" is an empty list, and a note is not needed', () => {
  const row = parseRow({ ...base, allowInbound: true }, context);
  assert.deepEqual(
    [row.local, row.remote, row.protocol, row.localPorts, row.remotePorts],
    [[], [], undefined, [], []],
  );
  assert.equal(row.allowInbound, true);
  assert.equal(row.label, 'any → any');
  const web = { ...base, protocol: 'tcp', destinationPorts: '443' };
  assert.equal(describeRow(web), 'any → any tcp 443');
  assert.equal(describeRow({ ...base, protocol: 'icmp', destinationPorts: '8' }), 'any → any icmp 8');
});

test('ICMP rows name types and codes', () => {
  const row = parseRow({ ...base, protocol: 'icmp', destinationPorts: '8,3/4' }, context);
  assert.deepEqual(row.remotePorts, [
    { first: 0x0800, last: 0x08ff },
    { first: 0x0304, last: 0x0304 },
  ]);
  refuse({ protocol: 'icmp', sourcePorts: '8' }, 'sourcePorts', /no ports/);
  refuse({ protocol: 'icmp', destinationPorts: '256' }, 'destinationPorts', /type/);
  refuse({ protocol: 'icmpv6', destinationPorts: '1-2' }, 'destinationPorts', /type/);
});

test('what is wrong is told with its field and what would be right', () => {
  refuse({ source: 'office' }, 'source', /"office" is no address and no known name; .*terminal/);
  refuse({ destination: '10.0.0.1/8' }, 'destination', /bits behind its length must be zero/);
  refuse({ destination: 'fd00::1/8' }, 'destination', /bits behind/);
  refuse({ destination: '' }, 'destination', /no address/);
  refuse({ destination: 'any, 10.0.0.1' }, 'destination', /stands alone/);
  refuse({ destination: '10.0.0.9-10.0.0.1' }, 'destination', /no address/);
  refuse({ protocol: 'tpc' }, 'protocol', /"tpc" is no protocol/);
  refuse({ protocol: '256' }, 'protocol', /0 to 255/);
  refuse({ protocol: 'tcp', destinationPorts: '65536' }, 'destinationPorts', /65535/);
  refuse({ protocol: 'tcp', destinationPorts: '90-80' }, 'destinationPorts', /no range/);
  refuse({ protocol: 'tcp', destinationPorts: '' }, 'destinationPorts', /no port/);
  refuse({ destinationPorts: '443' }, 'destinationPorts', /need a protocol/);
  refuse({ protocol: 'gre', sourcePorts: '443' }, 'sourcePorts', /need a protocol/);
  refuse({ source: '10.0.0.1', destination: 'fd00::1' }, 'destination', /different IP versions/);
  refuse({ protocol: 'icmp', destination: 'fd00::/8' }, 'protocol', /icmpv6/);
  refuse({ protocol: 'icmpv6', source: '10.0.0.0/8' }, 'protocol', /"icmp"/);
  refuse({ action: 'PROTECT' }, 'profile', /must name the profile/);
  refuse({ action: 'PROTECT', profile: 'home' }, 'profile', /no profile "home"/);
  refuse({ action: 'DISCARD', profile: 'office' }, 'profile', /only a PROTECT row/);
  refuse({ action: 'DISCARD', allowInbound: true }, 'allowInbound', /only a BYPASS row/);
});

test('a name that stands for nothing never widens a row to "any": the row is idle', () => {
  assert.throws(
    () => parseRow({ ...base, destination: 'gateway' }, context),
    (error) => error instanceof FilterRowError && error.idle,
  );
  const { rows, idle } = parseRows([base, { ...base, destination: 'gateway' }, base], context);
  assert.equal(rows.length, 2);
  assert.deepEqual(
    idle.map(({ index }) => index),
    [1],
  );
  assert.throws(() => parseRows([base, { ...base, protocol: 'x' }], context), FilterRowError);
});

test('ids are unique, and stay the same when rows move or their note changes', () => {
  const a = { ...base, protocol: 'tcp', destinationPorts: '443' };
  const b = { ...base, protocol: 'udp', destinationPorts: '53' };
  const first = parseRows([a, b, a], context).rows.map(({ id }) => id);
  assert.equal(new Set(first).size, 3);
  const second = parseRows([b, { ...a, note: 'web' }], context).rows.map(({ id }) => id);
  assert.deepEqual(second, [first[1], first[0]]);
  assert.notEqual(parseRow({ ...a, action: 'DISCARD' }, context).id, first[0]);
});

test('rows survive being written and read again', () => {
  const addresses = fc
    .uniqueArray(
      fc.constantFrom('10.1.0.0/16', '10.2.0.5-10.2.0.9', '192.0.2.1', 'fd00::/8', 'fd00::1-fd00::5'),
      {
        minLength: 1,
      },
    )
    .map((list) => list.join(', '));
  const anyText = fc.record({
    source: fc.oneof(fc.constant('any'), fc.constant('terminal')),
    destination: fc.oneof(fc.constant('any'), addresses),
    protocol: fc.constantFrom('any', 'tcp', 'udp', 'gre', '99', 'icmp', 'icmpv6'),
    ports: fc.constantFrom(undefined, '443', '1-5', '8000-8080, 9'),
    types: fc.constantFrom(undefined, '8', '3/4', '8, 3/0, 3/255'),
    action: fc.constantFrom('PROTECT' as const, 'BYPASS' as const, 'DISCARD' as const),
    allowInbound: fc.boolean(),
  });
  fc.assert(
    fc.property(anyText, ({ ports, types, allowInbound, ...fields }) => {
      const hasPorts = fields.protocol === 'tcp' || fields.protocol === 'udp';
      const text: FilterRowText = {
        ...fields,
        destinationPorts: hasPorts ? ports : fields.protocol.startsWith('icmp') ? types : undefined,
        profile: fields.action === 'PROTECT' ? 'office' : undefined,
        allowInbound: fields.action === 'BYPASS' && allowInbound,
      };
      let row: ReturnType<typeof parseRow>;
      try {
        row = parseRow(text, context);
      } catch (error) {
        assert(error instanceof FilterRowError && /icmp/.test(error.message), 'only families may not meet');
        return;
      }
      const again = parseRow(formatRow(row, 'office'), context);
      assert.deepEqual({ ...again, id: '' }, { ...row, id: '' });
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('arbitrary text is read or refused with the row’s own error', () => {
  const piece = fc.constantFrom(
    'any',
    '10.0.0.0',
    '/',
    '8',
    '-',
    ',',
    ' ',
    'fd00::',
    ':',
    'tcp',
    '1',
    '99999',
    'x',
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, text, text, (source, destination, protocol, destinationPorts) => {
      try {
        parseRow({ source, destination, protocol, destinationPorts, action: 'DISCARD' }, context);
      } catch (error) {
        assert(error instanceof FilterRowError);
      }
    }),
    { seed: 2, numRuns: 5000 },
  );
});
