// electron-builder's configuration, for every platform and format.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AfterPackContext, Configuration } from 'electron-builder';
import type { ElectronRuntime } from './electron-runtime.ts';
import { fusesFor } from './fuses.ts';
import { debianDepends, debianRecommends, product, rpmDepends, serviceFolder } from './product.ts';
import type { Target } from './target.ts';

export interface Parts {
  readonly target: Target;
  readonly electron: ElectronRuntime;
  /** Made by application.ts, and service-files.ts. */
  readonly applicationFolder: string;
  readonly serviceFolder: string;
  readonly scripts: {
    readonly afterInstall: string;
    readonly beforeRemove: string;
    readonly afterRemove: string;
  };
  readonly output: string;
  readonly icons: string;
  /** Files of the distribution that a deb or rpm puts elsewhere: from → to. */
  readonly systemFiles: Readonly<Record<string, string>>;
}

export function builderConfiguration(parts: Parts): Configuration {
  const { target, electron, scripts } = parts;
  const systemFiles = Object.entries(parts.systemFiles).map(([from, to]) => `${from}=${to}`);
  return {
    appId: product.appId,
    productName: product.productName,
    electronVersion: electron.version,
    ...(electron.folder === undefined ? {} : { electronDist: electron.folder }),
    electronLanguages: ['en-US', 'ja'],
    electronFuses: fusesFor(target.platform),
    directories: { app: parts.applicationFolder, output: parts.output, buildResources: parts.icons },
    files: ['**/*', '!**/*.map'],
    asar: true,
    asarUnpack: ['**/*.node'],
    npmRebuild: false,
    nodeGypRebuild: false,
    afterPack: async (context) => addService(context, parts.serviceFolder),
    publish: null,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: electron-builder's own names
    artifactName: '${name}-${version}-${os}-${arch}.${ext}',
    forceCodeSigning: process.env.SEALNIC_REQUIRE_SIGNING === '1',
    linux: {
      executableName: product.executable,
      category: 'Network',
      synopsis: product.description,
      description: product.description,
      maintainer: product.maintainer,
      icon: parts.icons,
      desktop: { entry: { StartupWMClass: product.productName, Keywords: 'VPN;IPsec;IKEv2;' } },
    },
    deb: {
      depends: [...debianDepends],
      recommends: [...debianRecommends],
      packageName: product.name,
      afterInstall: scripts.afterInstall,
      afterRemove: scripts.afterRemove,
      fpm: [`--before-remove=${scripts.beforeRemove}`, ...systemFiles],
    },
    rpm: {
      depends: [...rpmDepends],
      packageName: product.name,
      afterInstall: scripts.afterInstall,
      afterRemove: scripts.afterRemove,
      fpm: [`--before-remove=${scripts.beforeRemove}`, ...systemFiles],
    },
    win: { executableName: product.executable },
    nsis: {
      oneClick: false,
      perMachine: true,
      allowElevation: true,
      allowToChangeInstallationDirectory: false,
    },
    mac: {
      category: 'public.app-category.utilities',
      hardenedRuntime: true,
      gatekeeperAssess: false,
    },
    pkg: { installLocation: '/Applications', allowAnywhere: false, allowCurrentUserHome: false },
  };
}

/**
 * Not by extraResources, which leave out node_modules. An Electron that was unpacked for development may carry an app of
 * its own; a package holds ours alone.
 */
function addService({ packager, appOutDir }: AfterPackContext, source: string): void {
  const resources = packager.getResourcesDir(appOutDir);
  for (const name of ['app', 'default_app.asar']) {
    rmSync(join(resources, name), { recursive: true, force: true });
  }
  rmSync(join(appOutDir, 'version'), { force: true });
  cpSync(source, join(resources, serviceFolder), {
    recursive: true,
    filter: (path) => !path.endsWith('.js.map'),
  });
}
