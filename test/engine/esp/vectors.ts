// Published vectors: whole ESP packets with their keys. draft-mcgrew-gcm-test-01 and RFC 7634 appendix A.
import type { EspAlgorithm } from '../../../main/engine/sa/parameters.ts';

export interface EspVector {
  readonly name: string;
  readonly algorithm: EspAlgorithm;
  readonly key: string;
  readonly salt: string;
  readonly iv: string;
  readonly spi: number;
  readonly sequence: number;
  /** With padding, pad length and next header. */
  readonly plaintext: string;
  /** With the ICV. */
  readonly ciphertext: string;
  readonly innerLength: number;
}

export const espVectors: readonly EspVector[] = [
  {
    name: 'AES-128-GCM, a DNS query',
    algorithm: 'aes-128-gcm-16',
    key: 'feffe9928665731c6d6a8f9467308308',
    salt: 'cafebabe',
    iv: 'facedbaddecaf888',
    spi: 0x0000a5f8,
    sequence: 0x0000000a,
    plaintext:
      '4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100' +
      '0001000000000000037369700963796265726369747902646b00000100010001',
    ciphertext:
      'deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c' +
      '3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1' +
      '83b70d3aa8bc6ee4c309e9d85a41ad4a',
    innerLength: 62,
  },
  {
    name: 'AES-256-GCM, a TCP SYN',
    algorithm: 'aes-256-gcm-16',
    key: 'abbccddef00112233445566778899aababbccddef00112233445566778899aab',
    salt: '11223344',
    iv: '0102030405060708',
    spi: 0x4a2cbfe3,
    sequence: 0x00000002,
    plaintext:
      '4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000' +
      '7002400020bf0000020405b40101040201020201',
    ciphertext:
      'ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763' +
      '748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c49' +
      '15956c96',
    innerLength: 48,
  },
  {
    name: 'ChaCha20-Poly1305, an echo request',
    algorithm: 'chacha20-poly1305',
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    salt: 'a0a1a2a3',
    iv: '1011121314151617',
    spi: 0x01020304,
    sequence: 0x00000005,
    plaintext:
      '45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10' +
      '0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223' +
      '2425262728292a2b2c2d2e2f303132333435363701020204',
    ciphertext:
      '24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6' +
      '14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3' +
      'cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7' +
      'b11b369907e1ad43',
    innerLength: 84,
  },
];

export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
