#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the programs that the tests of sites compile elsewhere: a machine of arm64 has no compiler, and
# under emulation one takes its time. Each is DIRECTORY/SOURCE followed by its options, as the test asks
# for it; DIRECTORY is CONNLEAK_APPS of the tests.
#
# usage: tests/vm/build-apps.sh DIRECTORY COMPILER...

set -euo pipefail

[ $# -ge 2 ] || {
	echo "usage: build-apps.sh DIRECTORY COMPILER..." >&2
	exit 2
}
directory=$1
shift
apps=$(cd "$(dirname "$0")/../sites/apps" && pwd)

case $("$@" -dumpmachine) in
aarch64-*) branch_protection=-mbranch-protection=standard ;;
*) branch_protection=-fcf-protection=full ;;
esac
mkdir -p "$directory"
# Two machines that are started at once: the second finds what the first has built.
exec 9>"$directory/lock"
flock 9
while read -r source options; do
	program=$directory/$source${options// /}
	[ ! "$apps/$source" -nt "$program" ] || {
		# shellcheck disable=SC2086 # options are words
		"$@" -O2 $options "$apps/$source" -o "$program" -pthread
	}
done <<APPS
orders.c -fomit-frame-pointer -no-pie
orders.c -fomit-frame-pointer -fPIE -pie
orders.c -fomit-frame-pointer -static
orders.c -fno-omit-frame-pointer -fPIE -pie
orders.c $branch_protection -fPIE -pie
orders.c -fPIE -pie
orders.c -g
orders.c -g -static
orders.c -Wl,--build-id
orders.c -g -Wl,--build-id
orders.c
pool.c
places.c -fomit-frame-pointer -fPIE -pie
places.c -fomit-frame-pointer -no-pie -static
places.c -fomit-frame-pointer -fno-omit-frame-pointer
places.c -fomit-frame-pointer -no-pie
places.c -fomit-frame-pointer -no-pie -DTURNED
senders.c -fomit-frame-pointer -fPIE -pie
senders.c -fomit-frame-pointer -no-pie -static
senders.c -fomit-frame-pointer -fno-omit-frame-pointer
APPS
