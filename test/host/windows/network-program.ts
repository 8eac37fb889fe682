// Runs in node.exe: gives the stand-in iphlpapi.dll addresses, routes and name servers.
import { clearInterfaceDns, setInterfaceDns } from '../../../main/host/dns/win32.ts';
import { WindowsTunnelRoutes } from '../../../main/host/routes/win32.ts';
import { IpHelper } from '../../../native/iphlpapi.ts';

const helper = new IpHelper(process.argv[2]);
const luid = 0x0035_0000_0100_0000n;
const routes = new WindowsTunnelRoutes(helper, luid);

routes.apply({
  mtu: 1_400,
  addresses: ['10.9.0.2/32', 'fd00::2/128'],
  routedPrefixes: ['0.0.0.0/0', 'fd00::/8'],
});
routes.apply({ mtu: 1_200, addresses: ['10.9.0.3/24'], routedPrefixes: ['0.0.0.0/0', '10.1.0.0/16'] });
// Another hand has taken the address away, and made it again.
helper.removeAddress(luid, Uint8Array.of(10, 9, 0, 3), 24);
helper.removeAddress(luid, Uint8Array.of(10, 9, 0, 3), 24);
helper.addAddress(luid, Uint8Array.of(10, 9, 0, 3), 24);
helper.addAddress(luid, Uint8Array.of(10, 9, 0, 3), 24);
routes.remove();
console.log(JSON.stringify(['without IPv6', helper.setNumbers(6n, 6, { mtu: 1_400, metric: 0 })]));
setInterfaceDns(helper, luid, {
  servers: ['10.9.0.1', 'fd00::1', '10.9.0.9'],
  searchDomains: ['office.example', 'lab.example'],
});
clearInterfaceDns(helper, luid);
