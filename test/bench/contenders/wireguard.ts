// wireguard-go at both ends.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../interop/lab/command.ts';
import type { Namespace } from '../../interop/lab/lab.ts';
import type { Contender } from './contender.ts';

export const wireguardGo: Contender = {
  name: 'wireguard-go',
  programs: ['wireguard-go', 'wg'],
  open: async (pair) => {
    // The control socket lies in one directory for all: the names must be unique on this computer.
    const [terminalName, serverName] = [`sb${process.pid}a`, `sb${process.pid}b`];
    const terminal = pair.terminal.start(['wireguard-go', '-f', terminalName]);
    const server = pair.server.start(['wireguard-go', '-f', serverName]);
    const terminalKey = await keyPair(pair.terminal);
    const serverKey = await keyPair(pair.server);
    await configure(pair.terminal, terminalName, '10.9.0.2/24', terminalKey.privateKey, [
      ...[
        'peer',
        serverKey.publicKey,
        'allowed-ips',
        '10.9.0.0/24',
        'endpoint',
        `${pair.serverAddress}:51820`,
      ],
    ]);
    await configure(pair.server, serverName, '10.9.0.1/24', serverKey.privateKey, [
      ...['listen-port', '51820', 'peer', terminalKey.publicKey, 'allowed-ips', '10.9.0.2/32'],
    ]);
    return {
      serverAddress: '10.9.0.1',
      processes: [
        { label: 'terminal', processId: terminal.processId },
        { label: 'gateway', processId: server.processId },
      ],
    };
  },
};

async function keyPair(namespace: Namespace): Promise<{ privateKey: string; publicKey: string }> {
  const privateKey = await namespace.run(['wg', 'genkey']);
  return { privateKey, publicKey: (await namespace.run(['wg', 'pubkey'], { input: privateKey })).trim() };
}

async function configure(
  namespace: Namespace,
  interfaceName: string,
  address: string,
  privateKey: string,
  words: readonly string[],
): Promise<void> {
  await until('the WireGuard interface', 5000, async () => {
    const outcome = await namespace.attempt(['wg', 'show', interfaceName]);
    return outcome.code === 0 ? true : undefined;
  });
  const keyFile = join(namespace.lab.directory, `${interfaceName}.key`);
  writeFileSync(keyFile, privateKey, { mode: 0o600 });
  await namespace.run(['wg', 'set', interfaceName, 'private-key', keyFile, ...words]);
  await namespace.ip(`addr add ${address} dev ${interfaceName}`, `link set dev ${interfaceName} up`);
}
