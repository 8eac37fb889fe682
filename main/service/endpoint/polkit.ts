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

function ask(peer: Peer, signal: AbortSignal, program: string): Promise<boolean> {
  if (peer.startTime === undefined || signal.aborted) return Promise.resolve(false);
  const process = `${peer.pid},${peer.startTime},${peer.uid}`;
  return new Promise((resolve) => {
    execFile(
      program,
      ['--action-id', polkitAction, '--process', process, '--allow-user-interaction'],
      { timeout: longestWaitMilliseconds, signal, env: { PATH: '/usr/bin:/bin' } },
      (error) => resolve(error === null),
    );
  });
}
