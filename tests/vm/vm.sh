# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Virtual machines in QEMU's software emulation. To be sourced.
#
#   vm_initramfs FILE KERNEL-DIRECTORY MODULE...   an initramfs: busybox, the modules with what they
#                                                  need, VM_PROGRAMS, and /init from stdin
#   vm_boot KERNEL-DIRECTORY INITRAMFS CONSOLE-FILE [QEMU-OPTION...]
#                                                  boots and waits for the end
#
# KERNEL-DIRECTORY is what fetch-kernel.sh has made. From the environment: VM_ARCH (amd64 or arm64),
# VM_BUSYBOX (a static one of that architecture), VM_APPEND (kernel command line), VM_MEMORY,
# VM_CPUS, VM_SECONDS (limit). VM_CLOCK=instructions: while it works, an instruction takes a nanosecond
# there, however long it takes here, so that what is timed inside does not depend on what else runs
# outside; for one processor only.

VM_ARCH=${VM_ARCH:-amd64}

vm_kernel_image()
{
	find "$1" -name 'vmlinuz*' -type f -print -quit
}

# The program and the libraries that it wants, each at its own path; a static one has none.
vm_add_program()
{
	local library
	mkdir -p "$1/bin"
	cp -L "$2" "$1/bin/"
	while read -r library; do
		mkdir -p "$1$(dirname "$library")"
		cp -L "$library" "$1$library"
	done < <(ldd "$2" 2>/dev/null | grep -o '/[^ ]*')
}

# Modules in the order they have to be loaded in; /init loads /modules/*.
vm_add_modules()
{
	local root=$1 kernel=$2 count=0 release module file
	shift 2
	release=$(basename "$kernel"/lib/modules/*)
	mkdir -p "$root/modules"
	while read -r file; do
		module=$root/modules/$(printf %02d $count)-$(basename "${file%%.ko*}").ko
		count=$((count + 1))
		case $file in
		*.xz) xz -dc "$file" >"$module" ;;
		*.zst) zstd -dqc "$file" >"$module" ;;
		*) cp "$file" "$module" ;;
		esac
	done < <(for module in "$@"; do
		# One that is built in is not found where the package has no list of those.
		/sbin/modprobe -d "$kernel" -S "$release" --show-depends "$module" 2>/dev/null || true
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
}

vm_initramfs()
{
	local file=$1 kernel=$2 root applet program
	shift 2
	root=$(mktemp -d)
	mkdir -p "$root"/{bin,dev,etc,mnt,proc,root,run,sys,tmp}
	vm_add_program "$root" "${VM_BUSYBOX:-$(command -v busybox)}"
	for applet in sh mount mkdir cat ls echo poweroff ip uname grep insmod switch_root sed sleep \
		mount umount ln; do
		ln -sf busybox "$root/bin/$applet"
	done
	for program in ${VM_PROGRAMS:-}; do
		vm_add_program "$root" "$program"
	done
	vm_add_modules "$root" "$kernel" "$@"
	cat >"$root/init"
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$file"
	rm -rf "$root"
}

vm_boot()
{
	local kernel=$1 initramfs=$2 console=$3 qemu tty clock=()
	shift 3
	[ "${VM_CLOCK:-}" != instructions ] || clock=(-icount "shift=0,sleep=on")
	case $VM_ARCH in
	# Emulation goes through a "rep movsb" byte by byte: a kernel that is not told that the processor is
	# good at it (erms, fsrm) clears and copies its pages by words, and is half again as fast.
	amd64) qemu=(qemu-system-x86_64 -cpu "max,erms=off,fsrm=off") tty=ttyS0 ;;
	arm64) qemu=(qemu-system-aarch64 -M virt -cpu "${VM_CPU:-cortex-a57}") tty=ttyAMA0 ;;
	esac
	timeout --foreground "${VM_SECONDS:-600}" "${qemu[@]}" -accel tcg -m "${VM_MEMORY:-512}" \
		-smp "${VM_CPUS:-1}" "${clock[@]}" -nographic -no-reboot -nodefaults -serial stdio -monitor none \
		-kernel "$(vm_kernel_image "$kernel")" -initrd "$initramfs" \
		-append "console=$tty quiet panic=-1 ${VM_APPEND:-}" "$@" </dev/null >"$console" 2>&1
}
