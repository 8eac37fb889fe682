// What a child SA may be: offering, choosing and checking proposals and traffic selectors (RFC 7296 sections 2.7, 2.9).
import { type IpAddress, singleAddress } from '../packet/address.ts';
import {
  intersectSelectors,
  selectorForFamily,
  selectorFromRange,
  selectorsContainSelectors,
  type TrafficSelector,
} from '../policy/selector.ts';
import { ByteReader, uint32Bytes } from './bytes.ts';
import type { ChildConfiguration, EspProposal, IkeFailure } from './contract.ts';
import { notifyName, notifyType } from './numbers.ts';
import { findErrorNotify, findPayload, type Payload, requirePayload } from './payloads.ts';
import { answerEsp, type Choice, chooseEsp, isSingleChoice, offerEsp } from './proposals.ts';

/** What we put forward as the exchange's initiator. */
export interface ChildOffer {
  readonly configuration: ChildConfiguration;
  readonly inboundSpi: number;
  readonly proposals: readonly EspProposal[];
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** What both sides agreed on, seen from ours. */
export interface AgreedChild {
  readonly configuration: ChildConfiguration;
  readonly proposal: EspProposal;
  readonly inboundSpi: number;
  readonly outboundSpi: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** A child configuration with its open selectors filled in for the peer at hand. */
export interface ConcreteChild {
  readonly configuration: ChildConfiguration;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** SA, TSi and TSr of a request. */
export function offerPayloads(offer: ChildOffer): Payload[] {
  return [
    { kind: 'proposals', proposals: offerEsp(offer.proposals, uint32Bytes(offer.inboundSpi)) },
    { kind: 'selectors-initiator', selectors: offer.localSelectors },
    { kind: 'selectors-responder', selectors: offer.remoteSelectors },
  ];
}

/**
 * Reads the response to an offer: the child, or why there is none. Throws IkeFormatError where neither an error
 * notify nor the payloads of a child are there.
 */
export function readAnswer(
  offer: ChildOffer,
  payloads: readonly Payload[],
): { readonly agreed: AgreedChild } | { readonly failure: IkeFailure } {
  const error = findErrorNotify(payloads);
  if (error !== undefined && findPayload(payloads, 'proposals') === undefined) {
    return { failure: failureOfNotify(error.type) };
  }
  const answer = requirePayload(payloads, 'proposals').proposals;
  const choice = chooseEsp(answer, offer.proposals);
  const outboundSpi = choice && readSpi(choice.spi);
  if (choice === undefined || outboundSpi === undefined || !isSingleChoice(answer)) {
    return { failure: { code: 'no-proposal-chosen', layer: 'esp' } };
  }
  const local = requirePayload(payloads, 'selectors-initiator').selectors;
  const remote = requirePayload(payloads, 'selectors-responder').selectors;
  if (
    local.length === 0 ||
    remote.length === 0 ||
    !selectorsContainSelectors(offer.localSelectors, local) ||
    !selectorsContainSelectors(offer.remoteSelectors, remote)
  ) {
    return { failure: { code: 'selectors-unacceptable' } };
  }
  return {
    agreed: {
      configuration: offer.configuration,
      proposal: choice.ours,
      inboundSpi: offer.inboundSpi,
      outboundSpi,
      localSelectors: local,
      remoteSelectors: remote,
    },
  };
}

export interface ChosenChild {
  readonly concrete: ConcreteChild;
  readonly choice: Choice<EspProposal>;
  readonly outboundSpi: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** As responder: the first of our children that fits, narrowed; or the number of the notify that refuses. */
export function chooseChild(
  children: readonly ConcreteChild[],
  proposals: readonly EspProposal[],
  payloads: readonly Payload[],
): ChosenChild | number {
  const choice = chooseEsp(requirePayload(payloads, 'proposals').proposals, proposals);
  const outboundSpi = choice && readSpi(choice.spi);
  if (choice === undefined || outboundSpi === undefined) return notifyType.noProposalChosen;
  const theirs = requirePayload(payloads, 'selectors-initiator').selectors;
  const ours = requirePayload(payloads, 'selectors-responder').selectors;
  for (const concrete of children) {
    const localSelectors = intersectSelectors(ours, concrete.localSelectors);
    const remoteSelectors = intersectSelectors(theirs, concrete.remoteSelectors);
    if (localSelectors.length > 0 && remoteSelectors.length > 0) {
      return { concrete, choice, outboundSpi, localSelectors, remoteSelectors };
    }
  }
  return notifyType.tsUnacceptable;
}

/** SA, TSi and TSr of the response that accepts. */
export function answerPayloads(chosen: ChosenChild, inboundSpi: number): Payload[] {
  return [
    { kind: 'proposals', proposals: answerEsp(chosen.choice, uint32Bytes(inboundSpi)) },
    { kind: 'selectors-initiator', selectors: chosen.remoteSelectors },
    { kind: 'selectors-responder', selectors: chosen.localSelectors },
  ];
}

export function agreedOf(chosen: ChosenChild, inboundSpi: number): AgreedChild {
  return {
    configuration: chosen.concrete.configuration,
    proposal: chosen.choice.ours,
    inboundSpi,
    outboundSpi: chosen.outboundSpi,
    localSelectors: chosen.localSelectors,
    remoteSelectors: chosen.remoteSelectors,
  };
}

/** What a refusal of a child means to the one who asked for it. */
export function failureOfNotify(type: number): IkeFailure {
  switch (type) {
    case notifyType.noProposalChosen:
      return { code: 'no-proposal-chosen', layer: 'esp' };
    case notifyType.tsUnacceptable:
    case notifyType.singlePairRequired:
    case notifyType.invalidSelectors:
      return { code: 'selectors-unacceptable' };
    case notifyType.internalAddressFailure:
    case notifyType.failedCpRequired:
      return { code: 'no-address-assigned' };
    default:
      return { code: 'refused-by-peer', notify: notifyName(type) };
  }
}

export function selectorsOfAddresses(addresses: readonly IpAddress[]): TrafficSelector[] {
  return addresses.map((address) => selectorFromRange(singleAddress(address)));
}

export function selectorsOfEverything(wants: {
  readonly ip4: boolean;
  readonly ip6: boolean;
}): TrafficSelector[] {
  return [...(wants.ip4 ? [selectorForFamily(4)] : []), ...(wants.ip6 ? [selectorForFamily(6)] : [])];
}

/** SPIs up to 255 are reserved (RFC 4303 section 2.1). */
function readSpi(spi: Uint8Array): number | undefined {
  const value = new ByteReader(spi).uint32();
  return value > 255 ? value : undefined;
}
