// The SA payload's inside: proposals and transforms as they lie on the wire (RFC 7296 section 3.3).
import { ByteReader, concatBytes, IkeFormatError, uint16Bytes } from './bytes.ts';

export interface WireTransform {
  /** 1 ENCR, 2 PRF, 3 INTEG, 4 key exchange, 5 ESN. */
  readonly type: number;
  readonly id: number;
  /** Attribute 14, bits; undefined: absent. */
  readonly keyBits: number | undefined;
  /** An attribute that we do not know makes the transform unacceptable (RFC 7296 section 3.3.6). */
  readonly unknownAttribute: boolean;
}

export interface WireProposal {
  /** From 1 in an offer; an answer repeats the number of the one it chose. */
  readonly number: number;
  /** 1 IKE, 3 ESP. */
  readonly protocol: number;
  /** 0, 4 or 8 bytes. */
  readonly spi: Uint8Array;
  readonly transforms: readonly WireTransform[];
}

const keyLengthAttribute = 14;
const fixedLengthBit = 0x8000;
const moreProposals = 2;
const moreTransforms = 3;

export function decodeProposals(body: Uint8Array): WireProposal[] {
  const reader = new ByteReader(body);
  const proposals: WireProposal[] = [];
  let more = true;
  while (more) {
    const last = reader.uint8();
    if (last !== 0 && last !== moreProposals) throw new IkeFormatError('proposal chain broken');
    reader.take(1);
    const length = reader.uint16();
    if (length < 8) throw new IkeFormatError('proposal too short');
    proposals.push(decodeProposal(reader.take(length - 4)));
    more = last === moreProposals;
  }
  reader.expectEnd('proposals');
  return proposals;
}

export function encodeProposals(proposals: readonly WireProposal[]): Uint8Array {
  return concatBytes(
    proposals.map((proposal, index) => {
      const transforms = concatBytes(
        proposal.transforms.map((transform, position) =>
          encodeTransform(transform, position === proposal.transforms.length - 1),
        ),
      );
      const last = index === proposals.length - 1;
      return concatBytes([
        new Uint8Array([last ? 0 : moreProposals, 0]),
        uint16Bytes(8 + proposal.spi.length + transforms.length),
        new Uint8Array([proposal.number, proposal.protocol, proposal.spi.length, proposal.transforms.length]),
        proposal.spi,
        transforms,
      ]);
    }),
  );
}

function decodeProposal(bytes: Uint8Array): WireProposal {
  const reader = new ByteReader(bytes);
  const number = reader.uint8();
  const protocol = reader.uint8();
  const spiSize = reader.uint8();
  const transformCount = reader.uint8();
  const spi = reader.take(spiSize);
  const transforms: WireTransform[] = [];
  for (let index = 0; index < transformCount; index++) {
    const last = reader.uint8();
    if (last !== (index === transformCount - 1 ? 0 : moreTransforms)) {
      throw new IkeFormatError('transform chain broken');
    }
    reader.take(1);
    const length = reader.uint16();
    if (length < 8) throw new IkeFormatError('transform too short');
    transforms.push(decodeTransform(reader.take(length - 4)));
  }
  reader.expectEnd('proposal');
  return { number, protocol, spi, transforms };
}

function decodeTransform(bytes: Uint8Array): WireTransform {
  const reader = new ByteReader(bytes);
  const type = reader.uint8();
  reader.take(1);
  const id = reader.uint16();
  let keyBits: number | undefined;
  let unknownAttribute = false;
  while (reader.remaining > 0) {
    const format = reader.uint16();
    const value = reader.uint16();
    if ((format & fixedLengthBit) === 0) reader.take(value);
    if (format === (fixedLengthBit | keyLengthAttribute)) keyBits = value;
    else unknownAttribute = true;
  }
  return { type, id, keyBits, unknownAttribute };
}

function encodeTransform(transform: WireTransform, last: boolean): Uint8Array {
  const attributes =
    transform.keyBits === undefined
      ? new Uint8Array(0)
      : concatBytes([uint16Bytes(fixedLengthBit | keyLengthAttribute), uint16Bytes(transform.keyBits)]);
  return concatBytes([
    new Uint8Array([last ? 0 : moreTransforms, 0]),
    uint16Bytes(8 + attributes.length),
    new Uint8Array([transform.type, 0]),
    uint16Bytes(transform.id),
    attributes,
  ]);
}
