#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the package-lock.json of a directory pins, if it is not there already.
#
# usage: install.sh [DIRECTORY]

set -euo pipefail
cd "${1:-$(dirname "$0")}"

installed=node_modules/.package-lock.json
if [ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ]; then
	exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1 || {
	tail -n 10 "$log" >&2
	echo "install.sh: npm ci failed" >&2
	exit 1
}
touch "$installed"
