#!/bin/sh
# After the files are in place: the group, the directories, the service. deb: "configure" and the version before; rpm: 1
# for the first installation, 2 for an upgrade.
set -e

case "$1" in
configure) before="$2" ;;
1) before="" ;;
2) before="some" ;;
*) exit 0 ;;
esac

getent group sealnic >/dev/null || groupadd --system sealnic
mkdir -p /etc/sealnic/profiles
chmod 0755 /etc/sealnic /etc/sealnic/profiles
chown root:root /opt/SealNIC/chrome-sandbox
chmod 4755 /opt/SealNIC/chrome-sandbox

command -v systemctl >/dev/null || exit 0
# What "sealnic service install" wrote goes before the package's unit and would start another program.
own=/etc/systemd/system/sealnic.service
if [ -f "$own" ] && [ ! -L "$own" ] && grep -q '^Description=SealNIC' "$own"; then rm -f "$own"; fi

running() { [ -d /run/systemd/system ]; }
if running; then systemctl daemon-reload; fi
if [ -z "$before" ]; then
	systemctl enable --quiet sealnic.service
	if running; then systemctl start sealnic.service; fi
elif running && systemctl is-enabled --quiet sealnic.service; then
	# What was connected is taken up again by the new service; until then what it protects is blocked.
	systemctl restart sealnic.service
fi
