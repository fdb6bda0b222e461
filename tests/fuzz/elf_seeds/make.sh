#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: make.sh DIRECTORY
# Small ELF files of the kinds that are met: the seeds of fuzz_elf.
set -eu
out=$1
source=$(dirname "$0")/orders.c
mkdir -p "$out"

build() { # NAME OPTION...
	name=$1
	shift
	gcc -Os -nostdlib -ffreestanding -Wl,--build-id -Wl,-z,noseparate-code "$@" "$source" -o "$out/$name"
}

build static -static
build pie -static-pie -fPIE
build shared -shared -fPIC -Wl,--hash-style=both
build dwarf4 -static -gdwarf-4
build dwarf5 -static -gdwarf-5
build compressed -static -g -gz=zlib
build split -static -g -gsplit-dwarf -dumpdir "$out/"
rm -f "$out"/*.dwo
build debug_frame -static -g -fno-asynchronous-unwind-tables
build framepointers -static -fno-omit-frame-pointer -fno-asynchronous-unwind-tables

# Symbols in .gnu_debugdata alone, as Fedora has them.
objcopy -S --keep-symbol=save_order "$out/static" "$out/minisymbols"
xz -kc --check=crc32 "$out/minisymbols" >"$out/minisymbols.xz"
objcopy -S --add-section .gnu_debugdata="$out/minisymbols.xz" "$out/static" "$out/debugdata"
rm "$out/minisymbols" "$out/minisymbols.xz"
strip -o "$out/stripped" "$out/pie"
