// The one who is asked in EAP (RFC 3748, "peer"): answers identity, notification, MS-CHAPv2 and generic token card,
// and refuses what it does not speak. A packet goes in, what to do comes out; the password is asked for by such a step.
import { concatBytes, IkeFormatError, sameBytes } from '../ike/bytes.ts';
import type { EapMethod, EapProblem, PasswordKind } from '../ike/contract.ts';
import type { SecretMemory } from '../ike/key-derivation.ts';
import { type Challenge, masterSessionKey, ntResponse, passwordHash, provesPassword } from './ms-chap-v2.ts';
import { decodeEap, type EapPacket, eapCode, eapType, encodeEap } from './packet.ts';

export type EapStep =
  | { readonly type: 'respond'; readonly packet: Uint8Array }
  /** Continue with `provide`. `message`: the other end's words. */
  | { readonly type: 'ask'; readonly kind: PasswordKind; readonly message: string }
  | { readonly type: 'success' }
  | { readonly type: 'failure'; readonly problem: EapProblem | undefined };

export interface EapSurroundings extends SecretMemory {
  random(bytes: Uint8Array): void;
}

export interface EapSettings {
  /** "alice", "alice@example.org", "DOMAIN\\alice". */
  readonly userName: string;
  readonly methods: readonly EapMethod[];
}

/** More requests than any honest conversation has. */
const mostRequests = 32;
const longestMessage = 512;

const methodTypes: Readonly<Record<EapMethod, number>> = {
  mschapv2: eapType.msChapV2,
  gtc: eapType.genericTokenCard,
};

const operation = { challenge: 1, response: 2, success: 3, failure: 4 } as const;

/** RFC 2759 section 6. */
const errorProblems: Readonly<Record<string, EapProblem>> = {
  '646': 'not-permitted',
  '647': 'account-disabled',
  '648': 'password-expired',
  '649': 'not-permitted',
  '691': 'wrong-password',
};

export class EapPeer {
  readonly #surroundings: EapSurroundings;
  readonly #settings: EapSettings;
  #requests = 0;
  /** The method whose request was answered first; another one may not follow (RFC 3748 section 2.1). */
  #method: number | undefined;
  #last: { readonly request: Uint8Array; readonly response: Uint8Array } | undefined;
  #pending: ((secret: Uint8Array) => EapStep) | undefined;
  #challenge:
    | { readonly values: Challenge; readonly hash: Uint8Array; readonly response: Uint8Array }
    | undefined;
  /** The other end has shown that it knows the password, or the method has no way to. */
  #complete = false;
  #wasChallenged = false;
  #tokens = 0;
  #problem: EapProblem | undefined;
  #key: Uint8Array | undefined;

  constructor(surroundings: EapSurroundings, settings: EapSettings) {
    this.#surroundings = surroundings;
    this.#settings = settings;
  }

  /** The MSK after success, 64 bytes; undefined where the method makes none. Stays the peer's: `dispose` wipes it. */
  get key(): Uint8Array | undefined {
    return this.#key;
  }

  /** What a refusal at this time is for, as far as it is known. */
  get problem(): EapProblem | undefined {
    return this.#problem;
  }

  /** Throws IkeFormatError for what RFC 3748 does not allow at this time; nothing can follow then. */
  receive(bytes: Uint8Array): EapStep {
    const packet = decodeEap(bytes);
    switch (packet.code) {
      case eapCode.request:
        return this.#answer(bytes, packet);
      case eapCode.success:
        if (!this.#complete) throw new IkeFormatError('EAP success before the method was complete');
        return { type: 'success' };
      case eapCode.failure:
        return { type: 'failure', problem: this.#problem };
      default:
        throw new IkeFormatError(`EAP packet of code ${packet.code}`);
    }
  }

  /** The answer to a step `ask`, in UTF-8. The caller frees it afterwards. */
  provide(secret: Uint8Array): EapStep {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) throw new IkeFormatError('EAP was not waiting for a password');
    return pending(secret);
  }

  dispose(): void {
    this.#forgetChallenge();
    if (this.#key !== undefined) this.#surroundings.freeSecret(this.#key);
    this.#key = undefined;
    this.#last?.response.fill(0);
    this.#last = undefined;
    this.#pending = undefined;
  }

  #answer(bytes: Uint8Array, packet: EapPacket): EapStep {
    this.#requests += 1;
    if (this.#requests > mostRequests) throw new IkeFormatError('EAP does not come to an end');
    // A request that is repeated gets the same answer (RFC 3748 section 4.1).
    if (this.#last !== undefined && sameBytes(this.#last.request, bytes)) {
      return { type: 'respond', packet: this.#last.response };
    }
    const { type, data } = packet;
    switch (type) {
      case eapType.identity:
        if (this.#method !== undefined) throw new IkeFormatError('EAP identity asked for within a method');
        return this.#respond(bytes, packet, eapType.identity, utf8(this.#settings.userName));
      case eapType.notification:
        return this.#respond(bytes, packet, eapType.notification, new Uint8Array(0));
      case eapType.msChapV2:
      case eapType.genericTokenCard:
        if (!this.#speaks(type)) return this.#refuse(bytes, packet);
        if (this.#method !== undefined && this.#method !== type)
          throw new IkeFormatError('a second EAP method');
        this.#method = type;
        return type === eapType.msChapV2
          ? this.#msChapV2(bytes, packet, data)
          : this.#genericTokenCard(bytes, packet, data);
      default:
        return this.#refuse(bytes, packet);
    }
  }

  #speaks(type: number): boolean {
    return this.#settings.methods.some((method) => methodTypes[method] === type);
  }

  /** Legacy Nak with what we do speak (RFC 3748 section 5.3.1), MD5 and expanded types included. */
  #refuse(bytes: Uint8Array, packet: EapPacket): EapStep {
    if (this.#method !== undefined) throw new IkeFormatError('another EAP method within a method');
    this.#problem = 'no-common-method';
    const wanted = this.#settings.methods.map((method) => methodTypes[method]);
    return this.#respond(bytes, packet, eapType.nak, new Uint8Array(wanted));
  }

  #respond(request: Uint8Array, { identifier }: EapPacket, type: number, data: Uint8Array): EapStep {
    const response = encodeEap(eapCode.response, identifier, type, data);
    this.#last?.response.fill(0);
    this.#last = { request: request.slice(), response };
    return { type: 'respond', packet: response };
  }

  /** The first question is for the password; whatever comes after it, for a code. */
  #genericTokenCard(bytes: Uint8Array, packet: EapPacket, data: Uint8Array): EapStep {
    const request = bytes.slice();
    const kind: PasswordKind = this.#tokens === 0 ? 'password' : 'one-time-code';
    this.#tokens += 1;
    // It proves nothing to us: that the gateway is genuine, its certificate has shown before.
    this.#complete = true;
    this.#problem = 'wrong-password';
    this.#pending = (secret) => this.#respond(request, packet, eapType.genericTokenCard, secret);
    return { type: 'ask', kind, message: messageOf(data) };
  }

  #msChapV2(bytes: Uint8Array, packet: EapPacket, data: Uint8Array): EapStep {
    switch (data[0]) {
      case operation.challenge:
        return this.#respondToChallenge(bytes, packet, data);
      case operation.success:
        return this.#succeeded(bytes, packet, data);
      case operation.failure:
        return this.#failed(bytes, packet, data);
      default:
        throw new IkeFormatError('unknown operation of EAP-MS-CHAPv2');
    }
  }

  /** Operation, identifier, 2 bytes of length, value size 16, challenge, name of the server. */
  #respondToChallenge(bytes: Uint8Array, packet: EapPacket, data: Uint8Array): EapStep {
    if (data.length < 21 || data[4] !== 16) throw new IkeFormatError('MS-CHAPv2 challenge of wrong size');
    // Also where the server lets us retry: whoever typed the password is asked first.
    if (this.#wasChallenged) throw new IkeFormatError('a second MS-CHAPv2 challenge');
    this.#wasChallenged = true;
    const request = bytes.slice();
    const identifier = data[1]!;
    const authenticator = data.slice(5, 21);
    this.#pending = (secret) => {
      const peer = new Uint8Array(16);
      this.#surroundings.random(peer);
      const { userName } = this.#settings;
      const values: Challenge = { authenticator, peer, userName };
      const hash = passwordHash(this.#surroundings, secret);
      const response = ntResponse(values, hash);
      this.#challenge = { values, hash, response };
      this.#problem = 'wrong-password';
      const name = utf8(userName);
      const length = 54 + name.length;
      const head = new Uint8Array([operation.response, identifier, length >>> 8, length & 0xff, 49]);
      const body = concatBytes([head, peer, new Uint8Array(8), response, new Uint8Array(1), name]);
      return this.#respond(request, packet, eapType.msChapV2, body);
    };
    return { type: 'ask', kind: 'password', message: '' };
  }

  /** "S=" and 40 digits: the server knows the password, or it has no business here. */
  #succeeded(bytes: Uint8Array, packet: EapPacket, data: Uint8Array): EapStep {
    const challenge = this.#challenge;
    if (challenge === undefined) throw new IkeFormatError('MS-CHAPv2 success without a challenge');
    const { values, hash, response } = challenge;
    const proof = /^S=([0-9A-Fa-f]{40})/.exec(messageOf(data.subarray(4)))?.[1] ?? '';
    if (!provesPassword(values, hash, response, proof))
      return { type: 'failure', problem: 'server-unproven' };
    this.#key = masterSessionKey(this.#surroundings, hash, response);
    this.#forgetChallenge();
    this.#complete = true;
    this.#problem = undefined;
    return this.#respond(bytes, packet, eapType.msChapV2, new Uint8Array([operation.success]));
  }

  #failed(bytes: Uint8Array, packet: EapPacket, data: Uint8Array): EapStep {
    const code = /\bE=(\d{1,10})/.exec(messageOf(data.subarray(4)))?.[1] ?? '';
    this.#problem = errorProblems[code] ?? 'wrong-password';
    this.#forgetChallenge();
    return this.#respond(bytes, packet, eapType.msChapV2, new Uint8Array([operation.failure]));
  }

  #forgetChallenge(): void {
    if (this.#challenge !== undefined) this.#surroundings.freeSecret(this.#challenge.hash);
    this.#challenge = undefined;
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function messageOf(data: Uint8Array): string {
  return new TextDecoder().decode(data.subarray(0, longestMessage));
}
