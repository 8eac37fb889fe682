// strongSwan at both ends, with its ESP in user space.
import { clientSettings, gatewaySettings } from '../../interop/lab/gateway.ts';
import { strongSwanPrograms } from '../../interop/lab/requirements.ts';
import { Charon } from '../../interop/lab/strongswan.ts';
import type { Contender } from './contender.ts';

export const strongSwanUserSpace: Contender = {
  name: 'strongSwan (libipsec)',
  programs: strongSwanPrograms,
  open: async (pair) => {
    const quiet = { filelog: { all: { default: 0, ike: 0, knl: 0 } } };
    const gateway = await Charon.start(pair.server, { swanctl: gatewaySettings(), charon: quiet });
    const client = await Charon.start(pair.terminal, {
      swanctl: clientSettings(pair.serverAddress),
      installVirtualAddress: true,
      charon: quiet,
    });
    await client.initiate('office');
    return {
      serverAddress: pair.insideAddress,
      processes: [
        { label: 'terminal', processId: client.processId },
        { label: 'gateway', processId: gateway.processId },
      ],
      disconnect: () => client.terminate('office'),
      connect: () => client.initiate('office'),
    };
  },
};
