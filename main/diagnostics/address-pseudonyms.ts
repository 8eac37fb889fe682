// Addresses under a key so that prefixes stay prefixes: two addresses that share their first n bits share them
// afterwards too (the idea of Crypto-PAn), and private, link-local and multicast ones stay what they are.
import { createHmac } from 'node:crypto';
import {
  type AddressFamily,
  addressBits,
  addressToNumber,
  formatAddress,
  type IpAddress,
  numberToAddress,
  parseAddress,
  parsePrefix,
} from '../engine/packet/address.ts';

/** What an address is for can be seen from these first bits: they stay. */
const classes = {
  4: classesOf(
    '10.0.0.0/8',
    '100.64.0.0/10',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '224.0.0.0/4',
  ),
  6: classesOf('2000::/3', 'fc00::/7', 'fe80::/64', 'ff00::/8', '::ffff:0:0/96', '64:ff9b::/96'),
} as const;
/** Says nothing of anybody. */
const plain = {
  4: classesOf('0.0.0.0/8', '127.0.0.0/8', '255.255.255.255/32'),
  6: classesOf('::/128', '::1/128'),
} as const;

interface AddressClass {
  readonly bits: bigint;
  readonly length: number;
}

export class AddressPseudonyms {
  readonly #key: Uint8Array;
  readonly #flips = new Map<string, bigint>();

  /** `key`: 32 random bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** `length`: how many bits are given, where behind them are only zeros; else all of them. */
  address(address: IpAddress, length: number = addressBits(address.family)): IpAddress {
    const { family } = address;
    const bits = addressBits(family);
    const value = addressToNumber(address);
    if (plain[family].some((each) => value >> BigInt(bits - each.length) === each.bits)) return address;
    let result = 0n;
    for (let depth = 0; depth < bits; depth++) {
      const above = value >> BigInt(bits - depth);
      const bit = (value >> BigInt(bits - depth - 1)) & 1n;
      result = (result << 1n) | (depth < length ? bit ^ this.#flip(family, depth, above) : 0n);
    }
    return numberToAddress(result, family);
  }

  /** Address or prefix; undefined where the text is neither. */
  text(text: string): string | undefined {
    const [addressText = '', lengthText] = text.split('/');
    const address = parseAddress(addressText);
    if (address === undefined) return undefined;
    if (lengthText === undefined) return formatAddress(this.address(address));
    // "192.0.2.7/24" names a host, "192.0.2.0/24" a network.
    const prefix = parsePrefix(text);
    return `${formatAddress(this.address(address, prefix?.length))}/${lengthText}`;
  }

  #flip(family: AddressFamily, depth: number, above: bigint): bigint {
    const bits = addressBits(family);
    const inClass = [...classes[family], ...plain[family]].some(
      (each) => each.length > depth && each.bits >> BigInt(each.length - depth) === above,
    );
    if (inClass || depth >= bits) return 0n;
    const name = `${family} ${depth} ${above.toString(16)}`;
    let flip = this.#flips.get(name);
    if (flip === undefined) {
      const digest = createHmac('sha256', this.#key).update(name).digest();
      flip = BigInt(digest[0]! & 1);
      this.#flips.set(name, flip);
    }
    return flip;
  }
}

function classesOf(...texts: readonly string[]): readonly AddressClass[] {
  return texts.map((text) => {
    const { address, length } = parsePrefix(text)!;
    return { bits: addressToNumber(address) >> BigInt(addressBits(address.family) - length), length };
  });
}
