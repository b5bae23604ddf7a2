#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make, make install and make uninstall, in a root with dkms and the headers of
# kernel $LINUX; nothing is loaded. Leaves traces: only for a throw-away root.
set -u

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/install/tap.sh
. "$here/tap.sh"
cd "$here/../.." || exit 1

modules=/lib/modules/$LINUX
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

installed() {
	[ "$(modinfo -k "$LINUX" -F version tcp_census)" = "$version" ] &&
		modinfo -k "$LINUX" -n tcp_census | grep "^$modules/updates/dkms/tcp_census.ko" &&
		dkms status -m tcp_census -v "$version" -k "$LINUX" | grep ': installed'
}

gone() {
	[ -z "$(find "$modules/" -name 'tcp_census.ko*')" ] &&
		[ -z "$(dkms status -m tcp_census)" ] &&
		[ ! -e "/usr/src/tcp_census-$version" ]
}

# As in the checkout of an ordinary user whose group may write.
chown -R 1000:1000 .
chmod -R g+w .

works "make install" make install KVER="$LINUX"
works "the module is where modprobe finds it" installed
works "root alone can change its sources" \
	test -z "$(find "/usr/src/tcp_census-$version" ! -user root -o ! -type l -perm /022)"
works "make install once more" make install KVER="$LINUX"
works "the module is still there" installed

echo >>module/main.c
refuses "make install of other sources" 'run .make uninstall. first' make install KVER="$LINUX"
works "what was installed is still there" installed

# What the kernel package's hook does when a new kernel comes.
works "a kernel without the module" dkms uninstall -m tcp_census -v "$version" -k "$LINUX"
works "dkms autoinstall" dkms autoinstall -k "$LINUX"
works "the module is there for it" installed

works "make uninstall" make uninstall
works "nothing is left" gone
refuses "make uninstall once more" 'is not installed' make uninstall

refuses "no headers" 'no headers .*install them' make KDIR=/nonexistent
refuses "no headers to install for" 'no headers .*install them' make install KVER=5.99.0-none

bare=$(mktemp -d)
touch "$bare/Makefile"
echo '# CONFIG_MODULES is not set' >"$bare/.config"
refuses "a kernel without modules" 'without CONFIG_MODULES' make KDIR="$bare"

# Older than the module supports.
mkdir -p /lib/modules/4.19.0-old
ln -s "$modules/build" /lib/modules/4.19.0-old/build
refuses "a kernel DKMS must refuse" 'could not build or install' make install KVER=4.19.0-old
works "it says why" grep BUILD_EXCLUSIVE <<<"$out"

finish
