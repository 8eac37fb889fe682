// Who may import whom (ARCHITECTURE.md, "Rooms"), and what the pure core may not touch. Fails `npm test` when broken.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

interface Room {
  /** Path prefix, with "/" at the end. */
  readonly path: string;
  /** Paths within the project from which it may import anything. Its own is always allowed. */
  readonly values: readonly string[];
  /** Paths from which it may import types only. */
  readonly types: readonly string[];
  /** npm packages; a name ending in "/" allows the whole scope. "*" allows all. */
  readonly packages: readonly string[];
  /** Node's own modules; "*" allows all. */
  readonly node: readonly string[];
}

/** The longest matching path decides. */
export const rooms: readonly Room[] = [
  { path: 'main/engine/', values: [], types: [], packages: ['@noble/'], node: ['crypto'] },
  { path: 'native/', values: [], types: [], packages: ['koffi'], node: ['*'] },
  {
    path: 'main/host/',
    values: ['native/', 'main/engine/packet/'],
    types: ['main/engine/'],
    packages: ['koffi'],
    node: ['*'],
  },
  {
    path: 'main/keys/',
    values: ['native/'],
    types: ['main/engine/'],
    packages: ['pkijs', 'asn1js', '@noble/', 'keytar'],
    node: ['*'],
  },
  {
    path: 'main/service/',
    values: ['main/engine/', 'main/host/', 'main/keys/', 'main/control/', 'native/'],
    types: [],
    packages: ['*'],
    node: ['*'],
  },
  {
    path: 'main/control/',
    values: ['native/', 'resources/translations/', 'package.json'],
    types: [],
    packages: ['zod', 'json-rpc-2.0'],
    node: ['*'],
  },
  {
    path: 'main/diagnostics/',
    values: ['main/control/', 'main/engine/packet/'],
    types: [],
    packages: ['fflate', 'smol-toml'],
    node: ['*'],
  },
  {
    path: 'main/cli/',
    values: ['main/control/', 'main/diagnostics/', 'main/keys/keychain/'],
    types: [],
    packages: ['commander', 'zod'],
    node: ['*'],
  },
  {
    path: 'main/tray/',
    values: ['main/control/', 'main/diagnostics/', 'main/keys/keychain/'],
    types: [],
    packages: ['electron', 'zod', 'i18next', '@jellybrick/dbus-next', 'semver'],
    node: ['*'],
  },
  {
    path: 'main/tray/text/',
    values: ['main/control/failure.ts', 'resources/translations/'],
    types: ['main/control/'],
    packages: ['i18next'],
    node: [],
  },
  {
    path: 'renderer/',
    values: ['main/tray/text/', 'resources/'],
    types: ['main/control/', 'main/tray/ipc.ts'],
    packages: ['*'],
    node: [],
  },
  { path: 'build/', values: ['main/', 'native/', 'renderer/'], types: [], packages: ['*'], node: ['*'] },
  {
    path: 'test/',
    values: ['main/', 'native/', 'renderer/', 'build/', 'resources/'],
    types: [],
    packages: ['*'],
    node: ['*'],
  },
];

/** Clock, randomness and the outside world are passed in to the engine; these would bring them in by the back door. */
const forbiddenInEngine =
  /(?<![.\w])(Date|Math\.random|performance|setTimeout|setInterval|setImmediate|process|console|fetch|crypto\.getRandomValues|crypto\.randomUUID|globalThis)\b(?!\s*[:?])/;
/** Of node:crypto, which has to be imported by name. */
const forbiddenOfCrypto = /\b(random\w*|generate\w*|getRandomValues|webcrypto|subtle)\b/;

export interface Violation {
  /** "main/engine/x.ts:12" */
  readonly place: string;
  readonly problem: string;
}

/** Checks every source file below `root` that lies in a room. */
export function checkImportRules(root: string): readonly Violation[] {
  return sourceFiles(root).flatMap((path) => checkFile(root, path));
}

interface Import {
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
  readonly line: number;
}

function checkFile(root: string, path: string): readonly Violation[] {
  const room = roomOf(path);
  if (room === undefined) return [{ place: path, problem: 'lies in no room of build/import-rules.ts' }];
  const source = withoutComments(readFileSync(join(root, path), 'utf8'));
  const violations: Violation[] = [];
  for (const each of importsOf(source)) {
    const problem = problemOf(room, path, each);
    if (problem !== undefined) violations.push({ place: `${path}:${each.line}`, problem });
  }
  if (room.path === 'main/engine/') {
    for (const [text, names] of source.matchAll(/^import\s([^;]*?)from 'node:crypto'/gm)) {
      const line = lineAt(source, source.indexOf(text));
      const found = names?.startsWith('{')
        ? forbiddenOfCrypto.exec(names)?.[1]
        : 'a name for all of node:crypto';
      if (found === undefined) continue;
      violations.push({ place: `${path}:${line}`, problem: `the engine is pure: "${found}" is passed in` });
    }
    source.split('\n').forEach((line, index) => {
      const found = forbiddenInEngine.exec(withoutStrings(line));
      if (found === null) return;
      violations.push({
        place: `${path}:${index + 1}`,
        problem: `the engine is pure: "${found[1]}" is passed in`,
      });
    });
  }
  if (/^(main|native)\//.test(path) && !path.endsWith('/index.ts')) {
    for (const match of source.matchAll(/\bprocess\.platform\b/g)) {
      violations.push({
        place: `${path}:${lineAt(source, match.index)}`,
        problem: 'only an index.ts asks for the platform',
      });
    }
  }
  return violations;
}

function problemOf(room: Room, path: string, { specifier, typeOnly }: Import): string | undefined {
  if (specifier === undefined) return 'imports something that cannot be read off the source';
  if (specifier.startsWith('.')) {
    const target = relative('/', resolve('/', dirname(path), specifier))
      .split(sep)
      .join('/');
    const allowed = [room.path, ...room.values, ...(typeOnly ? room.types : [])];
    if (allowed.some((prefix) => target.startsWith(prefix))) return undefined;
    const kind = room.types.some((prefix) => target.startsWith(prefix))
      ? 'may import only types of'
      : 'may not import';
    return `${room.path} ${kind} ${target}`;
  }
  if (specifier.startsWith('node:')) {
    const name = specifier.slice('node:'.length);
    return allows(room.node, name) ? undefined : `${room.path} may not import ${specifier}`;
  }
  return allows(room.packages, specifier)
    ? undefined
    : `${room.path} may not import the package ${specifier}`;
}

function allows(names: readonly string[], name: string): boolean {
  return names.some(
    (each) => each === '*' || each === name || name.startsWith(each.endsWith('/') ? each : `${each}/`),
  );
}

function roomOf(path: string): Room | undefined {
  return rooms.filter((room) => path.startsWith(room.path)).sort((a, b) => b.path.length - a.path.length)[0];
}

const statement = /^(import|export)\s+(type\s+)?(?:[^'";]*?\bfrom\s*)?(['"])([^'"\n]+)\3/gm;
const dynamic = /(?<![\w$.#])(?:import|require)\(\s*(?:(['"])([^'"\n]+)\1)?/g;

/** Static imports and re-exports begin a line (the formatter sees to that); dynamic ones stand anywhere. */
function importsOf(source: string): readonly Import[] {
  const found: Import[] = [];
  for (const match of source.matchAll(statement)) {
    found.push({ specifier: match[4], typeOnly: match[2] !== undefined, line: lineAt(source, match.index) });
  }
  for (const match of source.matchAll(dynamic)) {
    const before = source.slice(source.lastIndexOf('\n', match.index) + 1, match.index);
    if (/^\s*async\s+$/.test(before)) continue; // a method of that name
    if (/['"`]/.test(withoutStrings(before).replaceAll("''", ''))) continue;
    found.push({ specifier: match[2], typeOnly: false, line: lineAt(source, match.index) });
  }
  return found;
}

function lineAt(source: string, index: number): number {
  return source.slice(0, index).split('\n').length;
}

/** Blanks comments, keeps line numbers. A "//" after a quote or colon on its line may be a string: it stays. */
function withoutComments(source: string): string {
  return source
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^([^'"`\n:]*)\/\/.*$/gm, '$1');
}

function withoutStrings(line: string): string {
  return line.replace(/'[^']*'|"[^"]*"|`[^`]*`/g, "''").replace(/\/\/.*$/, '');
}

function sourceFiles(root: string): readonly string[] {
  const tops = ['main', 'native', 'renderer', 'build', 'test'].filter((top) => existsSync(join(root, top)));
  return tops.flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|tsx|mts|mjs|js)$/.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((path) => !path.startsWith('test/rules/samples/') && !path.startsWith('test/output/')),
  );
}
