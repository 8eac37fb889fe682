#!/bin/sh
# After the files are gone. deb: "remove" keeps profiles and secrets, "purge" removes all; rpm: 0 keeps them too.
set -e

case "$1" in
remove | purge | 0) ;;
*) exit 0 ;;
esac

# Lockdown would shut the computer at the next boot, with nobody there to open it.
rm -f /etc/systemd/system/sealnic-lockdown.service \
	/etc/systemd/system/sysinit.target.wants/sealnic-lockdown.service /etc/sealnic/lockdown.nft
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
rm -rf /run/sealnic
[ "$1" = purge ] || exit 0

rm -rf /etc/sealnic /var/lib/sealnic
rm -f /etc/systemd/system/multi-user.target.wants/sealnic.service
if getent group sealnic >/dev/null; then groupdel sealnic; fi
