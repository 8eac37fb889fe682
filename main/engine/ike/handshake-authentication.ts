// Both sides of AUTH in a handshake, for initiator and responder alike: proving who we are and checking who the peer
// is, with the pre-shared key, the signer and the verifier asked for by effects.
import type { IkeAssociation } from './association.ts';
import {
  authenticationPayload,
  planSigning,
  readSignature,
  sameAuthentication,
  sharedKeyAuthentication,
  signedOctets,
} from './authentication.ts';
import type { ConnectionId, Identity, IkeConfiguration, IkeFailure } from './contract.ts';
import type { EngineCore } from './core.ts';
import { encodeIdentity, sameIdentity } from './identity.ts';
import type { NatDetected } from './nat-detection.ts';
import { authenticationMethod, certificateEncoding, notifyType } from './numbers.ts';
import { findNotify, findPayloads, type Payload, type PayloadOf } from './payloads.ts';

/** What IKE_SA_INIT left behind. */
export interface InitOutcome {
  readonly association: IkeAssociation;
  /** Whole IKE_SA_INIT messages, as sent and as received: AUTH covers them. */
  readonly ourMessage: Uint8Array;
  readonly theirMessage: Uint8Array;
  readonly ourNonce: Uint8Array;
  readonly theirNonce: Uint8Array;
  /** RFC 7427; undefined: the peer does not know it. */
  readonly peerHashes: readonly number[] | undefined;
  readonly natDetected: NatDetected;
  readonly encapsulation: 'udp' | 'native';
}

export class HandshakeAuthentication {
  readonly #core: EngineCore;
  readonly #connection: ConnectionId;
  readonly #configuration: IkeConfiguration;
  readonly #outcome: InitOutcome;
  #psk: Uint8Array | undefined;

  constructor(
    core: EngineCore,
    connection: ConnectionId,
    configuration: IkeConfiguration,
    outcome: InitOutcome,
  ) {
    this.#core = core;
    this.#connection = connection;
    this.#configuration = configuration;
    this.#outcome = outcome;
  }

  /** Withdraws what was asked for and wipes the key. */
  dispose(): void {
    this.#core.forget(this);
    if (this.#psk !== undefined) this.#core.environment.freeSecret(this.#psk);
    this.#psk = undefined;
  }

  /** Our AUTH payload; `remoteIdentity` picks the pre-shared key. */
  prove(remoteIdentity: Identity, done: (result: { auth: Payload } | { failure: IkeFailure }) => void): void {
    const { localAuthentication } = this.#configuration;
    if (localAuthentication.method === 'psk') {
      this.#withPsk(remoteIdentity, (psk) =>
        done(
          psk === undefined
            ? { failure: { code: 'secret-missing' } }
            : { auth: this.#sharedKeyAuth(psk, this.#ourOctets()) },
        ),
      );
      return;
    }
    if (localAuthentication.method === 'eap') {
      done({ failure: { code: 'signing-failed', detail: 'EAP is for initiators' } });
      return;
    }
    const plan = planSigning(localAuthentication.keyType, this.#outcome.peerHashes);
    if (plan === undefined) {
      done({ failure: { code: 'signing-failed', detail: 'no signature hash in common with the peer' } });
      return;
    }
    this.#core.ask(
      this,
      (request) => ({
        type: 'sign',
        request,
        connection: this.#connection,
        scheme: plan.scheme,
        data: this.#ourOctets(),
      }),
      {
        signed: ({ signature, problem }) => {
          const auth = signature && plan.payload(signature);
          done(
            auth === undefined
              ? { failure: { code: 'signing-failed', ...(problem === undefined ? {} : { detail: problem }) } }
              : { auth },
          );
        },
      },
    );
  }

  /** Checks the peer's AUTH payload; `done` with why it fails, or nothing. */
  verify(
    payloads: readonly Payload[],
    auth: PayloadOf<'authentication'>,
    identity: Identity,
    identityBody: Uint8Array,
    done: (failure: IkeFailure | undefined) => void,
  ): void {
    const { remoteIdentity, remoteAuthentication } = this.#configuration;
    if (remoteIdentity !== undefined && !sameIdentity(remoteIdentity, identity)) {
      done({ code: 'peer-authentication-failed', problem: 'wrong-identity' });
      return;
    }
    if (remoteAuthentication === 'psk') this.#verifySharedKey(auth, identity, identityBody, done);
    else this.#verifyCertificate(payloads, auth, identity, identityBody, done);
  }

  /**
   * After EAP, both sides prove themselves once more by its key (RFC 7296 section 2.16), or by SK_pi and SK_pr where
   * it made none.
   */
  proveByKey(key: Uint8Array | undefined): Payload {
    const { keys } = this.#outcome.association;
    return this.#sharedKeyAuth(key ?? keys.authenticationInitiator, this.#ourOctets());
  }

  fitsKey(auth: PayloadOf<'authentication'>, key: Uint8Array | undefined, identityBody: Uint8Array): boolean {
    const { keys } = this.#outcome.association;
    const octets = this.#theirOctets(identityBody);
    const expected = this.#sharedKeyAuth(key ?? keys.authenticationResponder, octets);
    return auth.method === authenticationMethod.sharedKey && sameAuthentication(expected.data, auth.data);
  }

  #verifySharedKey(
    auth: PayloadOf<'authentication'>,
    identity: Identity,
    identityBody: Uint8Array,
    done: (failure: IkeFailure | undefined) => void,
  ): void {
    this.#withPsk(identity, (psk) => {
      if (psk === undefined) {
        done({ code: 'secret-missing' });
        return;
      }
      const expected = this.#sharedKeyAuth(psk, this.#theirOctets(identityBody));
      const fits =
        auth.method === authenticationMethod.sharedKey && sameAuthentication(expected.data, auth.data);
      done(fits ? undefined : { code: 'peer-authentication-failed', problem: 'wrong-psk' });
    });
  }

  #verifyCertificate(
    payloads: readonly Payload[],
    auth: PayloadOf<'authentication'>,
    identity: Identity,
    identityBody: Uint8Array,
    done: (failure: IkeFailure | undefined) => void,
  ): void {
    const read = readSignature(auth, this.#outcome.peerHashes);
    if (read === undefined) {
      const detail = `authentication method ${auth.method} or its algorithm is not accepted`;
      done({ code: 'peer-authentication-failed', problem: 'bad-signature', detail });
      return;
    }
    const certificates = findPayloads(payloads, 'certificate')
      .filter(({ encoding }) => encoding === certificateEncoding.x509Signature)
      .map(({ data }) => data.slice());
    this.#core.ask(
      this,
      (request) => ({
        type: 'verify-peer',
        request,
        connection: this.#connection,
        certificates,
        identity,
        ...read,
        data: this.#theirOctets(identityBody),
      }),
      {
        'peer-verified': ({ valid, problem, detail }) =>
          done(
            valid
              ? undefined
              : {
                  code: 'peer-authentication-failed',
                  problem: problem ?? 'untrusted',
                  ...(detail === undefined ? {} : { detail }),
                },
          ),
      },
    );
  }

  /** Asks for the key once in a handshake; it is wiped by `dispose`. */
  #withPsk(remoteIdentity: Identity, use: (psk: Uint8Array | undefined) => void): void {
    if (this.#psk !== undefined) {
      use(this.#psk);
      return;
    }
    this.#core.ask(
      this,
      (request) => ({
        type: 'get-psk',
        request,
        connection: this.#connection,
        localIdentity: this.#configuration.localIdentity,
        remoteIdentity,
      }),
      {
        psk: ({ secret }) => {
          this.#psk = secret;
          use(secret);
        },
      },
    );
  }

  #sharedKeyAuth(psk: Uint8Array, octets: Uint8Array): PayloadOf<'authentication'> {
    const { environment } = this.#core;
    const { prf } = this.#outcome.association.proposal;
    return authenticationPayload(
      authenticationMethod.sharedKey,
      sharedKeyAuthentication(environment, prf, psk, octets),
    );
  }

  #ourOctets(): Uint8Array {
    const { association, ourMessage, theirNonce } = this.#outcome;
    const { keys, isInitiator } = association;
    const key = isInitiator ? keys.authenticationInitiator : keys.authenticationResponder;
    const body = encodeIdentity(this.#configuration.localIdentity);
    return signedOctets(association.proposal.prf, ourMessage, theirNonce, key, body);
  }

  #theirOctets(identityBody: Uint8Array): Uint8Array {
    const { association, theirMessage, ourNonce } = this.#outcome;
    const { keys, isInitiator } = association;
    const key = isInitiator ? keys.authenticationResponder : keys.authenticationInitiator;
    return signedOctets(association.proposal.prf, theirMessage, ourNonce, key, identityBody);
  }
}

/** Our CERT payloads, own certificate first. */
export function certificatePayloads(configuration: IkeConfiguration): Payload[] {
  const { localAuthentication } = configuration;
  if (localAuthentication.method !== 'certificate') return [];
  return localAuthentication.certificates.map((data) => ({
    kind: 'certificate',
    encoding: certificateEncoding.x509Signature,
    data,
  }));
}

/** SIGNATURE_HASH_ALGORITHMS (RFC 7427 section 4). */
export function readPeerHashes(payloads: readonly Payload[]): number[] | undefined {
  const found = findNotify(payloads, notifyType.signatureHashAlgorithms);
  if (found === undefined) return undefined;
  const hashes: number[] = [];
  for (let index = 0; index + 1 < found.data.length; index += 2) {
    hashes.push(found.data[index]! * 256 + found.data[index + 1]!);
  }
  return hashes;
}
