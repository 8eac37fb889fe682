// Bundles the service, the command and the tray app into dist/, for packaging; `bundleTray` alone for `npm start`.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { buildRenderer } from './renderer.ts';

const projectRoot = join(import.meta.dirname, '..');
const manifestPath = join(projectRoot, 'package.json');
const ownVersion: string = JSON.parse(readFileSync(manifestPath, 'utf8')).version;

const common = {
  absWorkingDir: projectRoot,
  bundle: true,
  platform: 'node',
  sourcemap: true,
  legalComments: 'linked',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/**
 * The service, its threads and the command, for the Node 24 that goes with them. koffi stays outside: it finds its
 * binaries by its own place. `output`: the directory, dist/ by default. `version`: what it says that it is. Resolves to
 * the files that went in.
 */
export async function bundleService(
  output = join(projectRoot, 'dist'),
  version = ownVersion,
): Promise<readonly string[]> {
  const { metafile } = await build({
    ...common,
    entryPoints: {
      'service/main': 'main/service/main.ts',
      'service/data-thread': 'main/service/data/thread.ts',
      'service/card-watcher': 'main/keys/card/watcher-worker.ts',
      'service/card-work': 'main/keys/card/work-worker.ts',
      'service/card-module': 'main/keys/card/pkcs11/module-entry.ts',
      'cli/sealnic': 'main/cli/sealnic.ts',
    },
    outdir: output,
    format: 'esm',
    target: 'node24',
    external: ['koffi', 'keytar'],
    plugins: [withVersion(version)],
    metafile: true,
  });
  const packetModule = join(projectRoot, 'dist', 'packet.wasm');
  if (existsSync(packetModule)) copyFileSync(packetModule, join(output, 'service', 'packet.wasm'));
  return Object.keys(metafile.inputs);
}

/**
 * The tray app as a directory that Electron starts. Its own Node runs no TypeScript, hence the bundle. The window's
 * pages are those of dist/renderer, which npm's commands build anew when their sources are newer.
 */
export async function bundleTray(
  output = join(projectRoot, 'dist', 'tray'),
  version = ownVersion,
): Promise<string> {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(join(output, 'icons'), { recursive: true });
  await build({
    ...common,
    entryPoints: { main: 'main/tray/main.ts', preload: 'main/tray/preload.ts' },
    outdir: output,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    target: 'node20',
    // Pinned here, and never taken from the environment that the app runs in.
    define: Object.fromEntries(
      ['SEALNIC_UPDATE_URL', 'SEALNIC_UPDATE_PUBLIC_KEY'].map((name) => [
        `process.env.${name}`,
        JSON.stringify(process.env[name] ?? ''),
      ]),
    ),
    external: ['electron', 'keytar'],
    plugins: [withVersion(version)],
  });
  addKeytar(output);
  const pages = join(projectRoot, 'dist', 'renderer');
  if (!existsSync(join(pages, 'index.html'))) await buildRenderer(pages);
  cpSync(pages, join(output, 'renderer'), { recursive: true });
  const manifest = { name: 'sealnic', productName: 'SealNIC', version, main: 'main.cjs' };
  writeFileSync(join(output, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const icons = join(projectRoot, 'resources', 'tray');
  for (const icon of readdirSync(icons).filter((name) => name.endsWith('.png'))) {
    copyFileSync(join(icons, icon), join(output, 'icons', icon));
  }
  return output;
}

/** In place of package.json, of which nothing else belongs in a bundle. */
function withVersion(version: string): Plugin {
  return {
    name: 'version',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]package\.json$/ }, ({ path }) =>
        path === manifestPath ? { contents: JSON.stringify({ version }), loader: 'json' } : undefined,
      );
    },
  };
}

/** Of this computer's platform: it finds its binary by its own place. A package has that of its own. */
function addKeytar(output: string): void {
  const source = join(projectRoot, 'node_modules', 'keytar');
  const folder = join(output, 'node_modules', 'keytar');
  for (const part of ['package.json', 'lib', join('prebuilds', `${process.platform}-${process.arch}`)]) {
    cpSync(join(source, part), join(folder, part), { recursive: true, dereference: true });
  }
}

if (import.meta.main) {
  await bundleService();
  await bundleTray();
  if (!existsSync(join(projectRoot, 'dist', 'service', 'main.js')))
    throw new Error('the bundle is not there');
  console.log('The bundles are in dist/.');
}
