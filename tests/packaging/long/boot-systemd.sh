#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a Debian with systemd from a directory that it shares with this machine (read only, with a
# layer of memory above it), and runs OUT-DIRECTORY/script there as root once the system is up.
# OUT-DIRECTORY is /mnt/out there; console gets what the machine said. Exits with the script's status,
# or with 125 when the machine did not come that far.
#
# usage: tests/packaging/long/boot-systemd.sh KERNEL-DIRECTORY ROOT-DIRECTORY OUT-DIRECTORY
# environment: that of tests/vm/vm.sh

set -euo pipefail
# shellcheck source=tests/vm/vm.sh
. "$(dirname "$0")/../../vm/vm.sh"
# shellcheck source=tests/vm/shared.sh
. "$(dirname "$0")/../../vm/shared.sh"

[ $# -eq 3 ] || {
	echo "usage: boot-systemd.sh KERNEL-DIRECTORY ROOT-DIRECTORY OUT-DIRECTORY" >&2
	exit 2
}
kernel=$(realpath "$1") root=$(realpath "$2") out=$(realpath "$3")

cat >"$out/packaging-test.target" <<'UNIT'
[Unit]
Requires=multi-user.target
Wants=packaging-test.service
After=multi-user.target
AllowIsolate=yes
UNIT
cat >"$out/packaging-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /mnt/out/run
TimeoutStartSec=infinity
UNIT
cat >"$out/run" <<'RUN'
cd /mnt/out
bash script >output 2>&1
echo $? >status
sync
echo o >/proc/sysrq-trigger
RUN

VM_APPEND="systemd.unit=packaging-test.target systemd.firstboot=off systemd.getty_auto=no ${VM_APPEND:-}"
vm_run_shared "$kernel" "$root" "$out" "" <<'INIT'
for unit in packaging-test.target packaging-test.service; do
	cat "/new/mnt/out/$unit" >"/new/etc/systemd/system/$unit"
done
umount /proc /sys /dev
exec switch_root /new /sbin/init
INIT
