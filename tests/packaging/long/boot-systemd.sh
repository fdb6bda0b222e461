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

[ $# -eq 3 ] || {
	echo "usage: boot-systemd.sh KERNEL-DIRECTORY ROOT-DIRECTORY OUT-DIRECTORY" >&2
	exit 2
}
kernel=$(realpath "$1") root=$(realpath "$2") out=$(realpath "$3")
rm -f "$out/status"

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

vm_initramfs "$out/initramfs" "$kernel" virtio_pci 9pnet_virtio 9p overlay <<'INIT'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
	insmod "$module"
done
mkdir -p /lower /rw /new
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose root /lower
mount -t tmpfs rw /rw
mkdir -p /rw/upper /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work overlay /new
mkdir -p /new/mnt/out
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out /new/mnt/out
for unit in packaging-test.target packaging-test.service; do
	cat "/new/mnt/out/$unit" >"/new/etc/systemd/system/$unit"
done
umount /proc /sys /dev
exec switch_root /new /sbin/init
INIT

VM_APPEND="systemd.unit=packaging-test.target systemd.firstboot=off systemd.getty_auto=no ${VM_APPEND:-}" \
	VM_MEMORY=${VM_MEMORY:-1536} VM_CPUS=${VM_CPUS:-2} vm_boot "$kernel" "$out/initramfs" \
	"$out/console" \
	-fsdev "local,id=root,path=$root,security_model=none,readonly=on,multidevs=remap" \
	-device virtio-9p-pci,fsdev=root,mount_tag=root \
	-fsdev "local,id=out,path=$out,security_model=none" \
	-device virtio-9p-pci,fsdev=out,mount_tag=out || true
rm -f "$out/initramfs"
if [ ! -s "$out/status" ]; then
	tail -n 30 "$out/console" >&2
	echo "boot-systemd.sh: the virtual machine did not come to the end of the script" >&2
	exit 125
fi
exit "$(cat "$out/status")"
