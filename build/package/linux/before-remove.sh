#!/bin/sh
# Before the files go: ends every connection and lifts its block. Where that fails nothing is removed, since without the
# service there would be nothing left to free the computer. deb: "remove"; rpm: 0. An upgrade keeps the connections.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

/opt/SealNIC/resources/service/sealnic service uninstall --keep-files
