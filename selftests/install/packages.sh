#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A step in the life of the Debian packages; tools/lab/lifecycle has their order and
# boots the system in between.
#
#	packages.sh STEP VERSION LATER_VERSION
#
# $LINUX is the kernel, $OTHER another one; the packages are in /repo. Leaves traces:
# only for a throw-away system.
set -u

# shellcheck source=selftests/install/tap.sh
. "$(dirname "$(readlink -f "$0")")/tap.sh"

step=$1 old=$2 new=$3
export DEBIAN_FRONTEND=noninteractive
unit=tcp-census.service
sysctl=/proc/sys/net/tcp_census/close_wait_timeout
file=/proc/net/tcp_census/states

package() { # NAME VERSION
	echo "/repo/$1_$2_"*.deb
}

prebuilt() { # VERSION
	package "tcp-census-modules-$LINUX" "$1"
}

install() { # FILE...
	apt-get -y --no-install-recommends install "$@"
}

purge() { # NAME...
	apt-get -y purge "$@"
}

# DKMS has built that version, and no other, for the kernel, and modprobe finds it.
built() { # KERNEL VERSION
	dkms status -m tcp_census -k "$1" | grep -x "tcp_census/$2, $1, x86_64: installed" &&
		[ "$(modinfo -k "$1" -F version tcp_census)" = "$2" ] &&
		modinfo -k "$1" -n tcp_census | grep "^/lib/modules/$1/updates/dkms/tcp_census.ko"
}

loaded() { # [VERSION]
	[ "$(cat /sys/module/tcp_census/version)" = "${1-$new}" ] && cat $file
}

unloaded() {
	[ ! -d /sys/module/tcp_census ]
}

# The boot is over, and went well, or not.
state() { # running|degraded
	[ "$(systemctl is-system-running --wait)" = "$1" ] ||
		! systemctl --no-pager --failed status
}

# systemctl status says that the unit is so, and why.
status() { # ACTIVE REGEX
	systemctl --no-pager --full status $unit
	[ "$(systemctl is-active $unit)" = "$1" ] &&
		systemctl --no-pager --full status $unit | grep -E "$2"
}

# What udev does comes a little later.
applied() {
	local i

	for ((i = 0; i < 100; i++)); do
		[ "$(cat $sysctl)" != 3600 ] || return 0
		sleep 0.1
	done
	journalctl --no-pager -u systemd-udevd
	return 1
}

said() { # REGEX: in what the last command has printed
	printf '%s\n' "$out" | grep -E "$1"
}

trigger() { # COMMAND
	echo "$1" >/sys/kernel/tracing/events/sched/sched_process_exit/trigger
}

# No package, no file, nothing loaded, and DKMS knows nothing.
nothing_left() {
	[ -z "$(find / -xdev \( -name '*tcp_census*' -o -name '*tcp-census*' \) \
		! -path '/repo/*' ! -path '/proc/*' ! -path '/var/cache/apt/*' | tee /dev/stderr)" ] &&
		[ -z "$(dpkg-query -W -f '${Package} ${Status}\n' 'tcp-census*' 2>/dev/null |
			tee /dev/stderr)" ] &&
		{ ! command -v dkms || [ -z "$(dkms status)" ]; }
}

# In a chroot, whose kernel is not the one it runs on.
install_step() {
	cp -r repo /repo
	# The other kernel has not come yet.
	mount -t tmpfs tmpfs "/lib/modules/$OTHER"
	works "apt-get install" \
		install "$(package tcp-census "$old")" "$(package tcp-census-dkms "$old")"
	works "the module is built" built "$LINUX" "$old"
	works "apt-get install of a later version" \
		install "$(package tcp-census "$new")" "$(package tcp-census-dkms "$new")"
	works "it takes the place of the one before" built "$LINUX" "$new"
	works "of which nothing is left" test ! -e "/usr/src/tcp_census-$old"
	umount "/lib/modules/$OTHER"
	# What linux-headers does in its postinst.
	works "another kernel comes" /etc/kernel/header_postinst.d/dkms "$OTHER"
	works "the module is built for it" built "$OTHER" "$new"
	works "a prebuilt module beside it" install "$(prebuilt "$old")"
	works "is there" test -e "/lib/modules/$LINUX/extra/tcp_census.ko"
	works "the one of DKMS goes before" built "$LINUX" "$new"
	works "the prebuilt one goes" purge "tcp-census-modules-$LINUX"
	works "the one of DKMS stays" built "$LINUX" "$new"
	works "the settings that are shown are the defaults" \
		test -z "$(grep -h '^[^#]' /etc/{modprobe.d/,sysctl.d/60-}tcp-census.conf)"
	echo 'net.tcp_census.close_wait_timeout = 3600' >/etc/sysctl.d/99-test.conf
	echo 'options tcp_census max_endpoints=1234' >/etc/modprobe.d/test.conf
}

copy_step() {
	cp -r repo /repo
	works "packages" test -e "$(prebuilt "$old")"
	echo 'net.tcp_census.close_wait_timeout = 3600' >/etc/sysctl.d/99-test.conf
}

stamp() { # PROPERTY UNIT
	systemctl show -P "$1" "$2"
}

late() {
	[ "$(stamp ActiveEnterTimestampMonotonic multi-user.target)" -le \
		"$(stamp ExecMainStartTimestampMonotonic $unit)" ]
}

loaded_step() {
	works "the boot is well" state running
	works "the service is active" status active 'active \(exited\)'
	works "the module is loaded" loaded
	works "it was when the system was up" late
	works "sysctl.d is applied" applied
	works "modprobe.d is" grep -x 1234 /sys/module/tcp_census/parameters/max_endpoints
	works "tcp-census" tcp-census
	exec 3<$file
	works "the service stops with a file open" systemctl stop $unit
	exec 3<&-
	works "the module is gone" unloaded
	works "the service starts" systemctl start $unit
	works "the module is back" loaded
	works "sysctl.d is applied again" applied
	touch /etc/tcp_census/off
}

off_step() {
	works "the boot is well" state running
	works "the file off keeps the module out" unloaded
	works "the service says so" status inactive 'ConditionPathExists=!/etc/tcp_census/off'
	rm /etc/tcp_census/off
	# All but the mark, which has to get to the disk by itself.
	sync
	[ "$failed" = 0 ] || return
	# A load that the host does not survive.
	systemctl start --no-block $unit
	while unloaded; do
		sleep 0.1
	done
	echo b >/proc/sysrq-trigger
	sleep 60
}

survived_step() {
	works "the boot is over" state degraded
	works "the module that crashed the host is not loaded" unloaded
	works "the service says so" status failed 'the host went down while it loaded this module'
	works "the one way out it names" rm /var/lib/tcp_census/loading
	works "the service starts" systemctl start $unit
	works "the module is loaded" loaded
	works "the mark is gone" test ! -e /var/lib/tcp_census/loading
}

# With the other kernel, and tcp_census.off on its command line.
purged_step() {
	works "the boot is well" state running
	works "tcp_census.off keeps the module out" unloaded
	works "the service says so" status inactive 'ConditionKernelCommandLine=!tcp_census.off'
	works "modprobe" modprobe tcp_census
	works "the module is loaded" loaded
	works "sysctl.d is applied" applied
	# This keeps it from being unloaded; an open file does not.
	works "something uses the module" trigger enable_event:tcp_census:close_wait_action
	touch /etc/tcp_census/off
	works "apt-get purge" purge tcp-census tcp-census-dkms
	works "it says that the module stays" said 'the module is in use and stays loaded'
	works "nothing else does" nothing_left
	works "nobody uses it any more" trigger '!enable_event:tcp_census:close_wait_action'
	# Newer kernels let go of it a little later.
	works "rmmod" timeout 30 bash -c 'until rmmod tcp_census; do sleep 1; done'
}

# In a system without a compiler.
prebuilt_step() {
	works "the boot is well" state running
	works "no compiler" bash -c '! command -v gcc make dkms'
	works "apt-get install of the tool alone" install "$(package tcp-census "$old")"
	works "it says what is missing" said 'no module for the running kernel .*tcp-census-modules-'
	works "the service fails" bash -c "! systemctl start $unit"
	works "it says why" status failed 'Module tcp_census not found'
	works "apt-get install of the module" install "$(prebuilt "$old")"
	works "the module is loaded" loaded "$old"
	works "sysctl.d is applied" applied
	works "it is signed" test "$(modinfo -F signer tcp_census)" = "The lab"
	exec 3<$file
	works "apt-get install of a later version, with a file open" \
		install "$(package tcp-census "$new")" "$(prebuilt "$new")"
	works "it says that the module stays" said "module of version $old stays loaded.* brings $new"
	works "the module does" loaded "$old"
	works "its file can be read" head -c 1 <&3
	exec 3<&-
	works "the service restarts" systemctl restart $unit
	works "the later module is loaded" loaded "$new"
	works "apt-get remove of the module" apt-get -y remove "tcp-census-modules-$LINUX"
	works "it is not loaded" unloaded
	works "apt-get install of it" install "$(prebuilt "$new")"
	works "it is loaded again" loaded
	works "apt-get purge" purge tcp-census "tcp-census-modules-$LINUX"
	works "it is not loaded" unloaded
	works "nothing is left" nothing_left
}

"${step}_step"
[ "$failed" = 0 ]
