// The bundle that a person gives to whoever helps: files of text without secrets and with stand-ins for names and
// addresses. It is shown before it is saved; what is shown is what is saved.
import { strToU8, zipSync } from 'fflate';
import { parse } from 'smol-toml';
import type { ProfileSummary } from '../control/values.ts';
import { disclose, discloseProfile, learnLinks, learnNames, learnProfile } from './disclose.ts';
import type { Gathered } from './gather.ts';
import { Pseudonyms } from './pseudonyms.ts';

export interface BundleFile {
  /** "status.json", "profiles/profile-1f3a77c0.json". */
  readonly name: string;
  readonly text: string;
}

/** `key`: 32 random bytes, for this bundle alone; whoever has it can test guesses, so it is kept nowhere. */
export function makeBundle(gathered: Gathered, key: Uint8Array, now: Date): readonly BundleFile[] {
  const pseudonyms = new Pseudonyms(key);
  learnAll(pseudonyms, gathered);
  const { versions, service, rights, status, findings, profiles, filter, associations, log, terminal } =
    gathered;
  const json = (name: string, value: unknown): BundleFile[] =>
    value === undefined
      ? []
      : [{ name, text: `${JSON.stringify(disclose(pseudonyms, value), undefined, 2)}\n` }];
  const files = [
    ...json('versions.json', { ...versions, service, rights }),
    ...json('status.json', status),
    ...json('findings.json', findings),
    ...json('profiles.json', profiles?.map(withoutProblemText)),
    ...Object.entries(gathered.profileTexts).map(([name, text]) => ({
      name: `profiles/${pseudonyms.name('profile', name)}.json`,
      text: `${JSON.stringify(discloseProfile(pseudonyms, tablesOf(text)), undefined, 2)}\n`,
    })),
    ...json('filter.json', filter),
    ...json('associations.json', associations),
    ...json('terminal.json', terminal),
    ...(log === undefined
      ? []
      : [
          {
            name: 'log.txt',
            text: log
              .map(
                ({ at, level, text }) => `${new Date(at).toISOString()} ${level} ${pseudonyms.text(text)}\n`,
              )
              .join(''),
          },
        ]),
  ];
  return [{ name: 'README.txt', text: readme(gathered, now) }, ...files];
}

/** The files as a ZIP archive. */
export function zipBundle(files: readonly BundleFile[], now: Date): Uint8Array {
  const entries = Object.fromEntries(files.map(({ name, text }) => [name, strToU8(text)]));
  return zipSync(entries, { level: 6, mtime: now });
}

/** "sealnic-20260612-080000.zip", in universal time. */
export function bundleName(now: Date): string {
  const digits = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `sealnic-${digits}.zip`;
}

function learnAll(pseudonyms: Pseudonyms, gathered: Gathered): void {
  pseudonyms.learn('user', gathered.userName);
  pseudonyms.learn('host', gathered.hostName);
  const { rights, status, profiles, filter, associations, terminal } = gathered;
  for (const { name } of profiles ?? []) pseudonyms.learn('profile', name);
  for (const value of [rights, status, profiles, filter, associations, terminal]) {
    learnNames(pseudonyms, value);
  }
  learnLinks(pseudonyms, terminal?.links ?? []);
  for (const text of Object.values(gathered.profileTexts)) learnProfile(pseudonyms, tablesOf(text));
}

/** What is wrong with a file quotes it: only where, not what. */
function withoutProblemText({ problem, name, ...rest }: ProfileSummary): object {
  const place = problem?.line === undefined ? 'somewhere' : `line ${problem.line}`;
  return { profile: name, ...rest, ...(problem !== undefined && { notValid: place }) };
}

/** The text of a valid profile; of any other, nothing. */
function tablesOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return {};
  }
}

function readme({ missing }: Gathered, now: Date): string {
  const left = missing.map(({ method, code }) => `- ${method}: ${code}\n`).join('');
  return `SealNIC diagnostics, ${now.toISOString()}

No secret is in these files. Names of people, hosts, networks and profiles, and addresses are replaced:
the same name is the same stand-in within this bundle ("host-1f3a77c0"), and another one in the next.
Addresses that shared their first bits still do, and private, link-local and multicast ones can still be
told from others. Comments and notes that people wrote are left out.
${left === '' ? '' : `\nWhat could not be had:\n${left}`}`;
}
