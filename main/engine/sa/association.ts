// One SA of either direction, as the packet path uses it: cipher, sequence numbers, limits, live figures.
import type { AeadOpener, AeadSealer } from '../esp/aead-backend.ts';
import { CompiledSelectors } from '../inbound/compiled-selectors.ts';
import { LifetimeLimits } from './lifetime.ts';
import type { AssociationId, Encapsulation, SecurityAssociationParameters } from './parameters.ts';
import { ReplayWindow } from './replay-window.ts';

/** The last 32-bit sequence number; there is no extended one here, and it never wraps (RFC 4303 section 3.3.3). */
export const lastSequence = 0xffffffff;

/** The place of an SA's figures in shared memory: `figures[base + index]`, see path/counters.ts. */
export interface FigurePlace {
  readonly figures: Float64Array;
  readonly base: number;
}

export class OutboundAssociation {
  readonly spi: number;
  readonly association: AssociationId;
  readonly peer: number;
  readonly encapsulation: Encapsulation;
  /** The four salt bytes as a big-endian number (RFC 4106 section 4). */
  readonly salt: number;
  readonly sealer: AeadSealer;
  readonly selectors: CompiledSelectors;
  readonly limits: LifetimeLimits;
  readonly place: FigurePlace;
  /** Last sequence number used. */
  sequence = 0;
  /** A hard limit is reached: it seals nothing more. */
  ended = false;

  constructor(
    parameters: SecurityAssociationParameters,
    sealer: AeadSealer,
    place: FigurePlace,
    nowMilliseconds: number,
  ) {
    this.spi = parameters.spi;
    this.association = parameters.association;
    this.peer = parameters.peer;
    this.encapsulation = parameters.encapsulation;
    this.salt = readSalt(parameters.keyMaterial);
    this.sealer = sealer;
    this.selectors = new CompiledSelectors(parameters.localSelectors, parameters.remoteSelectors);
    this.limits = new LifetimeLimits(parameters.lifetime, nowMilliseconds);
    this.place = place;
  }
}

export class InboundAssociation {
  readonly spi: number;
  readonly association: AssociationId;
  readonly peer: number;
  readonly salt: number;
  readonly opener: AeadOpener;
  readonly selectors: CompiledSelectors;
  readonly limits: LifetimeLimits;
  readonly window: ReplayWindow;
  readonly place: FigurePlace;
  /** Set by a delete: still opens packets until then (milliseconds). */
  removeAtMilliseconds = Number.POSITIVE_INFINITY;
  ended = false;

  constructor(
    parameters: SecurityAssociationParameters,
    opener: AeadOpener,
    place: FigurePlace,
    nowMilliseconds: number,
  ) {
    this.spi = parameters.spi;
    this.association = parameters.association;
    this.peer = parameters.peer;
    this.salt = readSalt(parameters.keyMaterial);
    this.opener = opener;
    this.selectors = new CompiledSelectors(parameters.localSelectors, parameters.remoteSelectors);
    this.limits = new LifetimeLimits(parameters.lifetime, nowMilliseconds);
    this.window = new ReplayWindow(parameters.replayWindow);
    this.place = place;
  }
}

function readSalt(keyMaterial: Uint8Array): number {
  const end = keyMaterial.length;
  return (
    ((keyMaterial[end - 4]! << 24) |
      (keyMaterial[end - 3]! << 16) |
      (keyMaterial[end - 2]! << 8) |
      keyMaterial[end - 1]!) >>>
    0
  );
}
