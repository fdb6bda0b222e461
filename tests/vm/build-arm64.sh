#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Unpacks a Debian of arm64 below BUILD-DIRECTORY/vm/arm64-root, once, with what connleak is built
# against and what its live tests need, and cross-builds connleak and the test programs in
# BUILD-DIRECTORY/arm64. Nothing of arm64 is run, and nothing is installed on this machine. Exits with
# 77 and the reason where the packages are not to be had.
#
# usage: tests/vm/build-arm64.sh BUILD-DIRECTORY

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/apt.sh
. "$here/apt.sh"

[ $# -eq 1 ] || {
	echo "usage: build-arm64.sh BUILD-DIRECTORY" >&2
	exit 2
}
build=$(realpath -m "$1")
root=$build/vm/arm64-root

packages=(libc6-dev libgcc-12-dev linux-libc-dev libbpf-dev libelf-dev libdw-dev libiberty-dev libcap-dev
	  libseccomp-dev zlib1g-dev libjansson-dev libsystemd-dev libmicrohttpd-dev libncurses-dev
	  uthash-dev liburing-dev
	  base-files base-passwd bash coreutils dash findutils grep sed
	  busybox-static util-linux mount hostname iproute2 procps python3 python3-pytest
	  python3-prometheus-client)

unpack()
{
	local include mirror
	include=$(IFS=,; echo "${packages[*]}")
	mirror=$(apt_mirror)
	[ -n "$mirror" ] || { echo "this machine has no package mirror" >&2; return 1; }
	rm -rf "$root"
	mkdir -p "$build/vm"
	mmdebstrap --mode=root --variant=extract --architectures=arm64 --include="$include" \
		--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \
		bookworm "$root" "deb $mirror bookworm main" >"$build/vm/arm64-root.log" 2>&1 || {
		tail -n 3 "$build/vm/arm64-root.log" >&2
		return 1
	}
	# What the packages' scripts would have made.
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd" || return 1
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group" || return 1
	ln -sf dash "$root/bin/sh"
	# Links of the kind /lib/x would lead the cross linker out of the tree.
	find "$root/usr/lib/aarch64-linux-gnu" -type l -lname '/*' | while read -r link; do
		ln -sfrn "$root$(readlink "$link")" "$link"
	done
	touch "$root.complete"
}

mkdir -p "$build/vm"
exec 9>"$build/vm/arm64-root.lock"
flock 9
[ -e "$root.complete" ] || unpack || exit 77

cd "$here/../.."
export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig
make -s -j "$(nproc)" BUILD="$build/arm64" CC="aarch64-linux-gnu-gcc --sysroot=$root" \
	AR=aarch64-linux-gnu-ar "$build/arm64/connleak" test-programs

"$here/build-apps.sh" "$build/arm64/sites" aarch64-linux-gnu-gcc "--sysroot=$root"
