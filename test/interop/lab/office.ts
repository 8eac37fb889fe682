// The usual topology: terminal - link - [NAT router] - gateway - protected host, and how to see that the terminal is as
// it was.
import { readFileSync } from 'node:fs';
import { Lab, type Namespace } from './lab.ts';

export interface Office {
  readonly lab: Lab;
  readonly terminal: Namespace;
  readonly router: Namespace | undefined;
  readonly gateway: Namespace;
  readonly host: Namespace;
  /** Addresses without prefix length. */
  readonly terminalAddress: string;
  readonly gatewayAddress: string;
  readonly gatewayAddress6: string;
  readonly gatewayInsideAddress: string;
  readonly hostAddress: string;
  readonly hostAddress6: string;
  readonly protectedPrefix: string;
  readonly protectedPrefix6: string;
  /** The other end of the terminal's link: where a sniffer sees what the terminal sends, outside of it. */
  readonly link: { readonly namespace: Namespace; readonly interfaceName: string };
}

/** The terminal's link is called "link"; the gateway's "wan" and "lan". */
export async function openOffice(options: { nat?: boolean } = {}): Promise<Office> {
  const lab = new Lab();
  try {
    return await buildOffice(lab, options.nat === true);
  } catch (error) {
    await lab.close();
    throw error;
  }
}

async function buildOffice(lab: Lab, nat: boolean): Promise<Office> {
  const [terminal, gateway, host] = await Promise.all([
    lab.namespace('terminal'),
    lab.namespace('gateway'),
    lab.namespace('host'),
  ]);
  const router = nat ? await lab.namespace('router') : undefined;
  await lab.link(
    { namespace: gateway, name: 'lan', addresses: ['10.1.0.1/16', 'fd01::1/64'] },
    { namespace: host, name: 'lan', addresses: ['10.1.0.2/16', 'fd01::2/64'] },
  );
  await host.ip('route add default via 10.1.0.1', 'route add default via fd01::1');
  await forward(gateway);
  if (router === undefined) {
    await lab.link(
      { namespace: terminal, name: 'link', addresses: ['192.0.2.2/24', '2001:db8:7::2/64'] },
      { namespace: gateway, name: 'wan', addresses: ['192.0.2.1/24', '2001:db8:7::1/64'] },
    );
    await terminal.ip('route add default via 192.0.2.1', 'route add default via 2001:db8:7::1');
  } else {
    await lab.link(
      { namespace: terminal, name: 'link', addresses: ['192.168.77.2/24'] },
      { namespace: router, name: 'inside', addresses: ['192.168.77.1/24'] },
    );
    await lab.link(
      { namespace: router, name: 'outside', addresses: ['192.0.2.254/24'] },
      { namespace: gateway, name: 'wan', addresses: ['192.0.2.1/24'] },
    );
    await terminal.ip('route add default via 192.168.77.1');
    await router.ip('route add default via 192.0.2.1');
    await forward(router);
    await router.run(['nft', '-f', '-'], {
      input:
        'table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "outside" masquerade; }; }\n',
    });
  }
  return {
    lab,
    terminal,
    router,
    gateway,
    host,
    terminalAddress: nat ? '192.168.77.2' : '192.0.2.2',
    gatewayAddress: '192.0.2.1',
    gatewayAddress6: '2001:db8:7::1',
    gatewayInsideAddress: '10.1.0.1',
    hostAddress: '10.1.0.2',
    hostAddress6: 'fd01::2',
    protectedPrefix: '10.1.0.0/16',
    protectedPrefix6: 'fd01::/64',
    link:
      router === undefined
        ? { namespace: gateway, interfaceName: 'wan' }
        : { namespace: router, interfaceName: 'inside' },
  };
}

async function forward(namespace: Namespace): Promise<void> {
  await namespace.shell(
    'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  );
}

/** What a tunnel could have changed, as sorted texts that compare equal when nothing changed. */
export interface NetworkSnapshot {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly rules: readonly string[];
  readonly firewall: string;
  readonly resolver: string;
  readonly settings: string;
}

export async function takeSnapshot(namespace: Namespace): Promise<NetworkSnapshot> {
  const sorted = (text: string) =>
    [...new Set(text.split('\n').map((line) => line.trim()))].filter(Boolean).sort();
  const withoutAges = (text: string) => text.replaceAll(/ (expires|cache|pref) \S+/g, '');
  return {
    links: sorted(await namespace.shell("ip -br link | cut -d' ' -f1")),
    addresses: sorted(await namespace.shell("ip -o addr | sed -E 's/^[0-9]+: //; s/valid_lft.*//'")),
    routes: sorted(
      withoutAges(await namespace.shell('ip -4 route show table all; ip -6 route show table all; true')),
    ),
    rules: sorted(await namespace.shell('ip -4 rule; ip -6 rule')),
    firewall: await namespace.run(['nft', 'list', 'ruleset']),
    resolver: readFileSync(namespace.resolverFile, 'utf8'),
    settings: await namespace.shell(
      'cd /proc/sys/net; grep -r . ipv4/ip_forward ipv6/conf/all/forwarding ipv4/conf/*/rp_filter ' +
        'ipv4/conf/*/src_valid_mark ipv4/conf/*/accept_local ipv6/conf/*/disable_ipv6 | sort',
    ),
  };
}
