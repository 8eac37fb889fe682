import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AssociationCounters } from '../../../main/engine/path/counters.ts';
import { TrafficLedger } from '../../../main/service/keying/traffic-ledger.ts';

function sa(spi: number, association: number, direction: 'inbound' | 'outbound', packets: number) {
  const rest = { sequence: 0, installedAtMilliseconds: 0, lastUsedMilliseconds: 0, replayed: 0, badIcv: 0 };
  const common = { algorithm: 'aes-256-gcm-16' as const, bytes: packets * 100, ...rest };
  return { spi, association, direction, packets, ...common } satisfies AssociationCounters;
}

test('an association counts on over the SAs that it has had, and for itself alone', () => {
  let living: AssociationCounters[] = [
    sa(1, 1, 'outbound', 5),
    sa(2, 1, 'inbound', 3),
    sa(1, 2, 'outbound', 70),
  ];
  const ledger = new TrafficLedger(() => living);
  assert.deepEqual(ledger.of(1), { packetsIn: 3, bytesIn: 300, packetsOut: 5, bytesOut: 500 });
  // Rekeyed: the former pair goes, the inbound one later.
  living = [
    sa(2, 1, 'inbound', 4),
    sa(3, 1, 'outbound', 1),
    sa(4, 1, 'inbound', 0),
    sa(1, 2, 'outbound', 71),
  ];
  assert.deepEqual(ledger.of(1), { packetsIn: 4, bytesIn: 400, packetsOut: 6, bytesOut: 600 });
  living = [sa(3, 1, 'outbound', 2), sa(4, 1, 'inbound', 1), sa(1, 2, 'outbound', 72)];
  assert.deepEqual(ledger.of(1), { packetsIn: 5, bytesIn: 500, packetsOut: 7, bytesOut: 700 });
  assert.equal(ledger.of(2).packetsOut, 72);
  living = [];
  assert.deepEqual(ledger.of(1), { packetsIn: 5, bytesIn: 500, packetsOut: 7, bytesOut: 700 });
  assert.equal(ledger.of(9).packetsIn, 0);
});

test('those that ended longest ago are forgotten', () => {
  let living: AssociationCounters[] = [];
  const ledger = new TrafficLedger(() => living);
  for (let association = 1; association <= 1100; association += 1) {
    living = [sa(association, association, 'inbound', 1)];
    ledger.update();
  }
  assert.equal(ledger.of(1).packetsIn, 0);
  assert.equal(ledger.of(1099).packetsIn, 1);
});
