// `npm run package`: builds what was asked for, or all that this machine can for its own platform, and says plainly what
// it could not build and why.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arch, build, Platform } from 'electron-builder';
import { makeApplicationFolder } from './application.ts';
import { builderConfiguration } from './builder-configuration.ts';
import { hasDebianTools, makeDebianPackage } from './debian.ts';
import { electronRuntime } from './electron-runtime.ts';
import { fileList } from './file-list.ts';
import { product, projectRoot } from './product.ts';
import { type Order, parseOrder, type Request, UsageError } from './request.ts';
import { hasRpmTools, makeRpmPackage } from './rpm.ts';
import { makeServiceFolder } from './service-files.ts';
import { iconFolder, makeSystemFiles } from './system-files.ts';
import { nameOf, type Target } from './target.ts';

const packageFolder = process.env.SEALNIC_PACKAGE_OUTPUT ?? join(projectRoot, 'dist', 'package');

async function main(given: readonly string[]): Promise<number> {
  const host = { platform: process.platform, architecture: process.arch } as Target;
  const order = parseOrder(given, host);
  const built: string[] = [];
  const failed: string[] = [];
  for (const request of order.requests) {
    const name = nameOf(request.target);
    let unpacked: string;
    try {
      unpacked = await makeUnpacked(request.target, order);
      built.push(unpacked);
    } catch (error) {
      for (const format of request.formats) failed.push(`${name} ${format}: ${reasonOf(error)}`);
      continue;
    }
    for (const format of request.formats.filter((each) => each !== 'dir')) {
      try {
        built.push(...(await makeFormat(request, format, unpacked, order)));
      } catch (error) {
        failed.push(`${name} ${format}: ${reasonOf(error)}`);
      }
    }
  }
  for (const path of built) console.log(`Built: ${path}`);
  for (const text of failed) console.error(`Not built: ${text}`);
  const artifacts = built.length - order.requests.length;
  const enough = order.named ? failed.length === 0 : artifacts > 0;
  return enough ? 0 : 1;
}

/** Gives the folder: the program as it is installed, with its fuses set. */
async function makeUnpacked(target: Target, order: Order): Promise<string> {
  const parts = partsOf(target);
  mkdirSync(parts.output, { recursive: true });
  await makeServiceFolder(target, parts.serviceFolder, versionOf(order));
  await makeApplicationFolder(target, parts.applicationFolder, versionOf(order));
  makeSystemFiles(parts.systemFolder, { menu: false });
  const before = join(parts.output, unpackedName(target));
  rmSync(before, { recursive: true, force: true });
  await build({
    targets: builderPlatform(target).createTarget('dir', Arch[target.architecture]),
    projectDir: projectRoot,
    config: parts.configuration,
    publish: 'never',
  });
  if (!existsSync(before)) throw new Error(`electron-builder made no ${before}`);
  writeFileSync(join(parts.output, 'files.txt'), fileList(before));
  return before;
}

async function makeFormat(
  { target }: Request,
  format: string,
  unpacked: string,
  order: Order,
): Promise<readonly string[]> {
  const { configuration, output } = partsOf(target);
  const parts = {
    architecture: target.architecture,
    version: versionOf(order),
    unpacked,
    output,
    compression: order.compress ? 'xz' : 'none',
  } as const;
  if (format === 'deb' && hasDebianTools()) return [makeDebianPackage(parts)];
  if (format === 'rpm' && hasRpmTools()) return [makeRpmPackage(parts)];
  return await build({
    targets: builderPlatform(target).createTarget(format, Arch[target.architecture]),
    projectDir: projectRoot,
    prepackaged: unpacked,
    config: configuration,
    publish: 'never',
  });
}

function partsOf(target: Target) {
  const output = join(packageFolder, nameOf(target));
  const serviceFolder = join(output, 'service');
  const applicationFolder = join(output, 'app');
  const systemFolder = join(output, 'system');
  const script = (name: string) => join(import.meta.dirname, 'linux', name);
  const configuration = builderConfiguration({
    target,
    electron: electronRuntime(target),
    applicationFolder,
    serviceFolder,
    output,
    icons: iconFolder,
    scripts: {
      afterInstall: script('after-install.sh'),
      beforeRemove: script('before-remove.sh'),
      afterRemove: script('after-remove.sh'),
    },
    systemFiles: { [`${systemFolder}/`]: '/' },
  });
  return { output, serviceFolder, applicationFolder, systemFolder, configuration };
}

function builderPlatform({ platform }: Target): Platform {
  return { linux: Platform.LINUX, win32: Platform.WINDOWS, darwin: Platform.MAC }[platform];
}

/** As electron-builder names it. */
function unpackedName({ platform, architecture }: Target): string {
  const suffix = architecture === 'x64' ? '' : `-${architecture}`;
  if (platform === 'darwin') return `mac${suffix}`;
  return `${platform === 'win32' ? 'win' : 'linux'}${suffix}-unpacked`;
}

function versionOf({ version }: Order): string {
  return version ?? product.version;
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.trim().split('\n').slice(0, 2).join(' ');
  return /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(line)
    ? `a part that is downloaded (Electron, or the format's own tool) is out of reach (${line})`
    : line;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof UsageError ? error.message : error);
  return error instanceof UsageError ? 2 : 1;
});
