# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Packages of another Debian suite or architecture, from the mirror that this machine uses, without
# touching its apt: lists, cache and state are private. To be sourced.

# apt_mirror: the archive proper, not its security or updates branch; the first entry where labels
# are unknown.
apt_mirror()
{
	# shellcheck disable=SC2016 # the dollar signs are apt's
	apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" { print $2; found = 1; exit } !first { first = $2 }
			   END { if (!found) print first }'
}

APT_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_open DIRECTORY SUITE ARCHITECTURE: fills DIRECTORY with lists, and the array apt_options.
# Prints why and fails where there is no mirror or no such suite.
apt_open()
{
	# apt takes relative paths for relative to /etc/apt.
	local dir mirror
	dir=$(realpath -m "$1")
	mirror=$(apt_mirror)
	[ -n "$mirror" ] || { echo "this machine has no package mirror" >&2; return 1; }
	[ -e "$APT_KEYRING" ] || { echo "$APT_KEYRING is missing" >&2; return 1; }
	mkdir -p "$dir"/{parts,preferences,state/lists/partial,cache/archives/partial}
	: >"$dir/status"
	echo "deb [signed-by=$APT_KEYRING arch=$3] $mirror $2 main" >"$dir/sources.list"
	apt_options=(-q -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts="$dir/parts"
		     -o Dir::Etc::preferencesparts="$dir/preferences" -o Dir::State="$dir/state"
		     -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache"
		     -o APT::Architecture="$3" -o APT::Architectures="$3" -o APT::Sandbox::User=root
		     -o Acquire::Retries=3 -o Acquire::Languages=none)
	apt-get "${apt_options[@]}" update >"$dir/log" 2>&1 || {
		echo "no lists of suite $2: $(grep '^E:' "$dir/log" | head -n 1)" >&2
		return 1
	}
}

# apt_unpack ROOT REGEX [TAR-OPTION...]: the newest package that matches, unpacked below ROOT. The list
# may hold packages that the pool has dropped, so the older ones are tried too. After apt_open.
apt_unpack()
{
	local packages package debs
	mapfile -t packages < <(apt-cache "${apt_options[@]}" pkgnames | grep -Ex "$2" | sort -rV)
	debs=$(mktemp -d)
	for package in "${packages[@]:0:3}"; do
		if (cd "$debs" && apt-get "${apt_options[@]}" download "$package") >/dev/null 2>&1; then
			mkdir -p "$1"
			dpkg-deb --fsys-tarfile "$debs"/*.deb | tar -x -C "$1" "${@:3}"
			rm -rf "$debs"
			return 0
		fi
	done
	rm -rf "$debs"
	echo "the mirror has no package $2" >&2
	return 1
}
