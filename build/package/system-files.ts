// What deb and rpm put outside of the program's own folder: commands, unit, polkit action, menu entry, icons.
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { polkitText } from '../../main/cli/install/polkit.ts';
import { unitText } from '../../main/cli/install/unit.ts';
import { linuxFolder, product, projectRoot } from './product.ts';
import { installedServiceFolder, serviceCommandIn } from './service-files.ts';

export const iconFolder = join(projectRoot, 'resources', 'icons');

/** Makes the folder anew; its content belongs below "/". `menu`: with what fpm would add by itself. */
export function makeSystemFiles(folder: string, { menu }: { readonly menu: boolean }): void {
  rmSync(folder, { recursive: true, force: true });
  write(
    folder,
    `usr/lib/systemd/system/${product.name}.service`,
    unitText(serviceCommandIn(installedServiceFolder)),
  );
  write(folder, 'usr/share/polkit-1/actions/org.sealnic.policy', polkitText);
  link(folder, 'usr/bin/sealnic', `${installedServiceFolder}/sealnic`);
  link(folder, `usr/bin/${product.executable}`, `${linuxFolder}/${product.executable}`);
  if (!menu) return;
  write(folder, `usr/share/applications/${product.desktopName}`, desktopEntry);
  for (const name of readdirSync(iconFolder).filter((file) => /^\d+x\d+\.png$/.test(file))) {
    const target = join(
      folder,
      `usr/share/icons/hicolor/${name.replace('.png', '')}/apps/${product.executable}.png`,
    );
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(iconFolder, name), target);
  }
}

const desktopEntry = `[Desktop Entry]
Type=Application
Name=${product.productName}
Comment=${product.description}
Exec=${linuxFolder}/${product.executable} %U
Icon=${product.executable}
Terminal=false
StartupWMClass=${product.productName}
Categories=Network;
Keywords=VPN;IPsec;IKEv2;
`;

function write(folder: string, name: string, text: string): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function link(folder: string, name: string, target: string): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
