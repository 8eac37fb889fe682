import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CompiledSelectors } from '../../../main/engine/inbound/compiled-selectors.ts';
import { numberToAddress } from '../../../main/engine/packet/address.ts';
import {
  anyPort,
  opaquePort,
  selectorsContain,
  type TrafficSelector,
} from '../../../main/engine/policy/selector.ts';
import { memory, parseAt } from '../packet/packets.ts';
import { packet } from '../policy/tables.ts';

const host = (value: number) => numberToAddress(0x0a000000n + BigInt(value), 4);
const anySelector = fc
  .record({
    protocol: fc.constantFrom(0, 6, 17, 47),
    ports: fc.constantFrom(anyPort, opaquePort, { first: 80, last: 443 }, { first: 53, last: 53 }),
    ends: fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })),
  })
  .map(
    ({ protocol, ports, ends }): TrafficSelector => ({
      protocol,
      ports,
      addresses: { first: host(Math.min(...ends)), last: host(Math.max(...ends)) },
    }),
  );
const lists = fc.array(anySelector, { minLength: 1, maxLength: 4 });

test('the compiled selectors say what the plain ones say, in both directions', () => {
  const end = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.constantFrom(53, 80, 443, 1000));
  fc.assert(
    fc.property(
      lists,
      lists,
      end,
      end,
      fc.constantFrom('tcp', 'udp', 47 as const),
      (local, remote, from, to, name) => {
        const view = packet({
          from: `10.0.0.${from[0]}`,
          to: `10.0.0.${to[0]}`,
          sourcePort: from[1],
          destinationPort: to[1],
          protocol: name === 'tcp' || name === 'udp' ? name : 47,
          payload: new Uint8Array(8),
        });
        const ports = name === 47 ? [undefined, undefined] : [from[1], to[1]];
        const source = (list: TrafficSelector[]) =>
          selectorsContain(list, view.protocol, host(from[0]), ports[0]);
        const destination = (list: TrafficSelector[]) =>
          selectorsContain(list, view.protocol, host(to[0]), ports[1]);
        const compiled = new CompiledSelectors(local, remote);
        assert.equal(compiled.checkOutbound(view), source(local) && destination(remote) ? 'fits' : 'outside');
        assert.equal(compiled.checkInbound(view), source(remote) && destination(local) ? 'fits' : 'outside');
      },
    ),
    { seed: 1, numRuns: 2000 },
  );
});

test('ICMP type and code are what both sides’ ports mean', () => {
  const echo = { first: 8 << 8, last: (8 << 8) | 255 };
  const selector = (ports: typeof echo): TrafficSelector => ({
    protocol: 1,
    ports,
    addresses: { first: host(0), last: host(255) },
  });
  const view = packet({ from: '10.0.0.1', to: '10.0.0.2', protocol: 'echo' });
  assert.equal(new CompiledSelectors([selector(echo)], [selector(echo)]).checkOutbound(view), 'fits');
  assert.equal(new CompiledSelectors([selector(anyPort)], [selector(echo)]).checkInbound(view), 'fits');
  const other = { first: 0, last: 255 };
  assert.equal(new CompiledSelectors([selector(anyPort)], [selector(other)]).checkInbound(view), 'outside');
});

test('a later fragment is unknown where ports matter, and fits OPAQUE', () => {
  const all = { first: host(0), last: host(255) };
  const any: TrafficSelector = { protocol: 17, ports: anyPort, addresses: all };
  const whole = packet({ from: '10.0.0.1', to: '10.0.0.2', protocol: 'udp', payload: new Uint8Array(32) });
  memory.view.setUint16(whole.offset + 6, 2);
  const view = parseAt(whole.offset, whole.length);
  const check = (ports: TrafficSelector['ports']): string =>
    new CompiledSelectors([any], [{ ...any, ports }]).checkInbound(view);
  assert.equal(check({ first: 80, last: 443 }), 'unknown');
  assert.equal(check(opaquePort), 'fits');
  assert.equal(check(anyPort), 'fits');
  assert.equal(new CompiledSelectors([any], [{ ...any, protocol: 6 }]).checkInbound(view), 'outside');
});
