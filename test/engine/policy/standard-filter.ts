import { CompiledSelectors } from '../../../main/engine/inbound/compiled-selectors.ts';
import type { PacketView } from '../../../main/engine/packet/view.ts';
import { selectorForFamily } from '../../../main/engine/policy/selector.ts';
import { Verdict } from '../../../main/engine/policy/verdict.ts';
import { address, memory } from '../packet/packets.ts';
import { createFilter, type Filter, row, sources, table } from './tables.ts';

export const virtual = '10.9.0.2';
export const link = '192.168.1.20';
export const server = '10.1.0.80';
export const web = '198.51.100.7';
export const everything = new CompiledSelectors(
  [selectorForFamily(4), selectorForFamily(6)],
  [selectorForFamily(4), selectorForFamily(6)],
);

export function standard(): Filter {
  const created = createFilter(
    table([
      row('DISCARD', { id: 'no-mail', protocol: 6, remotePorts: 25 }),
      row('PROTECT', { id: 'office', remote: '10.1.0.0/16 fd01::/16' }),
      row('BYPASS', { id: 'web', remote: '198.51.100.0/24 2001:db8::/32' }),
    ]),
  );
  created.filter.setTranslation({
    virtual: [...sources(virtual), ...sources('fd00::2')],
    link4: address(link),
    link6: address('2001:db8:1::20'),
  });
  return created;
}

export function decide({ filter }: Filter, view: PacketView, now = 0): Verdict {
  const verdict = new Verdict();
  filter.decideOutbound(view, now, verdict);
  return verdict;
}

export function addressesOf(view: PacketView): string[] {
  const size = view.family === 4 ? 4 : 16;
  return [view.sourceOffset, view.destinationOffset].map((place) =>
    view.family === 4
      ? memory.bytes.subarray(place, place + size).join('.')
      : Buffer.from(memory.bytes.subarray(place, place + size)).toString('hex'),
  );
}
