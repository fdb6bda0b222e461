#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a kernel in QEMU's software emulation, with nothing but busybox and the given programs
# (each with its shared libraries), runs a shell command there as root, and prints what it printed.
# Exits with the command's status, or with 1 when the machine did not come that far.
#
# usage: tests/vm/boot.sh KERNEL-IMAGE SHELL-COMMAND PROGRAM...

set -euo pipefail

BOOT_SECONDS=180

[ $# -ge 3 ] || {
	echo "usage: boot.sh KERNEL-IMAGE SHELL-COMMAND PROGRAM..." >&2
	exit 2
}
image=$1 command=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp}

# A program goes to /bin; its libraries and its loader keep their paths.
install_program()
{
	local library
	cp -L "$1" "$root/bin/"
	while read -r library; do
		mkdir -p "$root$(dirname "$library")"
		cp -L "$library" "$root$library"
	done < <(ldd "$1" 2>/dev/null | grep -o '/[^ ]*')
}

install_program "$(command -v busybox)"
for program in "$@"; do
	install_program "$program"
done
for applet in sh mount mkdir cat ls echo poweroff ip uname grep; do
	ln -s busybox "$root/bin/$applet"
done

cat >"$root/init" <<INIT
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs trace /sys/kernel/tracing
ip link set lo up
echo # the firmware leaves its line unfinished
echo VM-BEGIN
$command
echo "VM-END \$?"
poweroff -f
INIT
chmod 755 "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/initramfs"

timeout "$BOOT_SECONDS" qemu-system-x86_64 -accel tcg -cpu max -m 512 -smp 1 -nographic -no-reboot \
	-nodefaults -serial stdio -monitor none -kernel "$image" -initrd "$work/initramfs" \
	-append "console=ttyS0 quiet panic=-1" </dev/null >"$work/console" 2>&1 || true
tr -d '\r' <"$work/console" >"$work/text"

status=$(sed -n 's/^VM-END \([0-9]*\)$/\1/p' "$work/text")
if [ -z "$status" ]; then
	cat "$work/text" >&2
	echo "boot.sh: the virtual machine did not come to the end of the command" >&2
	exit 1
fi
sed -n '/^VM-BEGIN$/,/^VM-END /p' "$work/text" | sed -e 1d -e '$d'
exit "$status"
