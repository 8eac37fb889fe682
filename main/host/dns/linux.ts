// Name resolution on Linux: systemd-resolved where it answers for the computer, else resolv.conf itself.
import { existsSync, readFileSync } from 'node:fs';
import { requireCommand } from '../command/linux.ts';
import { captureFile, type FileOwnership, replaceFile, restoreFile } from '../journal/file-image.ts';
import type { FileImage } from '../journal/journal.ts';
import type { DnsConfiguration } from '../network.ts';

export interface DnsPlaces {
  /** "/etc/resolv.conf". */
  readonly resolverPath: string;
  /** "/run/systemd/resolve": there while systemd-resolved runs. */
  readonly resolvedDirectory: string;
  /** The tool to speak to it with. */
  readonly resolvedCommand: string;
}

/** First line of what we write, by which it is known again. */
export const resolverMarker =
  '# Written by SealNIC while its tunnel is up; the file that was here comes back after.';

/** Whether systemd-resolved runs and programs ask it: they do when resolv.conf names its stub, or is its file. */
export function usesResolved({ resolverPath, resolvedDirectory }: DnsPlaces): boolean {
  if (!existsSync(`${resolvedDirectory}/stub-resolv.conf`)) return false;
  const image = captureFile(resolverPath);
  if (image.type === 'link') return image.target.includes('systemd/resolve/');
  return image.type === 'file' && /^nameserver\s+127\.0\.0\.5[34]\s*$/m.test(decode(image));
}

/** The link's servers, and which names go to them; without names, all. */
export async function setResolvedLink(places: DnsPlaces, configuration: DnsConfiguration): Promise<void> {
  const { interfaceName, servers, searchDomains } = configuration;
  const all = searchDomains.length === 0;
  const call = (...words: readonly string[]) => requireCommand([places.resolvedCommand, ...words]);
  await Promise.all([
    call('dns', interfaceName, ...servers),
    call('domain', interfaceName, ...(all ? ['~.'] : searchDomains)),
    call('default-route', interfaceName, all ? 'yes' : 'no'),
  ]);
}

/** Harmless where the link is gone, since its settings went with it. */
export async function revertResolvedLink(places: DnsPlaces, interfaceName: string): Promise<void> {
  if (!existsSync(`/sys/class/net/${interfaceName}`) || !existsSync(places.resolvedDirectory)) return;
  await requireCommand([places.resolvedCommand, 'revert', interfaceName]);
}

/** Writes the servers into resolv.conf, keeping the options that stood in `before`. */
export function writeResolver(path: string, configuration: DnsConfiguration, before: FileImage): void {
  const options = before.type === 'file' ? (decode(before).match(/^options\s.*$/gm) ?? []) : [];
  const { searchDomains } = configuration;
  const lines = [
    resolverMarker,
    // The C library reads no more than three.
    ...configuration.servers.slice(0, 3).map((server) => `nameserver ${server}`),
    ...(searchDomains.length > 0 ? [`search ${searchDomains.join(' ')}`] : []),
    ...options,
    '',
  ];
  replaceFile(path, Buffer.from(lines.join('\n')), ownershipOf(before));
}

/** Puts the file back unless someone else has written it since; returns whether it did. */
export function restoreResolver(path: string, before: FileImage, marker: string): boolean {
  if (!startsWith(path, marker)) return false;
  restoreFile(path, before);
  return true;
}

function ownershipOf(image: FileImage): FileOwnership {
  if (image.type === 'file') return image;
  return { mode: 0o644, userId: 0, groupId: 0 };
}

function decode(image: FileImage & { type: 'file' }): string {
  return Buffer.from(image.contentBase64, 'base64').toString();
}

function startsWith(path: string, marker: string): boolean {
  try {
    return readFileSync(path, 'utf8').startsWith(marker);
  } catch {
    return false;
  }
}
