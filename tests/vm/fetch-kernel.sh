#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetches a kernel of tests/vm/kernels with its modules, once. Prints the path of the image; the
# modules are in DIRECTORY/LABEL/lib/modules. Exits with 77 and the reason where it is not to be had.
#
# usage: tests/vm/fetch-kernel.sh LABEL DIRECTORY

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/apt.sh
. "$here/apt.sh"

[ $# -eq 2 ] || {
	echo "usage: fetch-kernel.sh LABEL DIRECTORY" >&2
	exit 2
}
root=$2/$1
read -r _ arch suite patterns < <(grep -E "^${1//./\\.} " "$here/kernels") || {
	echo "fetch-kernel.sh: '$1' is not in $here/kernels" >&2
	exit 2
}

# Two that want the same kernel at once: the second waits for the first.
mkdir -p "$2"
exec 9>"$2/$1.lock"
flock 9

if [ ! -e "$root/complete" ]; then
	rm -rf "$root" "$2/$1.apt"
	trap 'rm -rf "$2/$1.apt"' EXIT
	apt_open "$2/$1.apt" "$suite" "$arch" || exit 77
	for pattern in $patterns; do
		# Without the drivers of what a virtual machine has not: two thirds of the package.
		apt_unpack "$root" "$pattern" --exclude='*/drivers/gpu/*' --exclude='*/drivers/media/*' \
			--exclude='*/drivers/net/*' --exclude='*/drivers/infiniband/*' \
			--exclude='*/drivers/usb/*' --exclude='*/drivers/scsi/*' --exclude='*/sound/*' \
			--exclude='*/drivers/staging/*' --exclude='*/share/doc/*' || exit 77
	done
	[ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
	release=$(basename "$root"/lib/modules/*)
	depmod -b "$root" "$release" 2>/dev/null # warns of lists that newer packages do not carry
	touch "$root/complete"
fi
find "$root" -name 'vmlinuz*' -type f -print -quit
