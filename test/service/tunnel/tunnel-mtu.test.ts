// What fits into the tunnel, from the links below and the way in which packets leave.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Encapsulation } from '../../../main/engine/sa/parameters.ts';
import { tunnelMtu } from '../../../main/service/tunnel/composition.ts';
import type { StatedContribution } from '../../../main/service/tunnel/contribution.ts';

function over(
  link: { readonly mtu: number; readonly family: 4 | 6 } | undefined,
  encapsulation?: Encapsulation,
  mtu?: number,
): StatedContribution {
  return {
    profile: 'office',
    rows: [],
    protections: [],
    association: 1,
    uncarried: [],
    allowLocalNetwork: true,
    defaultAction: undefined,
    failClosed: true,
    lockdown: false,
    captureAll: false,
    gateway: undefined,
    underlay: link && { interfaceName: 'eth0', source: '192.0.2.1', ...link },
    encapsulation,
    routed: true,
    virtualAddresses: [],
    dnsServers: [],
    mtu,
  };
}

test('the link, its family and the encapsulation decide', () => {
  const ethernet = { mtu: 1500, family: 4 } as const;
  assert.equal(tunnelMtu([over(ethernet)]), 1438, 'nothing agreed yet: as for UDP');
  assert.equal(tunnelMtu([over(ethernet, 'udp')]), 1438);
  assert.equal(tunnelMtu([over(ethernet, 'native')]), 1446);
  assert.equal(tunnelMtu([over({ mtu: 1500, family: 6 }, 'udp')]), 1418);
  assert.equal(tunnelMtu([over({ mtu: 1500, family: 6 }, 'native')]), 1426);
});

test('the narrowest of several links, and never less than IPv6 needs', () => {
  const wide = over({ mtu: 9000, family: 4 }, 'native');
  assert.equal(tunnelMtu([wide, over(undefined), over({ mtu: 1500, family: 4 }, 'udp')]), 1438);
  assert.equal(tunnelMtu([over({ mtu: 1280, family: 4 }, 'udp')]), 1280);
});

test('an unknown link is taken for an Ethernet, and a wish is a wish', () => {
  assert.equal(tunnelMtu([over(undefined)]), 1418);
  assert.equal(tunnelMtu([over({ mtu: 1500, family: 4 }, 'udp', 1000)]), 1000);
});
