#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetches a kernel of another Debian suite from the mirror that this machine uses, without touching
# its apt: lists, cache and state are private. Prints the path of the kernel image.
# Exits with 77 and the reason where the kernel is not to be had.
#
# usage: tests/vm/fetch-kernel.sh SUITE PACKAGE-REGEX DIRECTORY

set -euo pipefail

[ $# -eq 3 ] || {
	echo "usage: fetch-kernel.sh SUITE PACKAGE-REGEX DIRECTORY" >&2
	exit 2
}
suite=$1 pattern=$2
# apt takes relative paths for relative to /etc/apt.
dir=$(realpath -m "$3")

unavailable()
{
	echo "fetch-kernel.sh: $*" >&2
	exit 77
}

image_in()
{
	find "$dir" -maxdepth 1 -name 'vmlinuz-*' -print -quit 2>/dev/null
}

if [ -n "$(image_in)" ]; then
	image_in
	exit 0
fi

# The archive proper, not its security or updates branch; the first entry where labels are unknown.
# shellcheck disable=SC2016 # the dollar signs are apt's
mirror=$(apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
	awk -F'|' '$1 == "Debian" { print $2; found = 1; exit } !first { first = $2 }
		   END { if (!found) print first }')
[ -n "$mirror" ] || unavailable "this machine has no package mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || unavailable "$keyring is missing"

mkdir -p "$dir"
apt_dir=$(mktemp -d "$dir/apt.XXXXXX")
trap 'rm -rf "$apt_dir"' EXIT
mkdir -p "$apt_dir"/{parts,preferences,state/lists/partial,cache/archives/partial,out}
: >"$apt_dir/status"
echo "deb [signed-by=$keyring arch=amd64] $mirror $suite main" >"$apt_dir/sources.list"
options=(-q -o Dir::Etc::sourcelist="$apt_dir/sources.list" -o Dir::Etc::sourceparts="$apt_dir/parts"
	 -o Dir::Etc::preferencesparts="$apt_dir/preferences" -o Dir::State="$apt_dir/state"
	 -o Dir::State::status="$apt_dir/status" -o Dir::Cache="$apt_dir/cache"
	 -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root
	 -o Acquire::Retries=3 -o Acquire::Languages=none)

apt-get "${options[@]}" update >"$apt_dir/log" 2>&1 ||
	unavailable "no lists of suite $suite: $(grep '^E:' "$apt_dir/log" | head -n 1)"
# Newest last; the list may hold packages that the pool has dropped, so the older ones are tried too.
mapfile -t packages < <(apt-cache "${options[@]}" pkgnames | grep -Ex "$pattern" | sort -rV)
[ ${#packages[@]} -gt 0 ] || unavailable "suite $suite has no package $pattern"
for package in "${packages[@]:0:3}"; do
	if (cd "$apt_dir/out" && apt-get "${options[@]}" download "$package") >"$apt_dir/log" 2>&1; then
		dpkg-deb --fsys-tarfile "$apt_dir"/out/*.deb |
			tar -x -C "$apt_dir/out" --wildcards './boot/vmlinuz-*'
		mv "$apt_dir"/out/boot/vmlinuz-* "$dir/"
		image_in
		exit 0
	fi
done
unavailable "the mirror has none of ${packages[*]:0:3}"
