// Identities and the ID payload's octets (RFC 7296 section 3.5).
import { bytesOf, concatBytes, IkeFormatError, sameBytes, textOf } from './bytes.ts';
import type { Identity } from './contract.ts';
import { identityType } from './numbers.ts';

/** ID type, 3 reserved bytes, identification data. */
export function encodeIdentity(identity: Identity): Uint8Array {
  const [type, data] = typeAndData(identity);
  return concatBytes([new Uint8Array([type, 0, 0, 0]), data]);
}

export function decodeIdentity(body: Uint8Array): Identity {
  const data = body.slice(4);
  switch (body[0]) {
    case identityType.ipv4:
      if (data.length !== 4) throw new IkeFormatError('ID_IPV4_ADDR is not 4 bytes');
      return { type: 'address', value: { family: 4, bytes: data } };
    case identityType.ipv6:
      if (data.length !== 16) throw new IkeFormatError('ID_IPV6_ADDR is not 16 bytes');
      return { type: 'address', value: { family: 6, bytes: data } };
    case identityType.fqdn:
      return { type: 'fqdn', value: textOf(data) };
    case identityType.email:
      return { type: 'email', value: textOf(data) };
    case identityType.distinguishedName:
      return { type: 'distinguished-name', value: data };
    case identityType.keyId:
      return { type: 'key-id', value: data };
    default:
      throw new IkeFormatError(`identity of unknown type ${body[0]}`);
  }
}

/** Names compare without regard to case. */
export function sameIdentity(left: Identity, right: Identity): boolean {
  if (left.type === 'fqdn' || left.type === 'email') {
    return left.type === right.type && left.value.toLowerCase() === right.value.toLowerCase();
  }
  return left.type === right.type && sameBytes(typeAndData(left)[1], typeAndData(right)[1]);
}

function typeAndData(identity: Identity): [number, Uint8Array] {
  switch (identity.type) {
    case 'fqdn':
      return [identityType.fqdn, bytesOf(identity.value)];
    case 'email':
      return [identityType.email, bytesOf(identity.value)];
    case 'address':
      return [identity.value.family === 4 ? identityType.ipv4 : identityType.ipv6, identity.value.bytes];
    case 'distinguished-name':
      return [identityType.distinguishedName, identity.value];
    case 'key-id':
      return [identityType.keyId, identity.value];
  }
}
