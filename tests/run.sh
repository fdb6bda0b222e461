#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every test that there is: the unit tests, then the live tests, and beside these what neither
# disturbs them nor is disturbed; its output comes after theirs. The last line says how many passed, failed
# and were skipped; the exit status is 1 when one failed or none ran. With CI=true a skip that
# tests/live/allowed-skips does not list counts as failed. Live tests that failed and passed when they
# were tried again are named.
#
# usage: tests/run.sh [BUILD-DIRECTORY]

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

build=${1:-build}
allowed=tests/live/allowed-skips
passed=0 failed=0 skipped=0
failures=() skips=() unsteady=()

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail()
{
	failed=$((failed + 1))
	failures+=("$1")
}

skip()
{
	skipped=$((skipped + 1))
	skips+=("$1: $2")
	if [ "${CI:-}" = true ] && ! grep -v '^#' "$allowed" | grep -Fxq "$1"; then
		fail "$1 (a skip that $allowed does not list)"
	fi
}

# A program of cmocka that prints TAP. One that crashes has not printed its failure.
run_unit()
{
	local name=${1##*/} status=0 failed_before=$failed ran=0 line
	CMOCKA_MESSAGE_OUTPUT=TAP "$1" >"$work/tap" 2>&1 || status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*'# SKIP '*) skip "$name ${line##*# SKIP }" "the test says so" ;;
		'ok '*) passed=$((passed + 1)) ;;
		'not ok '*) fail "$name ${line#not ok * - }" ;;
		*) continue ;;
		esac
		ran=$((ran + 1))
	done <"$work/tap"
	if [ "$ran" -eq 0 ]; then
		fail "$name: ran no test (exit status $status)"
	elif [ "$status" -ne 0 ] && [ "$failed" -eq "$failed_before" ]; then
		fail "$name: exit status $status"
	fi
	[ "$failed" -eq "$failed_before" ] || cat "$work/tap"
	echo "$name: $ran"
}

echo "== unit tests"
units=0
for source in tests/unit/test_*.c; do
	[ -e "$source" ] || continue
	units=$((units + 1))
	program=$build/${source%.c}
	if [ -x "$program" ]; then
		run_unit "$program"
	else
		fail "$program has not been built"
	fi
done
[ $units -gt 0 ] || fail "there are no unit tests"

# Runs tests of pytest, whose report goes to $work/REPORT.xml, and their exit status to $work/REPORT.status.
# The limit is five times what the live tests take: one that hangs is to fail, not to hold up the rest; a
# slow or a busy machine is to pass.
# usage: run_pytest REPORT TEST...
run_pytest()
{
	local report=$1 status=0
	shift
	CONNLEAK_BUILD=$build PYTHONDONTWRITEBYTECODE=1 timeout --foreground --signal=INT --kill-after=60 3600 \
		/usr/bin/python3 -m pytest -p no:cacheprovider -q --durations=10 \
		--junitxml="$work/$report.xml" "$@" || status=$?
	echo $status >"$work/$report.status"
}

# 0: all passed, 1: some failed; whatever else says that the tests have not been run.
judge_pytest()
{
	local status
	status=$(cat "$work/$1.status" 2>/dev/null) || status="that of a shell that died"
	case $status in
	0 | 1) ;;
	*) fail "pytest, $1: exit status $status" ;;
	esac
	[ -e "$work/$1.xml" ] || fail "pytest, $1, left no results"
}

outcomes()
{
	local report
	for report in "$@"; do
		[ ! -e "$work/$report.xml" ] || /usr/bin/python3 tests/live/junit_outcomes.py "$work/$report.xml"
	done
}

# What touches nothing of this machine: recordings, virtual machines, simulated programs. It has the
# processors while the live tests wait, and leaves most of them when these want them.
run_beside()
{
	renice -n $(($(nice) + 10)) -p $BASHPID >/dev/null
	run_pytest beside tests/traces tests/vm
	make -s --no-print-directory BUILD="$build" eval-short >"$work/eval" 2>&1
	echo $? >"$work/eval.status"
}

# In a process group, so that it can be stopped as a whole.
set -m
run_beside </dev/null >"$work/beside" 2>&1 &
beside=$!
set +m

# shellcheck disable=SC2317 # called by the trap
stop_beside()
{
	[ -z "$beside" ] || kill -TERM -- "-$beside" 2>/dev/null
	wait
	rm -rf "$work"
}
trap stop_beside EXIT

# The live tests wait for real servers on a machine that may be busy with something else. Up to this
# many that fail are tried once more, and are named as unsteady when they then pass: a defect fails
# twice, and one that shows only now and then is still seen.
tried_again_most=3

echo "== live tests"
run_pytest live tests/live tests/packaging --ignore=tests/packaging/long
judge_pytest live
# Nothing is left that it could hold up.
renice -n "$(nice)" -g "$beside" >/dev/null 2>&1
wait "$beside"
beside=
echo "== traces and virtual machines, which ran beside them"
cat "$work/beside"
judge_pytest beside
mapfile -t again < <(outcomes live beside | awk -F'\t' '$1 == "failed" { print $4 }' | sort -u)
if [ ${#again[@]} -gt 0 ] && [ ${#again[@]} -le $tried_again_most ]; then
	echo "== those that failed, once more"
	run_pytest second "${again[@]}"
	judge_pytest second
else
	again=()
fi
while IFS=$'\t' read -r outcome name reason id; do
	if [ "$outcome" = failed ] &&
		[ "$(outcomes second | awk -F'\t' -v id="$id" '$4 == id { print $1 }')" = passed ]; then
		unsteady+=("$name: $reason")
		outcome=passed
	fi
	case $outcome in
	passed) passed=$((passed + 1)) ;;
	failed) fail "$name: $reason" ;;
	skipped) skip "$name" "$reason" ;;
	esac
done < <(outcomes live beside)

echo "== evaluation, short form"
if [ "$(cat "$work/eval.status" 2>/dev/null)" = 0 ]; then
	passed=$((passed + 1))
	sed -n '/^== /,/^$/p' "$work/eval"
else
	cat "$work/eval"
	fail "eval-short: a figure is below its floor (tests/eval/eval.mk)"
fi

echo
for line in "${skips[@]+"${skips[@]}"}"; do
	echo "SKIPPED $line"
done
for line in "${unsteady[@]+"${unsteady[@]}"}"; do
	echo "UNSTEADY, passed when it was tried again: $line"
done
for line in "${failures[@]+"${failures[@]}"}"; do
	echo "FAILED $line"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
