// The .rpm, made by rpmbuild from the unpacked program: the same bytes for the same input.
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeInstalledTree } from './installed-tree.ts';
import { linuxFolder, product, rpmDepends } from './product.ts';
import { sourceDate } from './source-date.ts';
import type { Architecture } from './target.ts';

export interface RpmPackage {
  readonly architecture: Architecture;
  readonly version: string;
  /** The folder that electron-builder made. */
  readonly unpacked: string;
  /** Folder of the package; it also takes the tree that is packed, for a while. */
  readonly output: string;
  readonly compression: 'xz' | 'none';
}

export function hasRpmTools(): boolean {
  return spawnSync('rpmbuild', ['--version']).status === 0;
}

/** Gives the package's path. Throws with what rpmbuild said. */
export function makeRpmPackage({ version, unpacked, output, compression, ...parts }: RpmPackage): string {
  const architecture = parts.architecture === 'x64' ? 'x86_64' : 'aarch64';
  const work = join(output, `rpm-${architecture}`);
  const tree = join(work, 'tree');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  makeInstalledTree(tree, unpacked);
  const specification = join(work, `${product.name}.spec`);
  writeFileSync(specification, specificationText(version, tree));
  const macros = {
    _topdir: work,
    _rpmdir: join(work, 'made'),
    // rpmbuild empties its build root before it begins.
    buildroot: join(work, 'root'),
    _build_id_links: 'none',
    _binary_payload: compression === 'xz' ? 'w6T.xzdio' : 'w.ufdio',
    _buildhost: product.name,
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    source_date_epoch_from_changelog: '0',
  };
  const words = ['-bb', '--target', `${architecture}-linux`];
  for (const [name, value] of Object.entries(macros)) words.push('--define', `${name} ${value}`);
  const { status, stderr } = spawnSync('rpmbuild', [...words, specification], {
    encoding: 'utf8',
    env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDate()) },
  });
  if (status !== 0) throw new Error(`rpmbuild: ${stderr.trim()}`);
  const [made] = globSync(join(work, 'made', '**', '*.rpm'));
  if (made === undefined) throw new Error('rpmbuild made no package');
  const file = join(output, `${product.name}-${version}-1.${architecture}.rpm`);
  renameSync(made, file);
  rmSync(work, { recursive: true, force: true });
  return file;
}

/** rpm marks a pre-release by "~". Nothing is done to the programs: rpmbuild would strip them. */
function specificationText(version: string, tree: string): string {
  return `%global __os_install_post %{nil}
%global debug_package %{nil}
Name: ${product.name}
Version: ${version.replace('-', '~')}
Release: 1
Summary: ${product.description}
License: ${product.license}
URL: ${product.homepage}
Packager: ${product.maintainer}
AutoReqProv: no
Requires: ${rpmDepends.join(', ')}

%description
A virtual adapter, a filter that decides for every packet, IKEv2 and ESP in user space, and a desktop app.

%install
cp -a "${tree}/." "%{buildroot}/"

%post
${script('after-install.sh')}
%preun
${script('before-remove.sh')}
%postun
${script('after-remove.sh')}
%files
%defattr(-, root, root, -)
%attr(4755, root, root) ${linuxFolder}/chrome-sandbox
${packedFolders.join('\n')}
`;
}

/** Ours as whole folders; those of the system hold single files of ours. */
const packedFolders = [
  linuxFolder,
  '/usr/bin/*',
  '/usr/lib/systemd/system/*',
  '/usr/share/applications/*',
  `/usr/share/doc/${product.name}`,
  '/usr/share/icons/hicolor/*/apps/*',
  '/usr/share/polkit-1/actions/*',
];

/** "%" begins a macro in a specification. */
function script(name: string): string {
  return readFileSync(join(import.meta.dirname, 'linux', name), 'utf8').replaceAll('%', '%%');
}
