// Commands to a card and their answers (ISO 7816-4): command chaining, GET RESPONSE, extended length where a card takes
// no chains. What may hold a PIN is built and sent in the channel's own memory and wiped.
import { CardError } from './contract.ts';

/** One way to a card. Everything lies in memory that is locked. */
export interface CardChannel {
  /** Where a command is written before it is sent; at least 8,192 bytes, the last 64 of which are the caller's. */
  readonly command: Uint8Array;
  /** Where an answer is put together that must not lie elsewhere; 1,024 bytes. */
  readonly secret: Uint8Array;
  /** T=0 carries no length of the answer beside data. */
  readonly isT0: boolean;
  /** Sends so many bytes of `command`; the answer, status word included, is a view that lives until the next call. */
  transmit(length: number): Uint8Array;
}

export interface Command {
  readonly cla?: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  readonly data?: Uint8Array;
  /** Whether an answer with data is expected. */
  readonly expects?: boolean;
}

export interface Answer {
  /** A copy in ordinary memory, or what lies in `into`. */
  readonly data: Uint8Array;
  /** E.g. 0x9000. */
  readonly status: number;
}

const shortMaximum = 255;
const answerMaximum = 64 * 1024;
const reservedBytes = 64;
const chainingUnsupported = 0x6884;

/** Sends one command, in as many pieces as it takes. `into`: where the answer goes instead of ordinary memory. */
export function sendCommand(channel: CardChannel, command: Command, into?: Uint8Array): Answer {
  const data = command.data ?? new Uint8Array(0);
  if (data.length + 9 > channel.command.length - reservedBytes)
    throw new CardError('card-full', 'too long for a card');
  try {
    return collect(channel, command, data, sendPieces(channel, command, data), into);
  } finally {
    channel.command.fill(0, 0, data.length + 9);
  }
}

/** The answer to the last piece, or to the one that was refused. */
function sendPieces(channel: CardChannel, command: Command, data: Uint8Array): Uint8Array {
  let offset = 0;
  while (data.length - offset > shortMaximum) {
    const piece = data.subarray(offset, offset + shortMaximum);
    const answer = checked(channel.transmit(writeShort(channel, command, piece, 0x10, false)));
    const status = statusOf(answer);
    if (status === chainingUnsupported && offset === 0) {
      return checked(channel.transmit(writeExtended(channel, command, data)));
    }
    if (status !== 0x9000) return answer;
    offset += piece.length;
  }
  const last = data.subarray(offset);
  return checked(channel.transmit(writeShort(channel, command, last, 0, command.expects === true)));
}

function collect(
  channel: CardChannel,
  command: Command,
  data: Uint8Array,
  first: Uint8Array,
  into: Uint8Array | undefined,
): Answer {
  const collector = new Collector(into);
  let answer = first;
  let repeated = false;
  for (;;) {
    const status = statusOf(answer);
    if (status >> 8 === 0x6c && !repeated && data.length === 0) {
      repeated = true;
      const size = writeShort(channel, command, data, 0, true);
      channel.command[size - 1] = status & 0xff;
      answer = checked(channel.transmit(size));
      continue;
    }
    const body = answer.subarray(0, answer.length - 2);
    collector.add(body);
    body.fill(0);
    if (status >> 8 !== 0x61) return { data: collector.data, status };
    channel.command.set([0x00, 0xc0, 0x00, 0x00, status & 0xff]);
    answer = checked(channel.transmit(5));
    // A card that says "more" and gives nothing would keep us here.
    if (answer.length === 2 && statusOf(answer) >> 8 === 0x61) throw endless();
  }
}

class Collector {
  readonly #into: Uint8Array | undefined;
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(into: Uint8Array | undefined) {
    this.#into = into;
  }

  add(piece: Uint8Array): void {
    if (this.#length + piece.length > (this.#into?.length ?? answerMaximum)) throw endless();
    if (this.#into === undefined) this.#pieces.push(piece.slice());
    else this.#into.set(piece, this.#length);
    this.#length += piece.length;
  }

  get data(): Uint8Array {
    return this.#into?.subarray(0, this.#length) ?? Uint8Array.from(Buffer.concat(this.#pieces));
  }
}

function endless(): CardError {
  return new CardError('bad-answer', 'the card answers without end');
}

/** CLA INS P1 P2 [Lc data] [Le]; gives the length. */
function writeShort(
  channel: CardChannel,
  { cla = 0, ins, p1, p2 }: Command,
  data: Uint8Array,
  chain: number,
  expects: boolean,
): number {
  const to = channel.command;
  to.set([cla | chain, ins, p1, p2]);
  let length = 4;
  if (data.length > 0) {
    to[length++] = data.length;
    to.set(data, length);
    length += data.length;
  }
  if (expects && !(channel.isT0 && data.length > 0)) to[length++] = 0;
  return length;
}

function writeExtended(channel: CardChannel, command: Command, data: Uint8Array): number {
  const to = channel.command;
  to.set([command.cla ?? 0, command.ins, command.p1, command.p2, 0, data.length >> 8, data.length & 0xff]);
  to.set(data, 7);
  let length = 7 + data.length;
  if (command.expects === true) {
    to[length++] = 0;
    to[length++] = 0;
  }
  return length;
}

function checked(answer: Uint8Array): Uint8Array {
  if (answer.length < 2) throw new CardError('bad-answer', 'the card gave no status');
  return answer;
}

function statusOf(answer: Uint8Array): number {
  return (answer[answer.length - 2]! << 8) | answer[answer.length - 1]!;
}
