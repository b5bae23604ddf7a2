#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks do what they say, each with few connections: how fast anything is
# nobody looks at.

KSFT_SKIP=4
MS=/sys/module/tcp_census/parameters/census_ms

if [ ! -d /sys/module/tcp_census ]; then
	echo "1..0 # SKIP tcp_census is not loaded"
	exit $KSFT_SKIP
fi
if [ "$1" != inside ]; then
	exec unshare --net "$0" inside
fi

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/scenario_lib.sh
. ./scenario_lib.sh
old_ms=$(cat $MS)

# shellcheck disable=SC2317 # the trap calls it
clean_up()
{
	echo "$old_ms" >"$MS"
	rm -rf "$out"
}
trap clean_up EXIT

# What compare prints of, where there is no BPF iterator.
compared()
{
	cat <<-END
	#
	states fresh
	close_wait fresh
	endpoints fresh
	listeners fresh
	metrics fresh
	sockets fresh
	host metrics fresh
	states warm
	close_wait warm
	endpoints warm
	listeners warm
	metrics warm
	host metrics warm
	sock_diag, all states
	sock_diag, CLOSE_WAIT
	ss state close-wait | wc -l
	ss | awk, by state
	cat /proc/net/tcp
	node_exporter tcpstat
	the full walk itself
	END
}

# And shapes, of each host.
shaped()
{
	echo "#"
	for shape in "no more" namespaces listeners queued; do
		for file in states close_wait endpoints listeners metrics "host metrics"; do
			echo "$file fresh, $shape"
			echo "$file warm, $shape"
		done
	done
}

# And busy, where there is no nginx.
counted()
{
	for what in accepted "accepted on all CPUs"; do
		echo "$what, loaded"
		echo "$what, and read"
		[ ! -e "${TCP_CENSUS_FAST_KO:-/usr/lib/tcp_census/fast/tcp_census.ko}" ] ||
			echo "$what, and reaper"
	done
}

echo "TAP version 13"
echo "1..7"
ip link set lo up
echo 0 >"$MS"

compare 600 2 >"$out/compare" 2>&1
sed 's/^/# /' "$out/compare"
same "compare: counts" "connections 588 close_wait 294 fin_wait2 294 established 588" \
	"$(grep ^connections "$out/compare")"
same "compare: what it has looked at" "$(compared)" "$(sed -n '/^# /,$p' "$out/compare" |
	sed '/^# not here/d; s/  .*//')"
shapes 200 1 3 20 100 >"$out/shapes" 2>&1
sed 's/^/# /' "$out/shapes"
same "shapes: what it has looked at" "$(shaped)" "$(sed 's/  .*//' "$out/shapes")"
same "limit: counts" "limit limit, close_wait" "$(limit 1000 100 2 | sed 's/  .*//' | xargs)"

if reap 300 1 >"$out/reap" 2>&1 || [ $? -ne $KSFT_SKIP ]; then
	sed 's/^/# /' "$out/reap"
	same "reap: counts" "connections 300, 300 reset" "$(grep ^connections "$out/reap"), $(
		sed -n 's/.*reset all \(.*\)/\1 reset/p' "$out/reap")"
else
	skip "reap: counts" "there is no module that takes short timeouts"
fi

if [ -e "${TCP_CENSUS_KO:-/tcp_census.ko}" ]; then
	accept 1 >"$out/accept" 2>&1
	sed 's/^/# /' "$out/accept"
	same "accept: counts" "1 rounds, 1 acceptors, 400 connections a turn each" \
		"$(grep rounds, "$out/accept")"

	busy 200 1 0.2 >"$out/busy" 2>&1
	sed 's/^/# /' "$out/busy"
	same "busy: what it has counted" "$(counted)" "$(
		sed -n 's/^\([a-zA-Z ]*, [a-z ]*[a-z]\)  .*/\1/p' "$out/busy")"
else
	skip "accept: counts" "there is no module to load and unload: set TCP_CENSUS_KO"
	skip "busy: what it has counted" "likewise"
fi

exit $failed
