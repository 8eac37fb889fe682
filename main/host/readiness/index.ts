// Waiting, on the platform that this runs on.
import type { CreateReadinessSet, Wakers } from './contract.ts';

const platform = process.platform === 'win32' ? await import('./win32.ts') : await import('./linux.ts');

export const createReadinessSet: CreateReadinessSet = platform.createReadinessSet;
export const wakers: Wakers = platform.wakers;
