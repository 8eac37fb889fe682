// What AUTH covers and what it carries (RFC 7296 section 2.15, RFC 7427, RFC 4754).
import { timingSafeEqual } from 'node:crypto';
import { bytesOf, concatBytes } from './bytes.ts';
import type { IkePrf, LocalAuthentication, SignatureScheme } from './contract.ts';
import { prfInto, type SecretMemory } from './key-derivation.ts';
import { authenticationMethod } from './numbers.ts';
import type { PayloadOf } from './payloads.ts';
import {
  chooseScheme,
  derToRawSignature,
  rawToDerSignature,
  schemePrefix,
  splitDigitalSignature,
} from './signature-scheme.ts';
import { prfs } from './transforms.ts';

/** The octets one side signs: its first message, the other's nonce, and prf(SK_p, its ID payload's body). */
export function signedOctets(
  prf: IkePrf,
  firstMessage: Uint8Array,
  otherNonce: Uint8Array,
  authenticationKey: Uint8Array,
  identityBody: Uint8Array,
): Uint8Array {
  const maced = new Uint8Array(prfs[prf].length);
  prfInto(maced, prf, authenticationKey, identityBody);
  return concatBytes([firstMessage, otherNonce, maced]);
}

/** AUTH of method 2: prf(prf(shared secret, "Key Pad for IKEv2"), octets). */
export function sharedKeyAuthentication(
  memory: SecretMemory,
  prf: IkePrf,
  sharedSecret: Uint8Array,
  octets: Uint8Array,
): Uint8Array {
  const padded = memory.allocateSecret(prfs[prf].length);
  prfInto(padded, prf, sharedSecret, keyPad);
  const result = new Uint8Array(prfs[prf].length);
  prfInto(result, prf, padded, octets);
  memory.freeSecret(padded);
  return result;
}

/** In constant time. */
export function sameAuthentication(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

/** How we sign, and how a signature becomes an AUTH payload. */
export interface SigningPlan {
  readonly scheme: SignatureScheme;
  /** Undefined where the signer gave something that is no signature of the scheme. */
  payload(signature: Uint8Array): PayloadOf<'authentication'> | undefined;
}

/**
 * RFC 7427 where the peer announced hashes; else the classic method of the key's type. Undefined: the peer announced
 * hashes, and none of them is ours, or the key needs RFC 7427 and the peer does not know it.
 */
export function planSigning(
  keyType: Extract<LocalAuthentication, { method: 'certificate' }>['keyType'],
  peerHashes: readonly number[] | undefined,
): SigningPlan | undefined {
  if (peerHashes !== undefined) {
    const scheme = chooseScheme(keyType, peerHashes);
    if (scheme === undefined) return undefined;
    const prefix = schemePrefix(scheme);
    return {
      scheme,
      payload: (signature) =>
        authenticationPayload(authenticationMethod.digitalSignature, concatBytes([prefix, signature])),
    };
  }
  if (keyType === 'rsa') {
    return {
      scheme: { kind: 'rsa-pkcs1', hash: 'sha1' },
      payload: (signature) => authenticationPayload(authenticationMethod.rsaSignature, signature),
    };
  }
  if (keyType === 'ecdsa-p384') return undefined;
  return {
    scheme: { kind: 'ecdsa', hash: 'sha256' },
    payload(signature) {
      const raw = derToRawSignature(signature);
      return raw && authenticationPayload(authenticationMethod.ecdsaP256, raw);
    },
  };
}

/**
 * Scheme and (DER, for ECDSA) signature of a peer's AUTH payload; undefined where we do not accept its method. The
 * classic methods are only for a peer that did not announce RFC 7427.
 */
export function readSignature(
  auth: PayloadOf<'authentication'>,
  peerHashes: readonly number[] | undefined,
): { scheme: SignatureScheme; signature: Uint8Array } | undefined {
  switch (auth.method) {
    case authenticationMethod.digitalSignature:
      return splitDigitalSignature(auth.data);
    case authenticationMethod.rsaSignature:
      if (peerHashes !== undefined) return undefined;
      return { scheme: { kind: 'rsa-pkcs1', hash: 'sha1' }, signature: auth.data.slice() };
    case authenticationMethod.ecdsaP256: {
      const signature = rawToDerSignature(auth.data);
      return signature && { scheme: { kind: 'ecdsa', hash: 'sha256' }, signature };
    }
    default:
      return undefined;
  }
}

export function authenticationPayload(method: number, data: Uint8Array): PayloadOf<'authentication'> {
  return { kind: 'authentication', method, data };
}

const keyPad = bytesOf('Key Pad for IKEv2');
