// OpenVPN at both ends, over UDP, with AES-256-GCM.
import { join } from 'node:path';
import type { Namespace } from '../../interop/lab/lab.ts';
import type { Contender } from './contender.ts';

export const openVpn: Contender = {
  name: 'OpenVPN',
  programs: ['openvpn', 'openssl'],
  open: async (pair) => {
    const terminalIdentity = await makeIdentity(pair.terminal, 'terminal');
    const serverIdentity = await makeIdentity(pair.server, 'server');
    const common = [
      '--dev',
      'tun',
      '--proto',
      'udp',
      '--data-ciphers',
      'AES-256-GCM',
      '--disable-dco',
      '--verb',
      '3',
    ];
    const server = pair.server.start([
      ...['openvpn', ...common, '--tls-server', '--dh', 'none', '--ifconfig', '10.8.0.1', '10.8.0.2'],
      ...identityWords(serverIdentity, terminalIdentity),
    ]);
    const terminal = pair.terminal.start([
      ...[
        'openvpn',
        ...common,
        '--tls-client',
        '--remote',
        pair.serverAddress,
        '--ifconfig',
        '10.8.0.2',
        '10.8.0.1',
      ],
      ...identityWords(terminalIdentity, serverIdentity),
    ]);
    await terminal.says('Initialization Sequence Completed', 20_000);
    return {
      serverAddress: '10.8.0.1',
      processes: [
        { label: 'terminal', processId: terminal.processId },
        { label: 'gateway', processId: server.processId },
      ],
    };
  },
};

interface Identity {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly fingerprint: string;
}

async function makeIdentity(namespace: Namespace, name: string): Promise<Identity> {
  const certificateFile = join(namespace.lab.directory, `openvpn-${name}.pem`);
  const keyFile = join(namespace.lab.directory, `openvpn-${name}.key`);
  await namespace.run([
    ...[
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ],
    ...['-subj', `/CN=${name}`, '-keyout', keyFile, '-out', certificateFile],
  ]);
  const text = await namespace.run([
    'openssl',
    'x509',
    '-in',
    certificateFile,
    '-noout',
    '-fingerprint',
    '-sha256',
  ]);
  return { certificateFile, keyFile, fingerprint: text.trim().split('=')[1] ?? '' };
}

function identityWords(mine: Identity, theirs: Identity): string[] {
  return ['--cert', mine.certificateFile, '--key', mine.keyFile, '--peer-fingerprint', theirs.fingerprint];
}
