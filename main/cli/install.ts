// Installs the service under systemd: its unit, the polkit action for administrators, and the group that may connect.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serviceProgram } from './launcher.ts';
import type { CommandContext } from './terminal.ts';

const unitPath = '/etc/systemd/system/sealnic.service';
const polkitPath = '/usr/share/polkit-1/actions/org.sealnic.policy';
const profileDirectory = '/etc/sealnic/profiles';

/** `root`: write below this directory and start nothing (packages, tests). Gives the exit code. */
export async function installService(context: CommandContext, root: string | undefined): Promise<number> {
  const { terminal, launcher } = context;
  if (root === undefined && !isRoot(context)) return 4;
  const [program, ...programArguments] = serviceProgram();
  writeBelow(root, unitPath, unitText([program, ...programArguments]));
  writeBelow(root, polkitPath, polkitText);
  mkdirSync(join(root ?? '/', profileDirectory), { recursive: true, mode: 0o755 });
  if (root !== undefined) return 0;
  await launcher.runProgram('groupadd', ['--system', '--force', 'sealnic']);
  for (const step of [['daemon-reload'], ['enable', '--now', 'sealnic.service']]) {
    const exitCode = await launcher.runProgram('systemctl', step);
    if (exitCode === 0) continue;
    terminal.writeError(
      `sealnic: systemctl ${step.join(' ')} failed; the unit is in ${unitPath}.\n` +
        '  Without systemd, run it yourself as root: sealnic service run\n',
    );
    return 1;
  }
  terminal.write(`The service runs, and starts at every boot. Profiles are in ${profileDirectory}.\n`);
  return 0;
}

/** Ends the service and removes what installService wrote. */
export async function uninstallService(context: CommandContext, root: string | undefined): Promise<number> {
  if (root === undefined && !isRoot(context)) return 4;
  if (root === undefined)
    await context.launcher.runProgram('systemctl', ['disable', '--now', 'sealnic.service']);
  rmSync(join(root ?? '/', unitPath), { force: true });
  rmSync(join(root ?? '/', polkitPath), { force: true });
  if (root === undefined) await context.launcher.runProgram('systemctl', ['daemon-reload']);
  context.terminal.write(
    `The service is removed. Profiles stay in ${profileDirectory}, secrets in /var/lib/sealnic.\n`,
  );
  return 0;
}

function isRoot(context: CommandContext): boolean {
  if (process.geteuid?.() === 0) return true;
  context.terminal.writeError('sealnic: This needs root.\n  Run the command with sudo.\n');
  return false;
}

function writeBelow(root: string | undefined, path: string, text: string): void {
  const target = join(root ?? '/', path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  writeFileSync(target, text, { mode: 0o644 });
}

/** It starts before the network does, so that a profile with lockdown is blocked from the first packet on. */
function unitText(command: readonly string[]): string {
  return `[Unit]
Description=SealNIC, the virtual network card that seals what leaves this computer
DefaultDependencies=no
Conflicts=shutdown.target
After=local-fs.target systemd-sysctl.service
Before=network-pre.target shutdown.target
Wants=network-pre.target

[Service]
Type=exec
ExecStart=${command.map(unitQuoted).join(' ')}
Restart=on-failure
RestartSec=1
KillMode=mixed
TimeoutStopSec=15
RuntimeDirectory=sealnic
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
StateDirectory=sealnic
StateDirectoryMode=0700
UMask=0077
LimitMEMLOCK=infinity
LimitCORE=0
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=read-only
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`;
}

function unitQuoted(argument: string): string {
  return /^[\w./@:=-]+$/.test(argument)
    ? argument
    : `"${argument.replace(/["\\%]/g, (c) => (c === '%' ? '%%' : `\\${c}`))}"`;
}

const polkitText = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC
 "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/PolicyKit/1.0/policyconfig.dtd">
<policyconfig>
  <vendor>SealNIC</vendor>
  <action id="org.sealnic.administer">
    <description>Change SealNIC's profiles, filter and security associations</description>
    <message>Authentication is required to administer SealNIC</message>
    <defaults>
      <allow_any>no</allow_any>
      <allow_inactive>no</allow_inactive>
      <allow_active>auth_admin_keep</allow_active>
    </defaults>
  </action>
</policyconfig>
`;
