// The systemd unit of the service: the one that `service install` writes and the one in the packages.

/** Where the program lies if a unit may not hide the homes from it. */
const inHome = /^\/(home|root|run\/user)\//;

/**
 * `command`: program and arguments, as absolute paths. It starts before the network does, so that a profile with lockdown
 * is blocked from the first packet on.
 */
export function unitText(command: readonly string[]): string {
  const home = command.some((part) => inHome.test(part)) ? 'read-only' : 'yes';
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

# Adapter, routes, firewall and marks; raw packets of BYPASS and captures; ports 500 and 4500 as gateway; and for the
# process without rights that smart cards are spoken to in: becoming it, and ending it.
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_KILL
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes

# /etc: resolv.conf is replaced as a whole, lockdown is a unit of its own, profiles lie there. /run: where resolv.conf
# may lead to. Vaults may lie on media.
ProtectSystem=strict
ReadWritePaths=/etc /run -/media -/mnt
ProtectHome=${home}
PrivateTmp=yes
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes

[Install]
WantedBy=multi-user.target
`;
}

function unitQuoted(argument: string): string {
  return /^[\w./@:=-]+$/.test(argument)
    ? argument
    : `"${argument.replace(/["\\%]/g, (c) => (c === '%' ? '%%' : `\\${c}`))}"`;
}
