// Carries out one piece of work with a PIV card, in the worker that owns the sessions.
import { viewOfAddress } from '../../../native/libc-memory.ts';
import type { CardInUse, CardSessions } from './card-session.ts';
import { CardError, keyPurposes } from './contract.ts';
import type { CardWork, CardWorkResult, PinPlace, Place, ReadCard } from './worker-messages.ts';

/** Throws CardError. */
export function doCardWork(sessions: CardSessions, reader: string, work: CardWork): CardWorkResult {
  if (work.type === 'lock') {
    sessions.reset(reader);
    return undefined;
  }
  const keepUnlocked = 'keepUnlocked' in work && work.keepUnlocked;
  return sessions.use(reader, keepUnlocked, (card) => doWork(card, work));
}

function doWork(card: CardInUse, work: Exclude<CardWork, { type: 'lock' }>): CardWorkResult {
  const { piv } = card;
  switch (work.type) {
    case 'describe':
      return describe(card);
    case 'tries':
      return piv.triesLeft();
    case 'verify-pin':
      unlock(card, work.pin);
      return undefined;
    case 'sign':
      unlock(card, work.pin);
      return piv.sign(work.purpose, work.algorithm, work.scheme, work.data);
    case 'agree': {
      unlock(card, work.pin);
      const secret = bytesAt(work.result);
      piv.agree(work.purpose, work.algorithm, work.peerPoint, secret);
      return secret.length;
    }
    case 'decrypt':
      unlock(card, work.pin);
      return piv.decrypt(work.purpose, work.algorithm, work.ciphertext, work.label, bytesAt(work.result));
    case 'read-object':
      return readFirst(card, work.tags);
    case 'write-object':
      piv.proveManagementKey(bytesAt(work.managementKey));
      card.willUnlock();
      writeFirst(card, work.tags, work.content);
      return undefined;
    case 'change-pin': {
      const { present, next, puk } = work;
      if (present.kind === 'pin-pad' || next === undefined) {
        throw new CardError('not-supported', 'a PIN is changed at the keyboard of this computer');
      }
      if (!puk) checkTries(card, present.confirmLastTry);
      card.willUnlock();
      piv.changePin(bytesAt(present.place), bytesAt(next), puk);
      return undefined;
    }
    case 'unblock': {
      if (work.puk.kind === 'pin-pad') {
        throw new CardError('not-supported', 'the PUK is typed at the keyboard of this computer');
      }
      card.willUnlock();
      piv.unblock(bytesAt(work.puk.place), bytesAt(work.next));
      return undefined;
    }
    case 'generate-key': {
      piv.proveManagementKey(bytesAt(work.managementKey));
      card.willUnlock();
      if (piv.identifier() === undefined) {
        piv.writeHolderIdentifier(crypto.getRandomValues(new Uint8Array(16)));
      }
      return piv.generateKey(work.purpose, work.algorithm);
    }
    case 'public-key':
      return piv.metadata(work.purpose)?.publicKey;
    case 'write-certificate':
      piv.proveManagementKey(bytesAt(work.managementKey));
      card.willUnlock();
      piv.writeCertificate(work.purpose, work.certificate);
      return undefined;
  }
}

function describe({ piv, pinPad }: CardInUse): ReadCard {
  const keys = keyPurposes.flatMap((purpose) => {
    const certificate = piv.certificate(purpose);
    if (certificate === undefined) return [];
    return [{ purpose, certificate, pinPolicy: piv.metadata(purpose)?.pinPolicy ?? 'unknown' }];
  });
  return {
    identifier: piv.identifier(),
    pinPad: pinPad !== undefined,
    triesLeft: piv.triesLeft(),
    keys,
  };
}

/** Proves the PIN where one was given. A card that was reset meanwhile does not get it again. */
function unlock(card: CardInUse, pin: PinPlace | undefined): void {
  if (pin === undefined) return;
  if (card.isSecondTry)
    throw new CardError('pin-needed', 'another program reset the card: it wants its PIN again');
  checkTries(card, pin.confirmLastTry);
  card.willUnlock();
  if (pin.kind === 'bytes') {
    card.piv.verifyPin(bytesAt(pin.place));
    return;
  }
  if (card.pinPad === undefined) throw new CardError('not-supported', 'the reader has no keys for a PIN');
  card.piv.checkPinPad(card.pinPad.verify(card.piv.pinReference));
}

function checkTries({ piv }: CardInUse, confirmLastTry: boolean): void {
  const tries = piv.triesLeft();
  if (tries === 0) throw new CardError('pin-blocked', 'the PIN of the card is blocked', 0);
  if (tries === 1 && !confirmLastTry) {
    throw new CardError('last-try', 'one wrong PIN more blocks the card', 1);
  }
}

function readFirst({ piv }: CardInUse, tags: readonly number[]): Uint8Array | undefined {
  for (const tag of tags) {
    const content = piv.readObject(tag);
    if (content !== undefined) return content;
  }
  return undefined;
}

/** In the first place that the card takes; the others are left as they are. */
function writeFirst({ piv }: CardInUse, tags: readonly number[], content: Uint8Array): void {
  for (const [index, tag] of tags.entries()) {
    try {
      piv.writeObject(tag, content);
      return;
    } catch (error) {
      const isOther = error instanceof CardError && error.problem === 'not-supported';
      if (!isOther || index === tags.length - 1) throw error;
    }
  }
}

function bytesAt({ address, length }: Place): Uint8Array {
  return viewOfAddress(address, length);
}
