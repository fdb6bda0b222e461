#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The demonstration: a TCP server and two clients on 127.0.0.1, one of which leaks a connection
# every half second, and connleak, which has to tell them apart within a minute. Exits with 0 when
# the leak was found and nobody else was blamed; leaves no process and no file behind.
#
# usage: tests/demo/run.sh [BUILD-DIRECTORY]
# environment: DEMO_SECONDS, the limit, where a minute is not enough

set -euo pipefail

build=${1:-build}
WATCH_SECONDS=${DEMO_SECONDS:-60}

fail()
{
	echo "demo: $1" >&2
	exit "${2:-1}"
}

[ "$(id -u)" = 0 ] || fail "must be root: eBPF programs are to be loaded; try: sudo make demo"

work=$(mktemp -d)
pids=()
cleanup()
{
	trap - EXIT INT TERM HUP
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait_for 10 "$pid" false || kill -9 "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'echo; fail "interrupted" 130' INT
trap 'fail "stopped" 143' TERM HUP

# Runs until the condition holds; the watched process must live meanwhile.
# usage: wait_for SECONDS PID COMMAND...
wait_for()
{
	local deadline=$((SECONDS + $1)) pid=$2
	shift 2
	until "$@"; do
		[ $SECONDS -lt $deadline ] && is_alive "$pid" || return 1
		sleep 0.1
	done
}

# A zombie is not alive, though its number is still taken.
is_alive()
{
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) &&
		[ -n "$state" ] && [ "$state" != Z ]
}

# The server reads its commands from a pipe that this shell holds open: without us it ends, too.
mkfifo "$work/commands"
: >"$work/server" # they are looked into before who writes them may have made them
: >"$work/log"
: >"$work/verdicts"
"$build/live/server" <"$work/commands" >"$work/server" &
server=$!
pids+=("$server")
exec 3>"$work/commands"
echo "listen 127.0.0.1 echo" >&3
has_port() { grep -q '^ok ' "$work/server"; }
wait_for 30 "$server" has_port || fail "the server did not start: $(cat "$work/server")"
port=$(sed -n 's/^ok //p' "$work/server")

"$build/demo/healthy-app" "$port" 3>&- &
healthy=$!
pids+=("$healthy")
"$build/demo/leaky-app" "$port" 3>&- &
leaky=$!
pids+=("$leaky")

echo "A server listens on 127.0.0.1:$port. Two programs work with it over connection pools:"
echo "  healthy-app (pid $healthy) gives every connection back,"
echo "  leaky-app   (pid $leaky) forgets one twice a second."
echo "Nobody tells connleak; it watches port $port for at most $WATCH_SECONDS s:"
echo

"$build/connleak" agent --pin none --state none --journal no --socket none --listen none --port "demo=$port" --duration "$WATCH_SECONDS" \
	--json >"$work/verdicts" 2>"$work/log" 3>&- &
agent=$!
pids+=("$agent")

is_watching() { grep -q 'watching' "$work/log"; }
if ! wait_for 30 "$agent" is_watching; then
	status=0
	is_alive "$agent" || wait "$agent" || status=$?
	[ "$status" -ne 0 ] || status=1
	cat "$work/log" >&2
	exit "$status"
fi
started=$SECONDS

is_raised() { grep -q '"kind": *"leak".*"state": *"raised"' "$work/verdicts"; }
wait_for $((WATCH_SECONDS + 5)) "$agent" is_raised || {
	cat "$work/log" >&2
	fail "no leak was found within $WATCH_SECONDS s"
}
took=$((SECONDS - started))

# One field of a JSON line that connleak wrote itself: plain numbers only.
number_of()
{
	sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p"
}

raised=$(grep '"state": *"raised"' "$work/verdicts" | head -n 1)
text_of()
{
	grep -o "\"$1\": *\"\(\\\\.\|[^\"\\\\]\)*\"" | sed -e "s/^\"$1\": *\"/  /" -e 's/"$//' -e 's/\\"/"/g'
}

echo "$raised" | text_of summary
echo
echo "  Evidence:"
echo "$raised" | sed 's/,"summary":.*//' | text_of text | sed 's/^/  /'
ruled_out='"name":"\([a-z_]*\)","ruling":"ruled_out","text":"\([^"]*\)"'
if rivals=$(echo "$raised" | grep -o "$ruled_out"); then
	echo
	echo "  Ruled out:"
	# An underscore is a blank, in the name only.
	echo "$rivals" | sed -e "s/$ruled_out/    \1: \2/" -e ':next' -e 's/^\([^:]*\)_/\1 /' -e 'tnext'
fi
echo

while read -r pid; do
	[ "$pid" = "$leaky" ] || fail "pid $pid was blamed; only pid $leaky leaks"
done < <(number_of pid <"$work/verdicts")
# Both were seen, so the silence about the other one is a judgement.
"$build/connleak" list --port "demo=$port" --pid "$healthy" --json >"$work/list" 2>>"$work/log" ||
	fail "$(cat "$work/log")"
grep -q "\"pid\": *$healthy\b" "$work/list" || fail "the healthy program was not seen at all"

echo "Found after $took s of watching: leaky-app, and not a word against healthy-app."
