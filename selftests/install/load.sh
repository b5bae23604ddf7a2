#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make load and make unload, and what they say when the kernel refuses, in a
# guest in whose tree the module has been built: compiling takes minutes there.
# Switches module loading off in the end: only for a throw-away machine.
set -u

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/install/tap.sh
. "$here/tap.sh"
cd "$here/../.." || exit 1

shows_files() {
	local file

	for file in states listeners stat; do
		grep -q "^==> /proc/net/tcp_census/$file <==" <<<"$out" || return 1
	done
	grep -E '^ *[0-9]+ close_wait +0 +0$' <<<"$out"
}

works "make load" make -o all load
works "it shows the files" shows_files
works "they are there" cat /proc/net/tcp_census/states
refuses "make load once more" 'loaded already: run .make unload.' make -o all load
works "make unload" make unload
works "the files are gone" test ! -e /proc/net/tcp_census
refuses "make unload once more" 'is not loaded' make unload
refuses "make load without root" 'needs root' setpriv --reuid 65534 --clear-groups tools/host load

if [ -e /sys/kernel/security ] && mount -t securityfs securityfs /sys/kernel/security &&
	echo integrity >/sys/kernel/security/lockdown; then
	refuses "make load under lockdown" 'signed modules only.*Secure Boot' make -o all load
else
	result 0 "make load under lockdown # SKIP this kernel has no lockdown"
fi
echo 1 >/proc/sys/kernel/modules_disabled
refuses "make load with modules switched off" 'modules_disabled=1' make -o all load

finish
