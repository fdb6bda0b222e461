#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Unpacks the files that programs in Python and PHP need of Debian 13, in a directory: another libc,
# other interpreters. Nothing of it is configured or run. Exits with 77 where the mirror has it not.
#
# usage: tests/live/debian13.sh DIRECTORY

set -euo pipefail
# shellcheck source=tests/vm/apt.sh
. "$(dirname "$0")/../vm/apt.sh"

[ $# -eq 1 ] || {
	echo "usage: debian13.sh DIRECTORY" >&2
	exit 2
}
directory=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt_open "$work" trixie "$(dpkg --print-architecture)" || exit 77
mkdir "$work/debs"
(cd "$work/debs" && apt-get "${apt_options[@]}" download libc6 zlib1g libexpat1 \
	libpython3.13-minimal python3.13-minimal \
	php8.4-cli libargon2-1 libedit2 libpcre2-8-0 libsodium23 libssl3t64 libsystemd0 libxml2 \
	libicu76 liblzma5 libtinfo6 libbsd0 libmd0 libcap2 libgcc-s1 libstdc++6 libzstd1) >>"$work/log" 2>&1 || {
	tail -n 5 "$work/log" >&2
	exit 77
}
mkdir -p "$directory"
for deb in "$work"/debs/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$directory"
done
# base-files has these, and much else.
for link in lib lib64; do
	ln -s "usr/$link" "$directory/$link"
done
mkdir "$directory"/{app,dev,proc}
