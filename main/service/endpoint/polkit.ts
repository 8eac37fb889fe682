// Asks polkit, through its own `pkcheck`, whether a process may administer. Where polkit is not installed, it may not.
import { execFile } from 'node:child_process';
import type { Peer } from './rights.ts';

/** Defined by the policy file that `sealnic service install` puts in place. */
export const polkitAction = 'org.sealnic.administer';

const longestWaitMilliseconds = 120_000;
const waiting = new Map<number, Promise<unknown>>();

/** One question at a time for each user: nobody can pile up questions or processes. */
export function polkitAllows(peer: Peer, signal: AbortSignal, program = 'pkcheck'): Promise<boolean> {
  const answer = (waiting.get(peer.uid) ?? Promise.resolve()).then(() => ask(peer, signal, program));
  waiting.set(peer.uid, answer);
  void answer.finally(() => {
    if (waiting.get(peer.uid) === answer) waiting.delete(peer.uid);
  });
  return answer;
}

/** What polkit would say, without a question to anybody: pkcheck ends with 2 where it would have to ask. */
export async function polkitStanding(
  peer: Peer,
  signal: AbortSignal,
  program = 'pkcheck',
): Promise<'yes' | 'after-asking' | 'no'> {
  switch (await check(peer, signal, program, [])) {
    case 0:
      return 'yes';
    case 2:
      return 'after-asking';
    default:
      return 'no';
  }
}

async function ask(peer: Peer, signal: AbortSignal, program: string): Promise<boolean> {
  return (await check(peer, signal, program, ['--allow-user-interaction'])) === 0;
}

/** The exit code; undefined: it could not be asked. */
function check(
  peer: Peer,
  signal: AbortSignal,
  program: string,
  options: readonly string[],
): Promise<number | undefined> {
  if (peer.startTime === undefined || signal.aborted) return Promise.resolve(undefined);
  const process = `${peer.pid},${peer.startTime},${peer.uid}`;
  return new Promise((resolve) => {
    execFile(
      program,
      ['--action-id', polkitAction, '--process', process, ...options],
      { timeout: longestWaitMilliseconds, signal, env: { PATH: '/usr/bin:/bin' } },
      (error) => resolve(error === null ? 0 : typeof error.code === 'number' ? error.code : undefined),
    );
  });
}
