# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Virtual machines on top of a file system of this machine: read only, with a layer of memory above it,
# so that what is installed and built here is there too. To be sourced, after vm.sh.
#
#   vm_run_shared KERNEL-DIRECTORY ROOT-DIRECTORY OUT-DIRECTORY "MODULE..." [QEMU-OPTION...]
#
# boots, with OUT-DIRECTORY at /mnt/out. The end of /init comes from stdin: it hands over to what is
# mounted at /new, and that has to write a status to /mnt/out/status and to power off. Ends the shell with
# that status, or with 125 where the machine did not come that far; OUT-DIRECTORY/console has what
# it printed.

vm_shared_init()
{
	cat <<'INIT'
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
INIT
	cat
}

vm_run_shared()
{
	local kernel=$1 root=$2 out=$3 modules
	read -ra modules <<<"$4"
	shift 4
	rm -f "$out/status"
	vm_shared_init | vm_initramfs "$out/initramfs" "$kernel" \
		virtio_pci 9pnet_virtio 9p overlay "${modules[@]}"
	VM_MEMORY=${VM_MEMORY:-1536} VM_CPUS=${VM_CPUS:-2} vm_boot "$kernel" "$out/initramfs" \
		"$out/console" \
		-fsdev "local,id=root,path=$root,security_model=none,readonly=on,multidevs=remap" \
		-device virtio-9p-pci,fsdev=root,mount_tag=root \
		-fsdev "local,id=out,path=$out,security_model=none" \
		-device virtio-9p-pci,fsdev=out,mount_tag=out "$@" || true
	rm -f "$out/initramfs"
	if [ ! -s "$out/status" ]; then
		tail -n 30 "$out/console" >&2
		echo "$(basename "$0"): the virtual machine did not come to the end of the script" >&2
		exit 125
	fi
	exit "$(cat "$out/status")"
}
