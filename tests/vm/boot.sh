#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a kernel with nothing but busybox and the given programs (each with its shared libraries), runs
# a shell command there as root, and prints what it printed. Exits with the command's status, or with
# 125 when the machine did not come that far.
#
# usage: tests/vm/boot.sh KERNEL-DIRECTORY SHELL-COMMAND PROGRAM...
# environment: as vm.sh

set -euo pipefail
# shellcheck source=tests/vm/vm.sh
. "$(dirname "$0")/vm.sh"

[ $# -ge 3 ] || {
	echo "usage: boot.sh KERNEL-DIRECTORY SHELL-COMMAND PROGRAM..." >&2
	exit 2
}
kernel=$1 command=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

VM_PROGRAMS="$*" vm_initramfs "$work/initramfs" "$kernel" <<INIT
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs trace /sys/kernel/tracing
mount -t securityfs security /sys/kernel/security
ip link set lo up
echo # the firmware leaves its line unfinished
echo VM-BEGIN
$command
echo "VM-END \$?"
poweroff -f
INIT
vm_boot "$kernel" "$work/initramfs" "$work/console" || true
tr -d '\r' <"$work/console" >"$work/text"

status=$(sed -n 's/^VM-END \([0-9]*\)$/\1/p' "$work/text")
if [ -z "$status" ]; then
	cat "$work/text" >&2
	echo "boot.sh: the virtual machine did not come to the end of the command" >&2
	exit 125
fi
sed -n '/^VM-BEGIN$/,/^VM-END /p' "$work/text" | sed -e 1d -e '$d'
exit "$status"
