// Runs in node.exe: configures the network through the stand-in iphlpapi.dll, as the words of the command line say, one
// after the other. What each answers is a line of JSON.
import { openHostNetwork } from '../../../main/host/network/index.ts';
import type { HostNetworkOptions } from '../../../main/host/network/options.ts';
import { readRegistryKey } from '../../../native/registry.ts';
import { failClosed, tunnel } from '../network/configurations.ts';

const [optionsText = '', ...steps] = process.argv.slice(2);
const options: HostNetworkOptions = JSON.parse(optionsText);
let host = openHostNetwork(options);
const everything = ['0.0.0.0/0', '::/0'];
const dns = { interfaceName: 'tun7', servers: ['10.1.0.53', 'fd10::53'], searchDomains: [] };

const actions: Readonly<Record<string, () => unknown>> = {
  'fail-closed': () => host.applyFailClosed(failClosed),
  'fail-closed-for-all': () =>
    host.applyFailClosed({ ...failClosed, protectedPrefixes: everything, nameServers: ['198.51.100.53'] }),
  tunnel: () => host.applyTunnel(tunnel),
  'another-tunnel': () =>
    host.applyTunnel({ ...tunnel, mtu: 1_200, addresses: ['10.9.0.3/24'], routedPrefixes: ['10.1.0.0/16'] }),
  'missing-tunnel': () => host.applyTunnel({ ...tunnel, interfaceName: 'tun8' }),
  dns: () => host.applyDns(dns),
  'split-dns': () => host.applyDns({ ...dns, searchDomains: ['office.example', 'lab.example'] }),
  'remove-dns': () => host.removeDns(),
  'remove-tunnel': () => host.removeTunnel(),
  'remove-fail-closed': () => host.removeFailClosed(),
  undo: () => host.undo({ keepFailClosed: false }),
  'undo-but-fail-closed': () => host.undo({ keepFailClosed: true }),
  check: () => host.check({ inUse: false }),
  terminal: () => host.terminal(),
  again: () => {
    host = openHostNetwork(options);
  },
  crash: () => process.kill(process.pid, 'SIGKILL'),
  watch: watchOnce,
};

for (const step of steps) {
  const [name = '', word = ''] = step.split(' ');
  try {
    const result =
      name === 'route'
        ? await host.routeTo(word, 7)
        : name === 'registry'
          ? registry(step.slice(9))
          : await actions[name]!();
    console.log(JSON.stringify([name, result ?? null]));
  } catch (error) {
    const { name: kind, message } = error as Error;
    console.log(JSON.stringify([name, { error: kind, message }]));
  }
}

function registry(path: string): unknown {
  const values = readRegistryKey(path);
  return values && Object.fromEntries(values);
}

/** Whether a change of routes is told, once it is made; and none without one. */
async function watchOnce(): Promise<number> {
  let times = 0;
  const watch = host.watchTerminal(() => {
    times += 1;
  });
  await host.applyTunnel(tunnel);
  while (times === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  watch.close();
  await host.removeTunnel();
  return times;
}
