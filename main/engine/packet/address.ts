// IP addresses, prefixes and ranges as values: numbers to compare, texts only at the edges.

export type AddressFamily = 4 | 6;

/** An IP address: 4 or 16 bytes in network order. */
export interface IpAddress {
  readonly family: AddressFamily;
  readonly bytes: Uint8Array;
}

/** Both ends included. Both of one family. */
export interface AddressRange {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/** A UDP endpoint. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}
