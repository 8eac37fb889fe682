// Sets or undoes the name servers of the namespace in which it runs. Arguments: "apply" or "undo", options as JSON.
import { readFileSync } from 'node:fs';
import { openHostNetwork } from '../../../main/host/network/index.ts';

const [, , what, options = '{}'] = process.argv;
// The computer's own file must not be mistaken for the namespace's.
const original = readFileSync('/etc/resolv.conf', 'utf8');
if (what === 'apply' && original !== 'nameserver 192.0.2.53\n') throw new Error('not inside the namespace');
const host = openHostNetwork(JSON.parse(options));
if (what === 'apply') {
  await host.applyDns({ interfaceName: 'tun7', servers: ['10.1.0.53'], searchDomains: [] });
} else {
  await host.undo({ keepFailClosed: false });
}
