// Offering and choosing proposals for IKE and ESP (RFC 7296 sections 2.7 and 3.3).
import type { EspProposal, IkeProposal } from './contract.ts';
import { protocolId } from './numbers.ts';
import type { WireProposal, WireTransform } from './proposal-payload.ts';
import {
  type EncryptionRow,
  espEncryptions,
  ikeEncryptions,
  integrities,
  prfs,
  transformType,
} from './transforms.ts';

export interface Choice<Ours> {
  readonly ours: Ours;
  /** Number of the proposal that was chosen. */
  readonly number: number;
  /** The sender's SPI in it. */
  readonly spi: Uint8Array;
}

/** `spi`: empty in IKE_SA_INIT, our 8-byte SPI when the IKE SA is rekeyed. */
export function offerIke(proposals: readonly IkeProposal[], spi: Uint8Array): WireProposal[] {
  return proposals.map((proposal, index) => ({
    number: index + 1,
    protocol: protocolId.ike,
    spi,
    transforms: ikeTransforms(proposal),
  }));
}

export function offerEsp(proposals: readonly EspProposal[], spi: Uint8Array): WireProposal[] {
  return proposals.map((proposal, index) => ({
    number: index + 1,
    protocol: protocolId.esp,
    spi,
    transforms: espTransforms(proposal),
  }));
}

/** Our answer to an offer: the chosen combination under the offer's number, with our SPI. */
export function answerIke(choice: Choice<IkeProposal>, spi: Uint8Array): WireProposal[] {
  return offerIke([choice.ours], spi).map((proposal) => ({ ...proposal, number: choice.number }));
}

export function answerEsp(choice: Choice<EspProposal>, spi: Uint8Array): WireProposal[] {
  return offerEsp([choice.ours], spi).map((proposal) => ({ ...proposal, number: choice.number }));
}

/** The first of ours that one of theirs contains. Used for an offer and to check an answer. */
export function chooseIke(
  theirs: readonly WireProposal[],
  ours: readonly IkeProposal[],
  spiLength: 0 | 8,
): Choice<IkeProposal> | undefined {
  return choose(theirs, ours, ikeTransforms, protocolId.ike, spiLength);
}

export function chooseEsp(
  theirs: readonly WireProposal[],
  ours: readonly EspProposal[],
): Choice<EspProposal> | undefined {
  return choose(theirs, ours, espTransforms, protocolId.esp, 4);
}

/** An answer holds exactly one proposal with one transform of each type. */
export function isSingleChoice(answer: readonly WireProposal[]): boolean {
  const [proposal, ...others] = answer;
  if (proposal === undefined || others.length > 0) return false;
  const types = proposal.transforms.map((transform) => transform.type);
  return new Set(types).size === types.length;
}

/** For the child of IKE_AUTH, which has no key exchange of its own (RFC 7296 section 1.2). */
export function withoutGroups(proposals: readonly EspProposal[]): EspProposal[] {
  const names = new Set(proposals.map((proposal) => proposal.encryption));
  return [...names].map((encryption) => ({ encryption }));
}

function choose<Ours>(
  theirs: readonly WireProposal[],
  ours: readonly Ours[],
  transformsOf: (proposal: Ours) => WireTransform[],
  protocol: number,
  spiLength: number,
): Choice<Ours> | undefined {
  for (const mine of ours) {
    const wanted = transformsOf(mine);
    for (const theirProposal of theirs) {
      if (theirProposal.protocol !== protocol || theirProposal.spi.length !== spiLength) continue;
      if (contains(theirProposal.transforms, wanted)) {
        return { ours: mine, number: theirProposal.number, spi: theirProposal.spi };
      }
    }
  }
  return undefined;
}

/** Every wanted transform is offered, and nothing is offered of a type that we cannot answer with. */
function contains(offered: readonly WireTransform[], wanted: readonly WireTransform[]): boolean {
  const allOffered = wanted.every(
    (transform) =>
      offered.some((candidate) => sameTransform(candidate, transform)) ||
      (isOptionalNone(transform) && !offered.some((candidate) => candidate.type === transform.type)),
  );
  const allAnswered = offered.every(
    (candidate) =>
      wanted.some((transform) => transform.type === candidate.type) ||
      (canBeNone(candidate.type) && offered.some((other) => other.type === candidate.type && other.id === 0)),
  );
  return allOffered && allAnswered;
}

function sameTransform(left: WireTransform, right: WireTransform): boolean {
  return (
    left.type === right.type &&
    left.id === right.id &&
    left.keyBits === right.keyBits &&
    !left.unknownAttribute
  );
}

/** Leaving out ESN means "no extended sequence numbers" to many peers. */
function isOptionalNone(transform: WireTransform): boolean {
  return transform.type === transformType.extendedSequence && transform.id === 0;
}

function canBeNone(type: number): boolean {
  return type === transformType.integrity || type === transformType.keyExchange;
}

function ikeTransforms(proposal: IkeProposal): WireTransform[] {
  const transforms = [
    encryptionTransform(ikeEncryptions[proposal.encryption]),
    plain(transformType.prf, prfs[proposal.prf].id),
  ];
  if (proposal.integrity !== 'none') {
    transforms.push(plain(transformType.integrity, integrities[proposal.integrity].id));
  }
  transforms.push(plain(transformType.keyExchange, proposal.group));
  return transforms;
}

function espTransforms(proposal: EspProposal): WireTransform[] {
  const transforms = [encryptionTransform(espEncryptions[proposal.encryption])];
  if (proposal.group !== undefined) transforms.push(plain(transformType.keyExchange, proposal.group));
  transforms.push(plain(transformType.extendedSequence, 0));
  return transforms;
}

function encryptionTransform(row: EncryptionRow): WireTransform {
  return { type: transformType.encryption, id: row.id, keyBits: row.keyBits, unknownAttribute: false };
}

function plain(type: number, id: number): WireTransform {
  return { type, id, keyBits: undefined, unknownAttribute: false };
}
