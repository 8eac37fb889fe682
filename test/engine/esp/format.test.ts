// Lengths: what an inner packet grows to, and what still fits a link.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { innerMtu, sealedLength } from '../../../main/engine/esp/format.ts';
import { hasEspLength } from '../../../main/engine/esp/open.ts';

test('every sealed length is one that an ESP packet can have', () => {
  for (let length = 20; length < 100; length++) {
    const sealed = sealedLength(length);
    assert.ok(hasEspLength(sealed));
    assert.ok(sealed >= length + 34 && sealed < length + 38);
  }
  for (const length of [0, 35, 37, 38, 39]) assert.equal(hasEspLength(length), false, `${length} bytes`);
  assert.equal(hasEspLength(36), true);
});

test('the inner MTU fits the link, and one byte more does not', () => {
  for (const family of [4, 6] as const) {
    for (const encapsulation of ['udp', 'native'] as const) {
      for (let link = 1280; link <= 1500; link++) {
        const outer = (family === 4 ? 20 : 40) + (encapsulation === 'udp' ? 8 : 0);
        const mtu = innerMtu(link, family, encapsulation);
        assert.ok(outer + sealedLength(mtu) <= link);
        assert.ok(outer + sealedLength(mtu + 1) > link);
      }
    }
  }
  assert.equal(innerMtu(1500, 4, 'udp'), 1438);
});
