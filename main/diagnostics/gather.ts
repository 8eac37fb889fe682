// Asks the service for what a bundle holds. What it refuses is left out, and the bundle says so.
import { readFileSync } from 'node:fs';
import { arch, hostname, release, type as systemType, userInfo } from 'node:os';
import { longestLog } from '../control/diagnostics-methods.ts';
import { ControlError } from '../control/failure.ts';
import type { MethodName, MethodParameters, MethodResult } from '../control/schema.ts';

/** A call of the service without uploads. Throws ControlError. */
export type Ask = <Name extends GatheredMethod>(
  name: Name,
  parameters: MethodParameters<Name>,
) => Promise<MethodResult<Name>>;

export type GatheredMethod = Extract<
  MethodName,
  | 'service.version'
  | 'rights.mine'
  | 'status'
  | 'doctor.check'
  | 'profiles.list'
  | 'profiles.show'
  | 'filter.list'
  | 'sa.list'
  | 'log.tail'
  | 'terminal.information'
>;

export interface Gathered {
  /** Of the program that asks, of the runtime, and of the system. */
  readonly versions: Readonly<Record<string, string>>;
  readonly userName: string;
  readonly hostName: string;
  readonly service?: MethodResult<'service.version'>;
  readonly rights?: MethodResult<'rights.mine'>;
  readonly status?: MethodResult<'status'>;
  readonly findings?: MethodResult<'doctor.check'>['findings'];
  readonly profiles?: MethodResult<'profiles.list'>['profiles'];
  /** TOML by profile; only of valid ones. */
  readonly profileTexts: Readonly<Record<string, string>>;
  readonly filter?: MethodResult<'filter.list'>;
  readonly associations?: MethodResult<'sa.list'>;
  readonly log?: MethodResult<'log.tail'>['lines'];
  readonly terminal?: MethodResult<'terminal.information'>;
  /** What could not be had: method and code of the failure. */
  readonly missing: readonly { readonly method: GatheredMethod; readonly code: string }[];
}

/** `versions`: of the program that asks, by name. */
export async function gather(ask: Ask, versions: Readonly<Record<string, string>>): Promise<Gathered> {
  const missing: { method: GatheredMethod; code: string }[] = [];
  const tryTo = async <Name extends GatheredMethod>(
    method: Name,
    parameters: MethodParameters<Name>,
  ): Promise<MethodResult<Name> | undefined> => {
    try {
      return await ask(method, parameters);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      missing.push({ method, code: error.failure.code });
      return undefined;
    }
  };
  const [service, rights, status, doctor, list, filter, associations, terminal] = await Promise.all([
    tryTo('service.version', {}),
    tryTo('rights.mine', {}),
    tryTo('status', {}),
    tryTo('doctor.check', {}),
    tryTo('profiles.list', {}),
    tryTo('filter.list', {}),
    tryTo('sa.list', {}),
    tryTo('terminal.information', {}),
  ]);
  const question = { after: 0, limit: longestLog.lines, level: 'debug' } as const;
  const whole =
    rights?.administer === 'no' ? undefined : await tryTo('log.tail', { ...question, everything: true });
  const log = whole ?? (await tryTo('log.tail', { ...question, everything: false }));
  const profileTexts: Record<string, string> = {};
  for (const { name, problem } of list?.profiles ?? []) {
    if (problem !== undefined) continue;
    const shown = await tryTo('profiles.show', { profile: name });
    if (shown !== undefined) profileTexts[name] = shown.text;
  }
  return {
    versions: { ...versions, ...systemVersions() },
    userName: userInfo().username,
    hostName: hostname(),
    profileTexts,
    missing,
    ...(service !== undefined && { service }),
    ...(rights !== undefined && { rights }),
    ...(status !== undefined && { status }),
    ...(doctor !== undefined && { findings: doctor.findings }),
    ...(list !== undefined && { profiles: list.profiles }),
    ...(filter !== undefined && { filter }),
    ...(associations !== undefined && { associations }),
    ...(log !== undefined && { log: log.lines }),
    ...(terminal !== undefined && { terminal }),
  };
}

function systemVersions(): Record<string, string> {
  const system = { system: `${systemType()} ${release()} ${arch()}` };
  try {
    const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    return name === undefined ? system : { ...system, distribution: name };
  } catch {
    return system;
  }
}
