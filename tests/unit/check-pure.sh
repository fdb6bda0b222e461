#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The core has no I/O, no clock, no globals of the C library and no threads, so that a replay
# decides as the live run did. A call that would break that shows up as an undefined symbol.
#
# usage: check-pure.sh OBJECT...
set -eu

# Memory, strings, numbers, sorting and formatting into buffers; nothing that knows the world.
allowed='mem[a-z]+|str[a-z]+|malloc|calloc|realloc|reallocarray|free|v?snprintf|qsort|qsort_r|bsearch
|__(mem|str|v?sn)[a-z]+_chk|__isoc[0-9]+_strto[a-z]+|__errno_location|__assert_fail
|inet_ntop|inet_pton|ceil|floor|round|llround|fabs|fma|fmax|fmin|fmod|pow|sqrt|lgamma_r|log2?f?|exp2?f?
|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer|gcov|llvm)_[A-Za-z0-9_]+'
allowed=$(printf '%s' "$allowed" | tr -d '\n')

if [ $# -eq 0 ]; then
	echo "check-pure.sh: no objects given" >&2
	exit 1
fi

# What one core object takes from another is the core's own.
own=$(nm --defined-only --extern-only "$@" | awk 'NF == 3 { print $3 }' | sort -u)
status=0
for object in "$@"; do
	extra=''
	case $object in
	*/trace*.o) extra='|json_[a-z0-9_]+' ;;
	esac
	for symbol in $(nm -u "$object" | awk '{ print $NF }' | sort -u); do
		if printf '%s\n' "$symbol" | grep -Eqx "($allowed$extra)"; then
			continue
		fi
		if printf '%s\n' "$own" | grep -Fqx -- "$symbol"; then
			continue
		fi
		echo "check-pure.sh: $object uses $symbol" >&2
		status=1
	done
done
[ $status -eq 0 ] && echo "core is pure: $# objects use nothing outside the list"
exit $status
