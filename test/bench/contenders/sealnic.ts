// Our service at both ends: as client in the terminal, as gateway at the server.

import { connectToService } from '../../../main/control/client.ts';
import { gatewaySettings, officeSecret } from '../../interop/lab/gateway.ts';
import { gatewayProfileText, profileText } from '../../interop/lab/profile.ts';
import { strongSwanPrograms } from '../../interop/lab/requirements.ts';
import { SealNic } from '../../interop/lab/sealnic.ts';
import { Charon } from '../../interop/lab/strongswan.ts';
import type { Contender, OpenContender, Pair } from './contender.ts';

/** The same cipher as the others that can choose. */
const espProposals = ['aes256gcm16'];

export const sealnicBothEnds: Contender = {
  name: 'SealNIC',
  programs: [],
  open: async (pair) => {
    const gateway = await SealNic.start(pair.server, 'info');
    await gateway.putSecret('office', 'psk', officeSecret);
    await gateway.importProfile('office', gatewayProfileText());
    await gateway.up('office');
    return await openClient(pair, gateway.processId);
  },
};

/** Our client at a strongSwan gateway: how long connecting takes against the gateway that strongSwan's client meets too. */
export const sealnicToStrongSwan: Contender = {
  name: 'SealNIC to strongSwan',
  programs: strongSwanPrograms,
  open: async (pair) => {
    const quiet = { filelog: { all: { default: 0, ike: 0, knl: 0 } } };
    const gateway = await Charon.start(pair.server, { swanctl: gatewaySettings(), charon: quiet });
    return await openClient(pair, gateway.processId);
  },
};

async function openClient(pair: Pair, gatewayProcess: number): Promise<OpenContender> {
  const client = await SealNic.start(pair.terminal, 'info');
  await client.putSecret('office', 'psk', officeSecret);
  await client.importProfile('office', profileText({ gatewayAddress: pair.serverAddress, espProposals }));
  await client.up('office');
  const control = await connectToService({ path: client.controlSocket });
  return {
    serverAddress: pair.insideAddress,
    processes: [
      { label: 'terminal', processId: client.processId },
      { label: 'gateway', processId: gatewayProcess },
    ],
    disconnect: () => client.down('office'),
    connect: async () => {
      await control.call('connection.up', { profile: 'office', wait: true });
    },
    close: async () => {
      control.close();
      await client.stop();
    },
  };
}
