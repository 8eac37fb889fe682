// Tokens of one module, in the process that it runs in: which are in, who is logged in, and what the module's errors mean.
// Nothing here tries a PIN twice.
import { CryptokiError, type Module, type TokenInformation } from '../../../../native/pkcs11/binding.ts';
import { returnValue as code, slotFlag, tokenFlag, userType } from '../../../../native/pkcs11/constants.ts';
import { CardError } from '../contract.ts';
import type { ModulePin, SlotReport } from './messages.ts';

interface Witness {
  /** Open for as long as the token stays in: it dies with it, even if the token is back before anybody looks. */
  session: number | undefined;
  insertion: number;
}

/** One session of one piece of work. */
export interface TokenSession {
  readonly slot: number;
  readonly handle: number;
  /** The user has proved the PIN, now or before. */
  readonly loggedIn: boolean;
  readonly pin: ModulePin;
  readonly pinBytes: Uint8Array | undefined;
}

export class Tokens {
  readonly #module: Module;
  readonly #witnesses = new Map<number, Witness>();
  /** Sessions that keep a token unlocked. */
  readonly #kept = new Map<number, number>();
  #insertions = 0;

  constructor(module: Module) {
    this.#module = module;
  }

  /** Tokens that are in. `ignorePiv`: leave out PIV cards, which others speak to, untouched. */
  report(ignorePiv: boolean): SlotReport[] {
    const slots = this.#module.slots();
    for (const slot of [...this.#witnesses.keys()]) if (!slots.includes(slot)) this.#forget(slot);
    return slots.flatMap((slot) => this.#reportSlot(slot, ignorePiv) ?? []);
  }

  #reportSlot(slot: number, ignorePiv: boolean): SlotReport | undefined {
    try {
      const { description, flags } = this.#module.slotInformation(slot);
      if ((flags & slotFlag.tokenPresent) === 0) throw new CardError('no-card', 'empty');
      const token = this.#module.tokenInformation(slot);
      if ((token.flags & tokenFlag.tokenInitialized) === 0) throw new CardError('no-card', 'blank');
      if (ignorePiv && isPiv(token)) throw new CardError('no-card', 'spoken to directly');
      return { slot, reader: description, insertion: this.#insertion(slot), ...token };
    } catch (error) {
      if (!(error instanceof CryptokiError) && !(error instanceof CardError)) throw error;
      this.#forget(slot);
      return undefined;
    }
  }

  #insertion(slot: number): number {
    const known = this.#witnesses.get(slot);
    if (known?.session !== undefined && this.#module.isSessionAlive(known.session)) return known.insertion;
    if (known !== undefined) this.#forget(slot);
    this.#insertions += 1;
    this.#witnesses.set(slot, {
      session: this.#module.openSession(slot, false),
      insertion: this.#insertions,
    });
    return this.#insertions;
  }

  #forget(slot: number): void {
    const session = this.#witnesses.get(slot)?.session;
    this.#witnesses.delete(slot);
    if (session !== undefined) quietly(() => this.#module.closeSession(session));
    const kept = this.#kept.get(slot);
    this.#kept.delete(slot);
    if (kept !== undefined) quietly(() => this.#module.closeSession(kept));
  }

  information(slot: number): TokenInformation {
    return explained(() => this.#module.tokenInformation(slot));
  }

  /** undefined: the token does not tell how many. */
  triesLeft(slot: number): number | undefined {
    const { flags } = this.#module.tokenInformation(slot);
    return triesOf(flags);
  }

  /** Throws CardError. The user is logged out afterwards, unless `keepUnlocked`. */
  use<Value>(
    slot: number,
    options: { pin: ModulePin; keepUnlocked: boolean; readWrite: boolean },
    pinBytes: Uint8Array | undefined,
    work: (session: TokenSession) => Value,
  ): Value {
    const { pin, keepUnlocked, readWrite } = options;
    return explained(() => {
      const handle = this.#module.openSession(slot, readWrite);
      let isKept = false;
      try {
        if (pin.kind !== 'none') this.#login(slot, handle, pin, pinBytes);
        const loggedIn = pin.kind !== 'none' || this.#kept.has(slot);
        const result = work({ slot, handle, loggedIn, pin, pinBytes });
        if (keepUnlocked && pin.kind !== 'none' && !this.#kept.has(slot)) {
          this.#kept.set(slot, handle);
          isKept = true;
        }
        return result;
      } finally {
        if (pin.kind !== 'none' && !keepUnlocked) this.#logout(slot, handle);
        if (!isKept) quietly(() => this.#module.closeSession(handle));
      }
    }, this.#triesAfter(slot));
  }

  /** The same with the security officer logged in. */
  useAsOfficer<Value>(slot: number, pinBytes: Uint8Array, work: (handle: number) => Value): Value {
    return explained(
      () => {
        this.lock(slot);
        // No session that can only read may be open meanwhile.
        const witness = this.#witnesses.get(slot);
        if (witness?.session !== undefined) this.#module.closeSession(witness.session);
        if (witness) witness.session = undefined;
        try {
          const handle = this.#module.openSession(slot, true);
          try {
            this.#module.login(handle, userType.securityOfficer, pinBytes);
            return work(handle);
          } finally {
            quietly(() => this.#module.logout(handle));
            quietly(() => this.#module.closeSession(handle));
          }
        } finally {
          if (witness) quietly(() => (witness.session = this.#module.openSession(slot, false)));
        }
      },
      undefined,
      'puk',
    );
  }

  /** Ends what `keepUnlocked` left behind. */
  lock(slot: number): void {
    const kept = this.#kept.get(slot);
    if (kept !== undefined) this.#logout(slot, kept);
  }

  /** For a key that wants the PIN each time: right after C_SignInit or C_DecryptInit. */
  loginForOperation({ handle, pin, pinBytes, slot }: TokenSession): void {
    if (pin.kind === 'none') throw this.pinNeeded(slot);
    this.#module.login(handle, userType.contextSpecific, pinBytes);
  }

  pinNeeded(slot: number): CardError {
    return new CardError('pin-needed', 'the token wants its PIN', this.triesLeft(slot));
  }

  #login(slot: number, handle: number, pin: ModulePin, pinBytes: Uint8Array | undefined): void {
    const tries = this.triesLeft(slot);
    if (tries === 0) throw new CardError('pin-blocked', 'the PIN of the token is blocked', 0);
    if (tries === 1 && !pin.confirmLastTry) {
      throw new CardError('last-try', 'one try is left, and nobody confirmed it', 1);
    }
    this.lock(slot);
    this.#module.login(handle, userType.user, pin.kind === 'bytes' ? pinBytes : undefined);
  }

  #logout(slot: number, handle: number): void {
    quietly(() => this.#module.logout(handle));
    const kept = this.#kept.get(slot);
    this.#kept.delete(slot);
    if (kept !== undefined) quietly(() => this.#module.closeSession(kept));
  }

  #triesAfter(slot: number): () => number | undefined {
    return () => {
      try {
        return this.triesLeft(slot);
      } catch {
        return undefined;
      }
    };
  }
}

/** From CKF_…: blocked, one, or not told. */
export function triesOf(flags: number): number | undefined {
  if ((flags & tokenFlag.userPinLocked) !== 0) return 0;
  return (flags & tokenFlag.userPinFinalTry) !== 0 ? 1 : undefined;
}

/** A PIV card as modules present it. */
function isPiv({ label, manufacturer, model }: TokenInformation): boolean {
  return [label, manufacturer, model].some((text) => /(^|[^a-z])piv([^a-z]|$)/i.test(text));
}

/** Runs `work`; the module's errors become CardErrors. `whose`: who is meant by a wrong PIN. */
export function explained<Value>(
  work: () => Value,
  triesLeft: (() => number | undefined) | undefined = undefined,
  whose: 'pin' | 'puk' = 'pin',
): Value {
  try {
    return work();
  } catch (error) {
    if (error instanceof CardError) throw error;
    if (error instanceof CryptokiError) throw errorOf(error, triesLeft?.(), whose);
    throw new CardError('bad-answer', error instanceof Error ? error.message : 'the module failed');
  }
}

function errorOf(error: CryptokiError, triesLeft: number | undefined, whose: 'pin' | 'puk'): CardError {
  switch (error.code) {
    case code.pinIncorrect:
      if (whose === 'puk') return new CardError('puk-wrong', "the security officer's PIN is wrong");
      return triesLeft === 0
        ? new CardError('pin-blocked', 'the PIN was wrong, and is blocked now', 0)
        : new CardError('pin-wrong', 'the PIN is wrong', triesLeft);
    case code.pinLocked:
      return whose === 'puk'
        ? new CardError('puk-blocked', "the security officer's PIN is blocked")
        : new CardError('pin-blocked', 'the PIN of the token is blocked', 0);
    case code.pinInvalid:
    case code.pinLenRange:
      return new CardError('pin-invalid', 'the token does not take a PIN like that');
    case code.pinExpired:
      return new CardError('refused', "the PIN has expired: change it with the maker's tool");
    case code.userPinNotInitialized:
      return new CardError('refused', 'the token has no PIN yet');
    case code.userNotLoggedIn:
      return new CardError('pin-needed', 'the token wants its PIN', triesLeft);
    case code.functionCanceled:
      return new CardError('cancelled', 'nobody typed the PIN at the reader');
    case code.tokenNotPresent:
    case code.deviceRemoved:
    case code.slotIdInvalid:
    case code.sessionHandleInvalid:
    case code.sessionClosed:
      return new CardError('card-removed', 'the token was taken out');
    case code.tokenNotRecognized:
      return new CardError('unknown-card', 'the module does not know this token');
    case code.deviceMemory:
      return new CardError('card-full', 'the token has no room left');
    case code.mechanismInvalid:
    case code.mechanismParamInvalid:
    case code.keySizeRange:
    case code.keyTypeInconsistent:
    case code.keyFunctionNotPermitted:
    case code.domainParamsInvalid:
      return new CardError('key-unsuitable', `the token cannot do that with this key (${error.message})`);
    case code.functionNotSupported:
      return new CardError('not-supported', `the module cannot do that (${error.message})`);
    case code.tokenWriteProtected:
      return new CardError('refused', 'the token is write-protected');
    case code.noLibrary:
      return new CardError('no-library', 'the module cannot be loaded');
    default:
      return new CardError('refused', error.message);
  }
}

function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // the token is gone, which ends all that was to be ended
  }
}
