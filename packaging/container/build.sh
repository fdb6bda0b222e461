#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the file system of the container image from Debian packages: connleak's own and the libraries
# that it depends on, unpacked and nothing else, no shell and no package manager. As root.
#
# usage: packaging/container/build.sh CONNLEAK.DEB OUTPUT.TAR
# environment: SUITE (bookworm) and MIRROR (that of this machine): where the libraries come from
#
#   podman import --change 'ENTRYPOINT ["/usr/bin/connleak"]' --change 'CMD ["agent"]' \
#           OUTPUT.TAR connleak:VERSION

set -euo pipefail

[ $# -eq 2 ] || {
	echo "usage: build.sh CONNLEAK.DEB OUTPUT.TAR" >&2
	exit 2
}
deb=$1 output=$2
suite=${SUITE:-bookworm}
# shellcheck disable=SC2016 # the dollar signs are apt's
mirror=${MIRROR:-$(apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
	awk -F'|' '$1 == "Debian" { print $2; exit }')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Of what it depends on, the libraries: what else is named there is for the scripts of the package.
libraries=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/^ *//; s/[ (|].*//' | grep '^lib' |
	paste -sd ,)
mmdebstrap --variant=extract --mode=root --format=directory --include="$libraries" \
	--aptopt='Acquire::Retries "3"' "$suite" "$work/root" ${mirror:+"$mirror"} \
	>"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	echo "build.sh: no libraries from suite $suite" >&2
	exit 1
}
dpkg-deb -x "$deb" "$work/root"

# Of the packages only what is needed to run.
cd "$work/root"
find usr/share -mindepth 1 -maxdepth 1 ! -name doc -exec rm -rf {} +
find usr/share/doc -type f ! -name copyright -delete
find usr/share/doc -type l -delete
find usr/share/doc -type d -empty -delete
rm -rf lib/systemd usr/lib/systemd etc/init.d etc/cron* etc/apt var/cache var/lib/apt var/lib/dpkg \
	usr/lib/x86_64-linux-gnu/gconv usr/lib/*/audit usr/sbin sbin etc/connleak/connleak.conf.d \
	usr/lib/locale usr/lib/*/perl* boot home media mnt opt srv
find usr/bin bin -mindepth 1 ! -name connleak -delete 2>/dev/null || true
mkdir -p dev etc/connleak proc run/connleak sys tmp var/lib/connleak var/log
chmod 1777 tmp
printf 'root:x:0:0:root:/:/usr/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\n' >etc/group
tar --sort=name --owner=0 --group=0 --numeric-owner -cf "$work/image.tar" .
mv "$work/image.tar" "$output"
