// Lockdown on Linux: the fail-closed firewall is loaded at boot, before the network comes up and whether or not the
// service does.
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { replaceFile } from '../journal/file-image.ts';

export interface LockdownPlaces {
  /** Where the rules lie, e.g. "/etc/sealnic". */
  readonly configurationDirectory: string;
  /** Where systemd looks for units, e.g. "/etc/systemd/system". */
  readonly unitDirectory: string;
  /** e.g. "sealnic-lockdown.service". */
  readonly unitName: string;
}

/** `ruleset` is a file for `nft -f`. Loaded at the next boot; what holds now is not touched. */
export function installLockdown(places: LockdownPlaces, ruleset: string): void {
  const { rules, unit, wants } = paths(places);
  mkdirSync(places.configurationDirectory, { recursive: true, mode: 0o755 });
  mkdirSync(wants.directory, { recursive: true });
  replaceFile(rules, Buffer.from(ruleset), { mode: 0o600, userId: 0, groupId: 0 });
  replaceFile(unit, Buffer.from(unitText(rules)), { mode: 0o644, userId: 0, groupId: 0 });
  rmSync(wants.link, { force: true });
  symlinkSync(join('..', basename(unit)), wants.link);
  chmodSync(rules, 0o600);
}

/** The next boot is open again; what holds now is not touched. */
export function removeLockdown(places: LockdownPlaces): void {
  const { rules, unit, wants } = paths(places);
  for (const path of [wants.link, unit, rules]) rmSync(path, { force: true });
}

export function isLockdownInstalled(places: LockdownPlaces): boolean {
  const { rules, wants } = paths(places);
  return existsSync(rules) && existsSync(wants.link);
}

function paths(places: LockdownPlaces) {
  const directory = join(places.unitDirectory, 'sysinit.target.wants');
  return {
    rules: join(places.configurationDirectory, 'lockdown.nft'),
    unit: join(places.unitDirectory, places.unitName),
    wants: { directory, link: join(directory, places.unitName) },
  };
}

function unitText(rules: string): string {
  return `[Unit]
Description=SealNIC lockdown: nothing leaves outside the tunnel
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
ConditionPathExists=${rules}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f ${rules}

[Install]
WantedBy=sysinit.target
`;
}
