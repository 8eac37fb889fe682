// Pages for keys, on the platform that this runs on.
import type { MapLockedPages, UnmapLockedPages } from './contract.ts';

const platform = process.platform === 'win32' ? await import('./win32.ts') : await import('./linux.ts');

export const mapLockedPages: MapLockedPages = platform.mapLockedPages;
export const unmapLockedPages: UnmapLockedPages = platform.unmapLockedPages;
