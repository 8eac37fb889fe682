// The configuration payload (RFC 7296 section 3.15): virtual addresses, DNS servers and subnets.
import type { AddressPrefix, IpAddress } from '../packet/address.ts';
import { ByteReader, concatBytes, uint16Bytes } from './bytes.ts';
import { configurationAttribute } from './numbers.ts';

export interface ConfigurationAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** What a CFG_REPLY told. */
export interface AssignedConfiguration {
  readonly addresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
  readonly subnets: readonly AddressPrefix[];
}

export function decodeConfiguration(body: Uint8Array): {
  type: number;
  attributes: ConfigurationAttribute[];
} {
  const reader = new ByteReader(body);
  const type = reader.uint8();
  reader.take(3);
  const attributes: ConfigurationAttribute[] = [];
  while (reader.remaining > 0) {
    const attribute = reader.uint16() & 0x7fff;
    attributes.push({ type: attribute, value: reader.take(reader.uint16()) });
  }
  return { type, attributes };
}

export function encodeConfiguration(type: number, attributes: readonly ConfigurationAttribute[]): Uint8Array {
  return concatBytes([
    new Uint8Array([type, 0, 0, 0]),
    ...attributes.flatMap(({ type, value }) => [uint16Bytes(type), uint16Bytes(value.length), value]),
  ]);
}

/** The attributes of a CFG_REQUEST. Empty: nothing to ask for. */
export function requestAttributes(wants: {
  readonly address4: boolean;
  readonly address6: boolean;
  readonly dns: boolean;
}): ConfigurationAttribute[] {
  const value = new Uint8Array(0);
  const attributes: ConfigurationAttribute[] = [];
  if (wants.address4) attributes.push({ type: configurationAttribute.internalIp4Address, value });
  if (wants.address6) attributes.push({ type: configurationAttribute.internalIp6Address, value });
  if (wants.dns && (wants.address4 || !wants.address6)) {
    attributes.push({ type: configurationAttribute.internalIp4Dns, value });
  }
  if (wants.dns && wants.address6) attributes.push({ type: configurationAttribute.internalIp6Dns, value });
  return attributes;
}

/** The attributes of a CFG_REPLY. An IPv6 address is followed by its prefix length, 128. */
export function replyAttributes(
  addresses: readonly IpAddress[],
  dns: readonly IpAddress[],
): ConfigurationAttribute[] {
  return [
    ...addresses.map(({ family, bytes }) =>
      family === 4
        ? { type: configurationAttribute.internalIp4Address, value: bytes }
        : {
            type: configurationAttribute.internalIp6Address,
            value: concatBytes([bytes, new Uint8Array([128])]),
          },
    ),
    ...dns.map(({ family, bytes }) => ({
      type: family === 4 ? configurationAttribute.internalIp4Dns : configurationAttribute.internalIp6Dns,
      value: bytes,
    })),
  ];
}

/** Attributes of unknown type or unexpected length are left out, as section 3.15.1 wants. */
export function readReply(attributes: readonly ConfigurationAttribute[]): AssignedConfiguration {
  const addresses: IpAddress[] = [];
  const dns: IpAddress[] = [];
  const subnets: AddressPrefix[] = [];
  for (const { type, value } of attributes) {
    switch (type) {
      case configurationAttribute.internalIp4Address:
        if (value.length === 4) addresses.push({ family: 4, bytes: value.slice() });
        break;
      case configurationAttribute.internalIp6Address:
        if (value.length === 17 || value.length === 16) {
          addresses.push({ family: 6, bytes: value.slice(0, 16) });
        }
        break;
      case configurationAttribute.internalIp4Dns:
        if (value.length === 4) dns.push({ family: 4, bytes: value.slice() });
        break;
      case configurationAttribute.internalIp6Dns:
        if (value.length === 16) dns.push({ family: 6, bytes: value.slice() });
        break;
      case configurationAttribute.internalIp4Subnet:
        if (value.length === 8) subnets.push(subnet4(value));
        break;
      case configurationAttribute.internalIp6Subnet:
        if (value.length === 17 && value[16]! <= 128) {
          subnets.push({ address: { family: 6, bytes: value.slice(0, 16) }, length: value[16]! });
        }
        break;
    }
  }
  return { addresses, dns, subnets };
}

function subnet4(value: Uint8Array): AddressPrefix {
  let length = 0;
  for (const byte of value.subarray(4)) {
    for (let bit = 0x80; bit > 0; bit >>= 1) if ((byte & bit) !== 0) length++;
  }
  return { address: { family: 4, bytes: value.slice(0, 4) }, length };
}
