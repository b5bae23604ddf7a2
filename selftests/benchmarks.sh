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

echo "TAP version 13"
echo "1..3"
ip link set lo up
echo 0 >"$MS"

walk 2000 2 >"$out/walk" 2>&1
sed 's/^/# /' "$out/walk"
same "walk: counts" "connections 2000 close_wait 1000 fin_wait2 1000 established 2000" \
	"$(grep ^connections "$out/walk")"

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
else
	skip "accept: counts" "there is no module to load and unload: set TCP_CENSUS_KO"
fi

exit $failed
