#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that a purpose needs and that are not there yet; does nothing at
# all when none is missing. No daemon that comes with a package is started, none is stopped.
#
# With --print it says which packages those are, and installs none.
#
# usage: packaging/deps.sh build|demo|test|lint|bench|vm [--print]

set -euo pipefail

POLICY=/usr/sbin/policy-rc.d

build_packages=(gcc libc6-dev make clang llvm bpftool libbpf-dev libelf-dev libdw-dev libiberty-dev libcap-dev libseccomp-dev zlib1g-dev
		libjansson-dev libsystemd-dev libmicrohttpd-dev libncurses-dev uthash-dev pkg-config)
# procps and util-linux are essential or nearly so, but minimal images have dropped procps.
demo_packages=(procps util-linux)
test_packages=(git libcmocka-dev liburing-dev clang-format libclang-rt-14-dev shellcheck
	       python3 python3-pytest python3-prometheus-client prometheus prometheus-alertmanager python3-psycopg2 python3-sqlalchemy python3-pymysql python3-redis
	       postgresql mariadb-server redis-server php-cli php-fpm php-pgsql
	       iproute2 procps tmux util-linux systemd
	       runc
	       qemu-system-x86 busybox cpio gzip kmod xz-utils)
# Programs in Go and Java, of which the line that leaks is named.
test_packages+=(golang-go golang-github-lib-pq-dev
		default-jdk-headless libhikaricp-java libpostgresql-jdbc-java libslf4j-java)
# A program in C++, and what dpkg-buildpackage takes for granted.
test_packages+=(build-essential)
# Packages, containers and manifests.
test_packages+=(podman conmon debhelper fakeroot lintian mmdebstrap rpm
		golang-github-masterminds-sprig-dev golang-gopkg-yaml.v3-dev python3-yaml)
lint_packages=(git gcc clang-tidy cppcheck shellcheck codespell gcovr libcmocka-dev
	       liburing-dev python3)
bench_packages=(python3 iproute2 util-linux libbpf-tools)
# The rest of the virtual machines: those of arm64, and what their file system is made with.
vm_packages=(qemu-system-arm gcc-aarch64-linux-gnu mmdebstrap zstd)

fail()
{
	echo "deps.sh: $*" >&2
	exit 1
}

is_installed()
{
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# busybox and busybox-static exclude each other; either will do.
is_provided()
{
	is_installed "$1" || { [ "$1" = busybox ] && is_installed busybox-static; }
}

case "${1:-}" in
build) packages=("${build_packages[@]}") ;;
demo) packages=("${build_packages[@]}" "${demo_packages[@]}") ;;
test) packages=("${build_packages[@]}" "${demo_packages[@]}" "${test_packages[@]}") ;;
bench) packages=("${build_packages[@]}" "${bench_packages[@]}") ;;
vm) packages=("${build_packages[@]}" "${demo_packages[@]}" "${test_packages[@]}" "${vm_packages[@]}") ;;
lint) packages=("${build_packages[@]}" "${lint_packages[@]}") ;;
*)
	echo "usage: deps.sh build|demo|test|lint|bench|vm [--print]" >&2
	exit 2
	;;
esac

if [ "${2:-}" = --print ]; then
	printf '%s\n' "${packages[@]}"
	exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	fail "this is not Debian (no apt-get); install by hand: ${packages[*]}"
fi

# Whoever has node and npm from elsewhere keeps them.
if [ "$1" = test ] && ! { command -v node && command -v npm; } >/dev/null; then
	packages+=(nodejs npm)
fi

# The same with kubectl, whose Debian package cannot be beside another one.
if [ "$1" = test ] && ! command -v kubectl >/dev/null; then
	packages+=(kubernetes-client)
fi

missing=()
for package in "${packages[@]}"; do
	is_provided "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || fail "must be root to install: ${missing[*]}"

log=$(mktemp)
made_policy=
cleanup()
{
	rm -f "$log"
	[ -z "$made_policy" ] || rm -f "$POLICY"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# 101 forbids invoke-rc.d to start what is being installed. A policy of the machine's own stays.
if [ ! -e "$POLICY" ]; then
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
fi

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)

echo "deps.sh: installing ${missing[*]}"
"${apt[@]}" update >"$log" 2>&1 || {
	tail -n 5 "$log" >&2
	fail "apt-get update failed"
}
"${apt[@]}" install --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null || {
	tail -n 20 "$log" >&2
	fail "apt-get could not install: ${missing[*]}"
}
