// Whether a user sits at this computer: logind's sessions, read from where systemd-logind keeps them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** True while one of the user's sessions is in the foreground of a local seat (not over SSH, not locked away). */
export function hasActiveLocalSession(uid: number, directory = '/run/systemd/sessions'): boolean {
  let names: string[];
  try {
    // Beside each session's file lies a pipe that logind holds open: who reads it waits for as long as the session lasts.
    names = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  } catch {
    return false;
  }
  return names.some((name) => {
    try {
      return isActiveLocal(parseSession(readFileSync(join(directory, name), 'utf8')), uid);
    } catch {
      return false; // Gone meanwhile.
    }
  });
}

function parseSession(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n')) {
    const split = line.indexOf('=');
    if (split > 0) entries.set(line.slice(0, split), line.slice(split + 1));
  }
  return entries;
}

function isActiveLocal(session: ReadonlyMap<string, string>, uid: number): boolean {
  return (
    session.get('UID') === String(uid) &&
    session.get('ACTIVE') === '1' &&
    session.get('REMOTE') !== '1' &&
    (session.get('SEAT') ?? '') !== '' &&
    (session.get('CLASS') ?? '').startsWith('user')
  );
}
