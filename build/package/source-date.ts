// The time that packages carry.
import { spawnSync } from 'node:child_process';
import { projectRoot } from './product.ts';

/** Seconds since 1970 of the commit that is packed, so that the same commit gives the same package. */
export function sourceDate(): number {
  const given = Number(process.env.SOURCE_DATE_EPOCH);
  if (given > 0) return given;
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: projectRoot, encoding: 'utf8' });
  return Number(stdout?.trim()) || 0;
}
