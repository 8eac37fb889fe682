// One piece of work with one card: connect, one transaction, and letting go of it so that nobody finds it unlocked.
// For the worker that owns the context. Nothing here tries a PIN twice.
import { mapLockedPages } from '../../../native/locked-memory/index.ts';
import { disposition, type Pcsc, PcscError, pcscCode, shareMode } from '../../../native/pcsc/binding.ts';
import type { CardChannel } from './apdu.ts';
import { CardError } from './contract.ts';
import { findPinPad, type PinPad } from './pin-pad.ts';
import { PivApplication } from './piv.ts';

const commandBytes = 16 * 1024;
const answerBytes = 64 * 1024 + 4096;
const busyMilliseconds = 400;

export interface CardInUse {
  readonly piv: PivApplication;
  readonly pinPad: PinPad | undefined;
  /** The card was reset by somebody, and the work begins again: what a PIN has unlocked is shut. */
  readonly isSecondTry: boolean;
  /** Say so before a PIN is sent: the card is reset at the end, whatever becomes of the work. */
  willUnlock(): void;
}

export class CardSessions {
  readonly #pcsc: Pcsc;
  readonly #memory = mapLockedPages(128 * 1024);
  #context: number | undefined;

  constructor(pcsc: Pcsc) {
    this.#pcsc = pcsc;
  }

  /** Throws CardError. `keepUnlocked`: leave the card as the work leaves it. */
  use<Value>(reader: string, keepUnlocked: boolean, work: (card: CardInUse) => Value): Value {
    try {
      return this.#useTwice(reader, keepUnlocked, work);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Whatever a PIN unlocked is shut. */
  reset(reader: string): void {
    try {
      const { card } = this.#connect(reader);
      this.#pcsc.disconnect(card, disposition.reset);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #useTwice<Value>(reader: string, keepUnlocked: boolean, work: (card: CardInUse) => Value): Value {
    try {
      return this.#useOnce(reader, keepUnlocked, work, false);
    } catch (error) {
      if (!(error instanceof PcscError) || error.code !== pcscCode.resetCard) throw error;
      return this.#useOnce(reader, keepUnlocked, work, true);
    }
  }

  #useOnce<Value>(
    reader: string,
    keepUnlocked: boolean,
    work: (card: CardInUse) => Value,
    isSecondTry: boolean,
  ): Value {
    const pcsc = this.#pcsc;
    const { card, protocol } = this.#connect(reader);
    let atTheEnd: number = disposition.leave;
    try {
      this.#begin(card);
      try {
        const piv = new PivApplication(this.#channel(card, protocol));
        piv.select();
        return work({
          piv,
          pinPad: findPinPad(pcsc, card),
          isSecondTry,
          willUnlock: () => {
            atTheEnd = keepUnlocked ? disposition.leave : disposition.reset;
          },
        });
      } finally {
        quietly(() => pcsc.endTransaction(card, atTheEnd));
      }
    } finally {
      quietly(() => pcsc.disconnect(card, disposition.leave));
      this.#memory.bytes.fill(0);
    }
  }

  #connect(reader: string): { card: number; protocol: number } {
    for (let attempt = 0; ; attempt++) {
      try {
        this.#context ??= this.#pcsc.establishContext();
        return this.#pcsc.connect(this.#context, reader, shareMode.shared);
      } catch (error) {
        if (!(error instanceof PcscError) || attempt > 0) throw error;
        if (contextIsGone.has(error.code)) this.#forgetContext();
        else if (error.code === pcscCode.sharingViolation) sleep(busyMilliseconds);
        else throw error;
      }
    }
  }

  #begin(card: number): void {
    try {
      this.#pcsc.beginTransaction(card);
    } catch (error) {
      if (!(error instanceof PcscError) || error.code !== pcscCode.resetCard) throw error;
      this.#pcsc.reconnect(card, shareMode.shared, disposition.leave);
      this.#pcsc.beginTransaction(card);
    }
  }

  #channel(card: number, protocol: number): CardChannel {
    const { bytes, address } = this.#memory;
    const answerOffset = commandBytes + 1024;
    const pcsc = this.#pcsc;
    return {
      command: bytes.subarray(0, commandBytes),
      secret: bytes.subarray(commandBytes, answerOffset),
      isT0: protocol === 1,
      transmit(length) {
        const got = pcsc.transmit(card, protocol, address, length, address + answerOffset, answerBytes);
        return bytes.subarray(answerOffset, answerOffset + got);
      },
    };
  }

  #forgetContext(): void {
    const context = this.#context;
    this.#context = undefined;
    if (context !== undefined) quietly(() => this.#pcsc.releaseContext(context));
  }

  #explained(error: unknown): CardError {
    if (error instanceof CardError) return error;
    if (!(error instanceof PcscError)) {
      return new CardError('bad-answer', error instanceof Error ? error.message : String(error));
    }
    if (contextIsGone.has(error.code)) this.#forgetContext();
    switch (error.code) {
      case pcscCode.noService:
      case pcscCode.serviceStopped:
      case pcscCode.invalidHandle:
      case pcscCode.communicationError:
        return new CardError('no-service', "the computer's service for smart cards does not answer");
      case pcscCode.noReadersAvailable:
      case pcscCode.unknownReader:
      case pcscCode.readerUnavailable:
        return new CardError('no-reader', 'the reader is gone');
      case pcscCode.noSmartcard:
      case pcscCode.removedCard:
        return new CardError('card-removed', 'the card was taken out');
      case pcscCode.sharingViolation:
        return new CardError('busy', 'another program holds the card for itself');
      case pcscCode.resetCard:
        return new CardError('pin-needed', 'another program reset the card: it wants its PIN again');
      case pcscCode.unresponsiveCard:
      case pcscCode.unpoweredCard:
      case pcscCode.unsupportedCard:
      case pcscCode.protocolMismatch:
        return new CardError('unknown-card', 'the card does not answer; is it in the right way round?');
      default:
        return new CardError('card-removed', `the reader failed (${error.message})`);
    }
  }
}

const contextIsGone = new Set<number>([
  pcscCode.noService,
  pcscCode.serviceStopped,
  pcscCode.invalidHandle,
  pcscCode.communicationError,
]);

function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // the card or the service is gone, which ends all that was to be ended
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
