// Readers with a keypad of their own (PC/SC part 10): the PIN goes from the keys to the card and never comes here.
import type { Pcsc } from '../../../native/pcsc/binding.ts';

const featureRequest = 3400;
const verifyDirect = 0x06;

export interface PinPad {
  /** The reader asks for the PIN and sends it; gives the card's status word. Blocks until it is typed. */
  verify(pinReference: number): number;
}

/** undefined: the reader has none. `card`: a handle that is connected. */
export function findPinPad(pcsc: Pcsc, card: number): PinPad | undefined {
  let features: ReadonlyMap<number, number>;
  try {
    features = readFeatures(
      pcsc.control(card, pcsc.platform.controlCode(featureRequest), new Uint8Array(0), 256),
    );
  } catch {
    return undefined; // a reader that does not even know the question
  }
  const code = features.get(verifyDirect);
  if (code === undefined) return undefined;
  return {
    verify(pinReference) {
      const answer = pcsc.control(card, code, verifyStructure(pinReference), 256);
      return answer.length < 2 ? 0 : (answer[answer.length - 2]! << 8) | answer[answer.length - 1]!;
    },
  };
}

/** Elements of 6 bytes: tag, length 4, control code in big-endian. */
export function readFeatures(bytes: Uint8Array): ReadonlyMap<number, number> {
  const features = new Map<number, number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + 6 <= bytes.length && bytes[offset + 1] === 4; offset += 6) {
    features.set(bytes[offset]!, view.getUint32(offset + 2));
  }
  return features;
}

/** PIN_VERIFY_STRUCTURE (19 bytes, little-endian) and the command that the reader completes. */
export function verifyStructure(pinReference: number): Uint8Array {
  const command = [0x00, 0x20, 0x00, pinReference, 8, ...new Array<number>(8).fill(0xff)];
  const bytes = new Uint8Array(19 + command.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 30; // seconds for the first key
  bytes[1] = 30; // and after each
  bytes[2] = 0x82; // ASCII, from the left, positions in bytes
  bytes[3] = 0x08; // a block of 8 bytes
  bytes[4] = 0x00; // its length is not written into the command
  view.setUint16(5, 0x0408, true); // 4 to 8 digits
  bytes[7] = 0x02; // the green key ends it
  bytes[8] = 0x01; // one message
  view.setUint16(9, 0x0409, true);
  view.setUint32(15, command.length, true);
  bytes.set(command, 19);
  return bytes;
}
