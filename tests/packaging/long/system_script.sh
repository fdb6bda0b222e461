#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The life of the package on a machine with systemd, as its operator lives it; run there by
# boot-systemd.sh. Each step leaves what there is to see in a file; the test judges (test_system.py).
# usage: in a directory with first.deb, second.deb, server, leaky-app

# shellcheck disable=SC2094,SC2317 # names of files that are names of programs; called by wait_for

set -uo pipefail

PORT=7000
WAIT_SECONDS=300

wait_for()
{
	local end=$((SECONDS + WAIT_SECONDS))
	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "not within $WAIT_SECONDS s: $*"
			return 1
		fi
		sleep 0.5
	done
}

step()
{
	echo "== $1 at $SECONDS s"
}

state()
{
	systemctl show -P ActiveState connleak
	systemctl show -P MainPID connleak
	dpkg-query -W -f '${Version}\n' connleak 2>/dev/null
}

pins()
{
	find /sys/fs/bpf -name '*connleak*'
}

step install
dpkg -i first.deb
step started
state >installed
getent group connleak >group

step configure
mkdir -p /etc/connleak/connleak.conf.d
cat >/etc/connleak/connleak.conf.d/test.conf <<CONF
port = orders=$PORT
[detector]
T0 = 1
HOLD = 1
TICK = 1
CONF
connleak agent --check-config || exit 1
systemctl restart connleak || exit 1

step leak
coproc SERVER { ./server; }
echo "listen 127.0.0.1 echo $PORT" >&"${SERVER[1]}"
until [[ ${answer:-} == ok* ]]; do
	read -r -t "$WAIT_SECONDS" answer <&"${SERVER[0]}" || exit 1
done
systemd-run --quiet --unit=orders "$PWD/leaky-app" $PORT
raised()
{
	journalctl --no-pager -o json CONNLEAK_KIND=leak CONNLEAK_STATE=raised | grep -q .
}
wait_for raised
journalctl --no-pager -o json CONNLEAK_KIND=leak >leak.json
journalctl --no-pager -x -u connleak CONNLEAK_KIND=leak >leak.explained
systemctl show -P MainPID orders >leaky-pid
# Who is in the group needs no privilege.
setpriv --reuid=65534 --regid="$(getent group connleak | cut -d: -f3)" --clear-groups \
	connleak list --json >list.json 2>list.err
find /etc /usr /var -xdev -name '*connleak*' >files.installed

step upgrade
pins >pins.before
dpkg -i second.deb
state >upgraded
connleak list --json >list.upgraded.json
journalctl --no-pager -o json -u connleak -p warning >warnings.json

step remove
systemctl stop orders
dpkg -r connleak
systemctl is-active connleak >removed
pins >>removed
find /run/connleak >>removed 2>/dev/null

step purge
# The administrator's own file is the administrator's to remove.
rm /etc/connleak/connleak.conf.d/test.conf
dpkg -P connleak
find /etc /usr /var /run/connleak -name '*connleak*' >purged 2>/dev/null
getent group connleak >>purged
journalctl --no-pager -u connleak >journal
step end
exit 0
