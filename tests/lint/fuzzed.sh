#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether every parser has a fuzz target, as tests/fuzz/README.md has it: names every public function
# that parses, decodes or scans and is not in its table, and every target without a row or a corpus.

set -euo pipefail
cd "$(dirname "$0")/../fuzz"
missing=0

miss()
{
	echo "tests/fuzz: $*" >&2
	missing=1
}

while read -r name; do
	grep -qw "$name" README.md || miss "README.md does not say which target has $name()"
done < <(grep -hoE '\b([a-z0-9_]+_)?(parse|decode|scan)(_[a-z0-9_]+)?\(' ../../agent/*/*.h | tr -d '(' | sort -u)

for source in fuzz_*.c; do
	target=${source%.c}
	grep -q "| $target |" README.md || miss "README.md has no row for $target"
	[ -n "$(ls -A "corpus/$target" 2>/dev/null)" ] || miss "$target has no corpus"
done

for target in $(grep -oE '\| fuzz_[a-z_]+ \|' README.md | tr -d '| '); do
	[ -e "$target.c" ] || miss "there is no $target, which README.md names"
done
exit $missing
