// Electron's fuses: what the packaged program refuses, whatever its environment and arguments say.
import type { FuseOptionsV1 } from 'app-builder-lib';
import type { Platform } from './target.ts';

export function fusesFor(platform: Platform): FuseOptionsV1 {
  return {
    runAsNode: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    onlyLoadAppFromAsar: true,
    // Linux has no place for the archive's hash; there its owner, root, guards it.
    enableEmbeddedAsarIntegrityValidation: platform !== 'linux',
    // The app keeps no cookies; with it on, each start would ask for the user's keyring.
    enableCookieEncryption: false,
    grantFileProtocolExtraPrivileges: false,
    loadBrowserProcessSpecificV8Snapshot: false,
  };
}
