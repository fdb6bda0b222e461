#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a kernel on top of a file system that it shares with this machine (read only, with a layer of
# memory above it), so that what is installed and built here is there too. Runs a script there as
# root, with the working directory of here. OUT-DIRECTORY is /mnt/out there, for results; console
# gets what the machine and the script printed. Exits with the script's status, or with 125 when the
# machine did not come that far.
#
# usage: tests/vm/run-shared.sh KERNEL-DIRECTORY OUT-DIRECTORY SCRIPT-FILE
# environment: VM_ROOT (/) is the file system; VM_SHARE (the working directory) are places of this machine
# that are there under the same path; and those of vm.sh.

set -euo pipefail
# shellcheck source=tests/vm/vm.sh
. "$(dirname "$0")/vm.sh"
# shellcheck source=tests/vm/shared.sh
. "$(dirname "$0")/shared.sh"

[ $# -eq 3 ] || {
	echo "usage: run-shared.sh KERNEL-DIRECTORY OUT-DIRECTORY SCRIPT-FILE" >&2
	exit 2
}
kernel=$(realpath "$1") out=$(realpath -m "$2")
mkdir -p "$out"
cp "$3" "$out/script"
read -ra places <<<"${VM_SHARE:-$PWD}"
devices=() mounts=
for i in "${!places[@]}"; do
	devices+=(-fsdev "local,id=share$i,path=${places[$i]},security_model=none,readonly=on,multidevs=remap"
		  -device "virtio-9p-pci,fsdev=share$i,mount_tag=share$i")
	mounts+="mkdir -p ${places[$i]}
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose share$i ${places[$i]}
"
done

# The second stage: the machine's own mounts, the script, the end.
cat >"$out/stage2" <<STAGE2
#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs trace /sys/kernel/tracing
mount -t securityfs security /sys/kernel/security
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
chmod 1777 /tmp
$mounts
ip link set lo up
hostname vm
cd "$PWD"
bash /mnt/out/script
echo \$? >/mnt/out/status
sync
echo o >/proc/sysrq-trigger
sleep 60
STAGE2

vm_run_shared "$kernel" "${VM_ROOT:-/}" "$out" "ext4 virtio_blk" "${devices[@]}" <<'INIT'
umount /proc /sys
exec switch_root /new /bin/bash /mnt/out/stage2
INIT
