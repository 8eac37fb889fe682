// What every package says of itself, whichever tool makes it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..', '..');

const manifest: { readonly version: string; readonly description: string; readonly license: string } =
  JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));

export const product = {
  /** Of packages, the unit and the command. */
  name: 'sealnic',
  /** Shown to people; also the folder in /opt. */
  productName: 'SealNIC',
  appId: 'org.sealnic.desktop',
  /** The desktop app's program; `sealnic` is the command. */
  executable: 'sealnic-desktop',
  /** Of the menu entry; by it Wayland's desktops know which entry a window belongs to. */
  desktopName: 'sealnic-desktop.desktop',
  version: manifest.version,
  description: manifest.description,
  license: manifest.license,
  maintainer: process.env.SEALNIC_PACKAGE_MAINTAINER ?? 'SealNIC <packages@sealnic.example>',
  homepage: process.env.SEALNIC_PACKAGE_HOMEPAGE ?? 'https://sealnic.example',
} as const;

/** Where deb and rpm put it. */
export const linuxFolder = `/opt/${product.productName}`;
/** In the folder of the package, on every platform. */
export const serviceFolder = 'service';

/** What Electron loads or starts, and the service's tools. A name with "|" is the first of the alternatives. */
export const debianDepends = [
  'libsecret-1-0',
  'libgtk-3-0t64 | libgtk-3-0',
  'libnss3',
  'libnotify4',
  'libgbm1',
  'libasound2t64 | libasound2',
  'libatspi2.0-0t64 | libatspi2.0-0',
  'libxss1',
  'libxtst6',
  'libuuid1',
  'libstdc++6',
  'xdg-utils',
  'iproute2',
  'nftables',
  'passwd',
] as const;
export const debianRecommends = [
  'polkitd | policykit-1',
  'pkexec | policykit-1',
  'dbus-user-session',
] as const;

export const rpmDepends = [
  'libsecret',
  'gtk3',
  'nss',
  'libnotify',
  'mesa-libgbm',
  'alsa-lib',
  'at-spi2-core',
  'libXScrnSaver',
  'libXtst',
  'libuuid',
  'libstdc++',
  'xdg-utils',
  'iproute',
  'nftables',
  'shadow-utils',
] as const;
