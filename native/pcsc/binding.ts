// PC/SC (pcsc-lite, winscard, macOS's framework): calls that block, made by whichever thread owns the context. Addresses
// and handles are Numbers.
import koffi from 'koffi';
import { allocateBlock, writePointer } from '../libc-memory.ts';
import type { PcscFunction, PcscPlatform } from './platform.ts';

/** Return values that callers tell apart; `noLibrary` is our own. */
export const pcscCode = {
  success: 0,
  noLibrary: -1,
  cancelled: 0x8010_0002,
  invalidHandle: 0x8010_0003,
  insufficientBuffer: 0x8010_0008,
  unknownReader: 0x8010_0009,
  timeout: 0x8010_000a,
  sharingViolation: 0x8010_000b,
  noSmartcard: 0x8010_000c,
  protocolMismatch: 0x8010_000f,
  notReady: 0x8010_0010,
  communicationError: 0x8010_0013,
  notTransacted: 0x8010_0016,
  readerUnavailable: 0x8010_0017,
  noService: 0x8010_001d,
  serviceStopped: 0x8010_001e,
  noReadersAvailable: 0x8010_002e,
  communicationDataLost: 0x8010_002f,
  unsupportedCard: 0x8010_0065,
  unresponsiveCard: 0x8010_0066,
  unpoweredCard: 0x8010_0067,
  resetCard: 0x8010_0068,
  removedCard: 0x8010_0069,
} as const;

/** A call of the library failed. */
export class PcscError extends Error {
  override readonly name = 'PcscError';
  readonly call: string;
  readonly code: number;

  constructor(call: string, code: number) {
    const known = Object.entries(pcscCode).find(([, value]) => value === code)?.[0];
    super(`${call} failed: ${known ?? `0x${code.toString(16)}`}`);
    this.call = call;
    this.code = code;
  }
}

export const shareMode = { exclusive: 1, shared: 2, direct: 3 } as const;
export const protocol = { none: 0, t0: 1, t1: 2 } as const;
/** What becomes of the card when it is let go. */
export const disposition = { leave: 0, reset: 1, unpower: 2 } as const;
/** Bits of a reader's state; its upper 16 bits count insertions and removals. */
export const readerState = {
  unaware: 0x0,
  ignore: 0x1,
  changed: 0x2,
  unknown: 0x4,
  unavailable: 0x8,
  empty: 0x10,
  present: 0x20,
  mute: 0x200,
} as const;

/** The pseudo reader whose state changes when readers come and go. */
export const newReaderNotification = '\\\\?PnP?\\Notification';
export const infinite = 0xffff_ffff;

export interface ReaderState {
  readonly reader: string;
  /** The whole number, the counter in its upper half included. */
  readonly state: number;
}

/** One library. Every function throws PcscError. */
export interface Pcsc {
  readonly platform: PcscPlatform;
  establishContext(): number;
  releaseContext(context: number): void;
  /** Empty where there is no reader. */
  listReaders(context: number): string[];
  /**
   * Blocks until a state differs from what is given, or for so long (`infinite`: for ever), and gives the states.
   * Timeout and cancellation are PcscErrors too.
   */
  statusChange(context: number, timeoutMilliseconds: number, known: readonly ReaderState[]): ReaderState[];
  /** Ends another thread's wait. Resolves when the library has passed it on; never rejects. */
  cancel(context: number): Promise<void>;
  connect(context: number, reader: string, mode: number): { card: number; protocol: number };
  /** Gives the protocol. */
  reconnect(card: number, mode: number, initialization: number): number;
  disconnect(card: number, how: number): void;
  beginTransaction(card: number): void;
  endTransaction(card: number, how: number): void;
  /** By addresses, so that a PIN never leaves locked memory. Gives the length of the answer. */
  transmit(
    card: number,
    cardProtocol: number,
    commandAddress: number,
    commandLength: number,
    answerAddress: number,
    answerCapacity: number,
  ): number;
  control(card: number, code: number, input: Uint8Array, outputCapacity: number): Uint8Array;
  attribute(card: number, attribute: number): Uint8Array;
}

/** Throws PcscError `noLibrary`. */
export function bindPcsc(platform: PcscPlatform): Pcsc {
  const library = loadFirst(platform.libraries);
  const { dword, handle, long, dwordBytes, handleBytes } = platform;
  const bind = (name: PcscFunction, parameters: string) =>
    library.func(`${long} ${platform.names[name] ?? name}(${parameters})`);
  const functions = {
    SCardEstablishContext: bind(
      'SCardEstablishContext',
      `${dword} scope, uintptr_t a, uintptr_t b, uintptr_t context`,
    ),
    SCardReleaseContext: bind('SCardReleaseContext', `${handle} context`),
    SCardListReaders: bind(
      'SCardListReaders',
      `${handle} context, uintptr_t groups, uintptr_t names, uintptr_t length`,
    ),
    SCardGetStatusChange: bind(
      'SCardGetStatusChange',
      `${handle} context, ${dword} timeout, uintptr_t states, ${dword} count`,
    ),
    SCardCancel: bind('SCardCancel', `${handle} context`),
    SCardConnect: bind(
      'SCardConnect',
      `${handle} context, const char *reader, ${dword} mode, ${dword} protocols, uintptr_t card, uintptr_t active`,
    ),
    SCardReconnect: bind(
      'SCardReconnect',
      `${handle} card, ${dword} mode, ${dword} protocols, ${dword} initialization, uintptr_t active`,
    ),
    SCardDisconnect: bind('SCardDisconnect', `${handle} card, ${dword} how`),
    SCardBeginTransaction: bind('SCardBeginTransaction', `${handle} card`),
    SCardEndTransaction: bind('SCardEndTransaction', `${handle} card, ${dword} how`),
    SCardTransmit: bind(
      'SCardTransmit',
      `${handle} card, uintptr_t protocol, uintptr_t command, ${dword} length, uintptr_t received, uintptr_t answer, uintptr_t answerLength`,
    ),
    SCardControl: bind(
      'SCardControl',
      `${handle} card, ${dword} code, uintptr_t input, ${dword} inputLength, uintptr_t output, ${dword} capacity, uintptr_t returned`,
    ),
    SCardGetAttrib: bind(
      'SCardGetAttrib',
      `${handle} card, ${dword} attribute, uintptr_t value, uintptr_t length`,
    ),
  } satisfies Record<PcscFunction, unknown>;

  const call = (name: PcscFunction, ...values: unknown[]): void => {
    const code = Number(functions[name](...values)) >>> 0;
    if (code !== pcscCode.success) throw new PcscError(name, code);
  };
  // One set for each binding: whoever binds uses it on one thread.
  const numbers = allocateBlock(32);
  const request = allocateBlock(2 * dwordBytes);
  const readDword = (at: number): number => numbers.view.getUint32(at, true);
  const writeDword = (view: DataView, at: number, value: number): void => {
    if (dwordBytes === 8) writePointer(view, at, value);
    else view.setUint32(at, value, true);
  };
  const readHandle = (at: number): number =>
    handleBytes === 8 ? Number(numbers.view.getBigInt64(at, true)) : numbers.view.getInt32(at, true);

  return {
    platform,
    establishContext() {
      const scopeSystem = 2;
      call('SCardEstablishContext', scopeSystem, 0, 0, numbers.address);
      return readHandle(0);
    },
    releaseContext(context) {
      call('SCardReleaseContext', context);
    },
    listReaders(context) {
      const names = allocateBlock(16 * 1024);
      writeDword(numbers.view, 0, names.bytes.length);
      try {
        call('SCardListReaders', context, 0, names.address, numbers.address);
      } catch (error) {
        if (error instanceof PcscError && error.code === pcscCode.noReadersAvailable) return [];
        throw error;
      }
      const text = Buffer.from(names.bytes.subarray(0, readDword(0))).toString('latin1');
      return text.split('\0').filter((name) => name !== '');
    },
    statusChange(context, timeoutMilliseconds, known) {
      const size = platform.readerStateBytes;
      const texts = known.map(({ reader }) => {
        const text = allocateBlock(Buffer.byteLength(reader, 'latin1') + 1);
        text.bytes.set(Buffer.from(reader, 'latin1'));
        return text;
      });
      const states = allocateBlock(Math.max(1, known.length) * size);
      known.forEach(({ state }, index) => {
        writePointer(states.view, index * size, texts[index]!.address);
        writeDword(states.view, index * size + 16, state);
      });
      call('SCardGetStatusChange', context, timeoutMilliseconds, states.address, known.length);
      const eventOffset = 16 + dwordBytes;
      return known.map(({ reader }, index) => ({
        reader,
        state: states.view.getUint32(index * size + eventOffset, true),
      }));
    },
    cancel(context) {
      return new Promise((resolve) => {
        functions.SCardCancel.async(context, () => resolve());
      });
    },
    connect(context, reader, mode) {
      const protocols = mode === shareMode.direct ? protocol.none : protocol.t0 | protocol.t1;
      call('SCardConnect', context, reader, mode, protocols, numbers.address, numbers.address + 16);
      return { card: readHandle(0), protocol: readDword(16) };
    },
    reconnect(card, mode, initialization) {
      call('SCardReconnect', card, mode, protocol.t0 | protocol.t1, initialization, numbers.address);
      return readDword(0);
    },
    disconnect(card, how) {
      call('SCardDisconnect', card, how);
    },
    beginTransaction(card) {
      call('SCardBeginTransaction', card);
    },
    endTransaction(card, how) {
      call('SCardEndTransaction', card, how);
    },
    transmit(card, cardProtocol, commandAddress, commandLength, answerAddress, answerCapacity) {
      writeDword(request.view, 0, cardProtocol);
      writeDword(request.view, dwordBytes, request.bytes.length);
      writeDword(numbers.view, 0, answerCapacity);
      call(
        'SCardTransmit',
        card,
        request.address,
        commandAddress,
        commandLength,
        0,
        answerAddress,
        numbers.address,
      );
      return readDword(0);
    },
    control(card, code, input, outputCapacity) {
      const sent = allocateBlock(Math.max(1, input.length));
      sent.bytes.set(input);
      const output = allocateBlock(outputCapacity);
      writeDword(numbers.view, 0, 0);
      call(
        'SCardControl',
        card,
        code,
        sent.address,
        input.length,
        output.address,
        outputCapacity,
        numbers.address,
      );
      return output.bytes.slice(0, readDword(0));
    },
    attribute(card, attribute) {
      const output = allocateBlock(1024);
      writeDword(numbers.view, 0, output.bytes.length);
      call('SCardGetAttrib', card, attribute, output.address, numbers.address);
      return output.bytes.slice(0, readDword(0));
    },
  };
}

function loadFirst(names: readonly string[]) {
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch {
      // the next one, perhaps
    }
  }
  throw new PcscError('load', pcscCode.noLibrary);
}
