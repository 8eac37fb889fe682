// Brings everything up and waits to be killed. Its one argument: the options as JSON.
import { openAdapter } from '../../../main/host/adapter/linux.ts';
import { openHostNetwork } from '../../../main/host/network/index.ts';
import { createTestMemory } from '../pump.ts';
import { failClosed, tunnel } from './configurations.ts';

const host = openHostNetwork(JSON.parse(process.argv[2]!));
await host.applyFailClosed(failClosed);
openAdapter({ name: 'tun7', mtu: 1400 }, createTestMemory());
await host.applyTunnel(tunnel);
await host.applyDns({ interfaceName: 'tun7', servers: ['10.1.0.53'], searchDomains: [] });
process.stdout.write('up\n');
setInterval(() => undefined, 1000);
