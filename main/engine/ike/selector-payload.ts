// The TSi and TSr payloads (RFC 7296 section 3.13).
import { compareAddresses } from '../packet/address.ts';
import type { TrafficSelector } from '../policy/selector.ts';
import { ByteReader, concatBytes, IkeFormatError, uint16Bytes } from './bytes.ts';

/** Selectors of types that we do not know are dropped, as section 3.13 wants. */
export type WireSelectors = readonly TrafficSelector[];

const ipv4Range = 7;
const ipv6Range = 8;
const headerLength = 8;

export function decodeSelectors(body: Uint8Array): WireSelectors {
  const reader = new ByteReader(body);
  const count = reader.uint8();
  reader.take(3);
  const selectors: TrafficSelector[] = [];
  for (let index = 0; index < count; index++) {
    const type = reader.uint8();
    const protocol = reader.uint8();
    const length = reader.uint16();
    if (length < 4) throw new IkeFormatError('traffic selector too short');
    const rest = new ByteReader(reader.take(length - 4));
    if (type !== ipv4Range && type !== ipv6Range) continue;
    const family = type === ipv4Range ? 4 : 6;
    const size = family === 4 ? 4 : 16;
    const ports = { first: rest.uint16(), last: rest.uint16() };
    const first = { family, bytes: rest.take(size).slice() } as const;
    const last = { family, bytes: rest.take(size).slice() } as const;
    rest.expectEnd('traffic selector');
    if (compareAddresses(first, last) > 0) throw new IkeFormatError('address range runs backwards');
    selectors.push({ protocol, ports, addresses: { first, last } });
  }
  reader.expectEnd('traffic selectors');
  return selectors;
}

export function encodeSelectors(selectors: WireSelectors): Uint8Array {
  return concatBytes([
    new Uint8Array([selectors.length, 0, 0, 0]),
    ...selectors.map(({ protocol, ports, addresses }) => {
      const { first, last } = addresses;
      const type = first.family === 4 ? ipv4Range : ipv6Range;
      return concatBytes([
        new Uint8Array([type, protocol]),
        uint16Bytes(headerLength + 2 * first.bytes.length),
        uint16Bytes(ports.first),
        uint16Bytes(ports.last),
        first.bytes,
        last.bytes,
      ]);
    }),
  ]);
}
