// What two data threads need to speak to each other without an agreement: one row, and keys made from a number.
import { parsePrefix, prefixToRange } from '../../../main/engine/packet/address.ts';
import type { PolicyRow } from '../../../main/engine/policy/row.ts';
import { selectorForFamily } from '../../../main/engine/policy/selector.ts';
import type { PolicyTable } from '../../../main/engine/policy/table.ts';
import {
  type Encapsulation,
  type EspAlgorithm,
  keyLengths,
  type SecurityAssociationParameters,
} from '../../../main/engine/sa/parameters.ts';
import type { SecretMemory } from '../../../main/service/keying/secret-memory.ts';

export const association = 1;
export const peer = 1;

export interface FixedKeys {
  readonly spi: number;
  readonly algorithm: EspAlgorithm;
  readonly encapsulation: Encapsulation;
}

/** For one direction, the same at both its ends for the same seed. */
export function parametersFor(
  { spi, algorithm, encapsulation }: FixedKeys,
  seed: number,
  secrets: SecretMemory,
): SecurityAssociationParameters {
  const keyMaterial = secrets.allocate(keyLengths[algorithm] + 4);
  for (let index = 0; index < keyMaterial.length; index++)
    keyMaterial[index] = (seed * 37 + spi + index) & 0xff;
  const every = [selectorForFamily(4), selectorForFamily(6)];
  return {
    spi,
    algorithm,
    encapsulation,
    association,
    keyMaterial,
    lifetime: {},
    replayWindow: 1024,
    localSelectors: every,
    remoteSelectors: every,
    peer,
  };
}

/** Protects 10.9.0.0/24 and fd09::/64, and discards everything else. */
export function protectTunnelNetwork(): PolicyTable {
  const ranges = ['10.9.0.0/24', 'fd09::/64'].map((text) => prefixToRange(parsePrefix(text)!));
  const row: PolicyRow = {
    id: 'protect',
    label: 'the tunnel network',
    origin: 'filter',
    local: [],
    remote: ranges,
    protocol: undefined,
    localPorts: [],
    remotePorts: [],
    allowInbound: false,
    action: 'PROTECT',
    association,
  };
  const discard = { action: 'DISCARD', association: 0 } as const;
  return {
    version: 1,
    rows: [row],
    protectedRanges: ranges,
    defaultInside: { id: 'inside', label: 'inside', ...discard },
    defaultOutside: { id: 'outside', label: 'outside', ...discard },
  };
}
