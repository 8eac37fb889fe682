// The systemd unit of the service: the one that `service install` writes and the one in the packages.

/**
 * `command`: program and arguments, as absolute paths. It starts before the network does, so that a profile with lockdown
 * is blocked from the first packet on.
 */
export function unitText(command: readonly string[]): string {
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

# Adapter, routes, firewall and marks; raw packets of BYPASS and captures; ports 500 and 4500 as gateway; vaults in
# folders and on media that only their user may enter; and for the process without rights that PKCS#11 modules are loaded
# in: becoming it, and ending it.
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID CAP_KILL
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
# may lead to, and where media of users are mounted. Vaults may lie on media and in homes (which "strict" leaves as they
# are). What is mounted while the service runs is seen too: mounts come in, and none goes out.
ProtectSystem=strict
ReadWritePaths=/etc /run -/media -/mnt
ProtectHome=no
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
