#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the man pages from the .8.in files beside this script: the options and settings in them come
# from the program itself, so that they are those that it takes.
#
# usage: packaging/man/build.sh CONNLEAK OUTPUT-DIRECTORY

set -eu

[ $# -eq 2 ] || {
	echo "usage: build.sh CONNLEAK OUTPUT-DIRECTORY" >&2
	exit 2
}
connleak=$1 output=$2
source=$(dirname "$0")
version=$("$connleak" --version)
mkdir -p "$output"

for page in "$source"/*.8.in; do
	name=$(basename "$page" .in)
	topic=${name%.8}
	topic=${topic#connleak}
	topic=${topic#-}
	# Written beside and renamed, so that a failure leaves no half page.
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		@OPTIONS@) "$connleak" help --man ${topic:+"$topic"} ;;
		@SETTINGS@) "$connleak" help --man settings ;;
		@KEYS@) "$connleak" help --man keys ;;
		.TH*) printf '%s "" "%s" "System Administration"\n' "$line" "$version" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$page" >"$output/$name.new"
	mv "$output/$name.new" "$output/$name"
done
