// The ESP packet (RFC 4303 section 2) with the AEAD transforms of RFC 4106 and RFC 7634:
// SPI 4 | sequence number 4 | IV 8 | ciphertext of (packet, padding, pad length 1, next header 1) | ICV 16.

export const espHeaderLength = 8;
export const espIvLength = 8;
export const espIcvLength = 16;
export const espTrailerLength = 2;
/** Ahead of the ciphertext. */
export const espPrefixLength = espHeaderLength + espIvLength;
/** The ciphertext's length is a multiple of this (RFC 4303 section 2.4). */
export const espAlignment = 4;
/** Nothing shorter is an ESP packet. */
export const espMinimumLength = espPrefixLength + espAlignment + espIcvLength;

/** Next header (RFC 4303 section 2.6): IPv4, IPv6, dummy. */
export const espNextHeader = { ipv4: 4, ipv6: 41, dummy: 59 } as const;

/** Bytes of the ESP packet around an inner packet of so many bytes. */
export function sealedLength(innerLength: number): number {
  const body = (innerLength + espTrailerLength + espAlignment - 1) & -espAlignment;
  return espPrefixLength + body + espIcvLength;
}

/**
 * The largest inner packet whose sealed form, in IP and UDP (RFC 3948), fits a link of `linkMtu` bytes.
 * `outerFamily` is that of the addresses between the two ends.
 */
export function innerMtu(linkMtu: number, outerFamily: 4 | 6, encapsulation: 'udp' | 'native'): number {
  const outer = (outerFamily === 4 ? 20 : 40) + (encapsulation === 'udp' ? 8 : 0);
  const body = (linkMtu - outer - espPrefixLength - espIcvLength) & -espAlignment;
  return body - espTrailerLength;
}
