// Diffie-Hellman against the RFCs' known answers, and with values that must be refused (RFC 6989).
import assert from 'node:assert/strict';
import { getDiffieHellman } from 'node:crypto';
import { describe, it } from 'node:test';
import type { IkeGroup } from '../../../main/engine/ike/contract.ts';
import { startKeyExchange } from '../../../main/engine/ike/key-exchange.ts';
import { testEnvironment } from './pair.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** A key pair of which the private key is known. */
function withPrivateKey(group: IkeGroup, privateKey: string) {
  const environment = testEnvironment(1);
  environment.random = (bytes) => bytes.set(bytesOf(privateKey));
  return { environment, exchange: startKeyExchange(environment, group) };
}

describe('key exchange', () => {
  it('group 19 gives the answer of RFC 5903 section 8.1', () => {
    const { exchange } = withPrivateKey(
      19,
      'c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433',
    );
    assert.equal(
      hex(exchange.publicValue),
      'dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180' +
        '5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3',
    );
    const shared = exchange.finish(
      bytesOf(
        'd12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63' +
          '56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
      ),
    );
    assert.equal(hex(shared!), 'd6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de');
  });

  it('group 31 gives the answer of RFC 7748 section 6.1', () => {
    const { exchange } = withPrivateKey(
      31,
      '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    );
    assert.equal(
      hex(exchange.publicValue),
      'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    );
    const shared = exchange.finish(
      bytesOf('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
    );
    assert.equal(hex(shared!), '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
  });

  it('group 14 gives 2^x mod p, with leading zeros', () => {
    const prime = BigInt(`0x${getDiffieHellman('modp14').getPrime('hex')}`);
    const power = (base: bigint, exponent: bigint): bigint => {
      let [result, square] = [1n, base];
      for (let rest = exponent; rest > 0n; rest >>= 1n) {
        if (rest & 1n) result = (result * square) % prime;
        square = (square * square) % prime;
      }
      return result;
    };
    const padded = (value: bigint): string => value.toString(16).padStart(512, '0');
    for (let seed = 1n; seed <= 4n; seed++) {
      const ours = (seed * 0x1234567890abcdefn) ** 5n % (1n << 320n);
      const theirs = (seed + 77n) ** 40n;
      const { exchange } = withPrivateKey(14, ours.toString(16).padStart(80, '0'));
      assert.equal(hex(exchange.publicValue), padded(power(2n, ours)));
      const shared = exchange.finish(bytesOf(padded(power(2n, theirs))));
      assert.equal(hex(shared!), padded(power(2n, ours * theirs)));
    }
  });

  const prime = getDiffieHellman('modp14').getPrime('hex');
  const refused: [string, IkeGroup, string][] = [
    ['0 in group 14', 14, '00'.repeat(256)],
    ['1 in group 14', 14, `${'00'.repeat(255)}01`],
    ['p - 1 in group 14', 14, `${prime.slice(0, -2)}fe`],
    ['p in group 14', 14, prime],
    ['a value of the wrong length in group 14', 14, '02'.repeat(255)],
    ['a point that is not on P-256', 19, '01'.repeat(64)],
    ['the point at infinity of P-256', 19, '00'.repeat(64)],
    ['a value of the wrong length in group 19', 19, '01'.repeat(65)],
    ['zero in group 31, which gives a shared secret of zeros', 31, '00'.repeat(32)],
    ['a point of small order in group 31', 31, `01${'00'.repeat(31)}`],
    ['a value of the wrong length in group 31', 31, '09'.repeat(33)],
  ];
  for (const [what, group, value] of refused) {
    it(`refuses ${what}, and wipes the private key`, () => {
      const environment = testEnvironment(3);
      const exchange = startKeyExchange(environment, group);
      assert.equal(exchange.finish(bytesOf(value)), undefined);
      assert.equal(environment.outstanding.size, 0);
    });
  }

  it('draws again where the randomness is no scalar of P-256', () => {
    const environment = testEnvironment(1);
    let draws = 0;
    environment.random = (bytes) => bytes.fill(draws++ === 0 ? 0xff : 0x11);
    startKeyExchange(environment, 19);
    assert.equal(draws, 2);
  });
});
