// Socket addresses of the Internet families as bytes: the same everywhere but for the number of IPv6.

/** Size of struct sockaddr_in and sockaddr_in6; a block of 28 takes either. */
export function socketAddressLength(family: 4 | 6): number {
  return family === 4 ? 16 : 28;
}

const inet = 2;

export interface SocketAddresses {
  /**
   * Writes struct sockaddr_in (family 16 bits, port 16 bits big-endian, 4 bytes of address) or sockaddr_in6 (family,
   * port, flow label 32 bits, 16 bytes of address, scope 32 bits). Returns its length.
   */
  write(view: DataView, offset: number, address: Uint8Array, port: number, scope?: number): number;
  /** Copies the address out. */
  read(view: DataView, offset: number): { address: Uint8Array; port: number };
}

/** `inet6`: AF_INET6 of the system. */
export function socketAddressesOf(inet6: number): SocketAddresses {
  return {
    write(view, offset, address, port, scope = 0) {
      const family = address.length === 4 ? 4 : 6;
      const length = socketAddressLength(family);
      const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, length);
      bytes.fill(0);
      view.setUint16(offset, family === 4 ? inet : inet6, true);
      view.setUint16(offset + 2, port);
      bytes.set(address, family === 4 ? 4 : 8);
      if (family === 6) view.setUint32(offset + 24, scope, true);
      return length;
    },
    read(view, offset) {
      const isInet6 = view.getUint16(offset, true) === inet6;
      const start = view.byteOffset + offset + (isInet6 ? 8 : 4);
      return {
        address: new Uint8Array(view.buffer, start, isInet6 ? 16 : 4).slice(),
        port: view.getUint16(offset + 2),
      };
    },
  };
}
