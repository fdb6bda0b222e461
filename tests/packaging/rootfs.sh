#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes a Debian 12 with systemd and the given packages in a directory, from the mirror that this
# machine uses.
#
# usage: tests/packaging/rootfs.sh DIRECTORY PACKAGE...

set -euo pipefail
# shellcheck source=tests/vm/apt.sh
. "$(dirname "$0")/../vm/apt.sh"

[ $# -ge 1 ] || {
	echo "usage: rootfs.sh DIRECTORY PACKAGE..." >&2
	exit 2
}
directory=$1
shift
include=$(printf '%s,' systemd-sysv dbus iproute2 "$@")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
mmdebstrap --variant=minbase --mode=root --format=directory --include="${include%,}" \
	--aptopt='Acquire::Retries "3"' bookworm "$directory" "$(apt_mirror)" >"$log" 2>&1 || {
	tail -n 20 "$log" >&2
	exit 1
}
