// What a process has in its memory, as root sees it: searched for secrets.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const pieceBytes = 4 * 1024 * 1024;

/** For each secret (at least 6 bytes): in how many places of the process's readable memory it lies. */
export function searchMemory<Name extends string>(
  pid: number,
  secrets: Readonly<Record<Name, Uint8Array>>,
): Record<Name, readonly string[]> {
  const names = Object.keys(secrets) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, [] as string[]])) as Record<Name, string[]>;
  const overlap = Math.max(...names.map((name) => secrets[name].length)) - 1;
  const piece = Buffer.allocUnsafeSlow(pieceBytes + overlap);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { start, end, what } of readableMaps(pid)) {
      for (let at = start; at < end; at += pieceBytes) {
        const length = readAt(memory, piece, at, Math.min(piece.length, end - at));
        const read = piece.subarray(0, length);
        for (const name of names) {
          for (
            let hit = read.indexOf(secrets[name]);
            hit !== -1;
            hit = read.indexOf(secrets[name], hit + 1)
          ) {
            if (hit < pieceBytes) found[name].push(`${(at + hit).toString(16)} ${what}`);
          }
        }
      }
    }
    return found;
  } finally {
    closeSync(memory);
    piece.fill(0);
  }
}

function readAt(memory: number, piece: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, piece, 0, length, at);
  } catch {
    // Pages that were given back meanwhile, or reserved ones that were never touched.
    return 0;
  }
}

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly what: string;
}

/** What is resident; of files that nothing can write to (programs, libraries) only the pages that are no longer theirs. */
function readableMaps(pid: number): readonly Mapping[] {
  const mappings: Mapping[] = [];
  let current: (Mapping & { isProgram: boolean; resident: boolean; own: boolean }) | undefined;
  const end = () => {
    if (current?.resident === true && (current.own || !current.isProgram)) mappings.push(current);
  };
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const [, start, limit, rights, what = ''] = /^(\w+)-(\w+) (\S{4}) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
    if (start !== undefined) {
      end();
      const readable = rights![0] === 'r' && what !== '[vvar]' && what !== '[vsyscall]';
      const isProgram = what.startsWith('/') && rights![1] !== 'w';
      const place = { start: Number(`0x${start}`), end: Number(`0x${limit}`), what };
      current = readable ? { ...place, isProgram, resident: false, own: false } : undefined;
    }
    const [, name, count] = /^(Rss|Anonymous):\s+(\d+) kB$/.exec(line) ?? [];
    if (current === undefined || name === undefined || Number(count) === 0) continue;
    if (name === 'Rss') current.resident = true;
    else current.own = true;
  }
  end();
  return mappings;
}
