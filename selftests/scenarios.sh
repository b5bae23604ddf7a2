#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The scenarios and the benchmark do what they say: programs that bring a host
# into a state, and the module's files that show it.
#
#	+-- netns, lo ----------------------------------------------+
#	| close_wait_leak   8080:  clients gone, the server is not  |
#	| not_accepting     8081:  queue full of clients gone       |
#	+-----------------------------------------------------------+

KSFT_SKIP=4
MS=/sys/module/tcp_census/parameters/census_ms
DIR=/proc/net/tcp_census

if [ ! -d /sys/module/tcp_census ]; then
	echo "1..0 # SKIP tcp_census is not loaded"
	exit $KSFT_SKIP
fi
if [ "$1" != inside ]; then
	exec unshare --net "$0" inside
fi

cd "$(dirname "$0")" || exit 1
# Where they are built and not installed, they are in directories.
PATH=$PWD:$PWD/scenarios:$PWD/bench:$PATH

number=0
failed=0
pids=
old_ms=$(cat $MS)
out=$(mktemp -d)

# shellcheck disable=SC2317 # the trap calls it
clean_up()
{
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$pids" ] || kill $pids 2>/dev/null
	echo "$old_ms" >"$MS"
	rm -rf "$out"
}
trap clean_up EXIT

# same WHAT WANT GOT
same()
{
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number $1"
	else
		echo "# $1: want $2, got $3"
		echo "not ok $number $1"
		failed=1
	fi
}

# start NAME ARGUMENT...: in the background, until it says it has got there. It
# stays so as long as its standard input is open: until we end, or stop it.
start()
{
	mkfifo "$out/in"
	"$@" <"$out/in" >"$out/said" 2>&1 &
	pid=$!
	pids="$pids $pid"
	exec 3>"$out/in"
	rm "$out/in"
	tries=0
	until [ -s "$out/said" ]; do
		tries=$((tries + 1))
		if ! kill -0 $pid 2>/dev/null || [ $tries -gt 300 ]; then
			echo "# $1 did not get there"
			break
		fi
		sleep 0.05
	done
	sed 's/^/# /' "$out/said"
}

# column FILE COLUMN KEYCOLUMN KEY: the cell in the row that has that key
column()
{
	awk -v name="$2" -v key="$3" -v value="$4" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at[key] == value { print $at[name] }' "$DIR/$1"
}

echo "TAP version 13"
echo "1..12"
ip link set lo up
echo 0 >"$MS"

start close_wait_leak 8080 37
same "close_wait_leak: CLOSE_WAIT" 37 "$(column states ipv4 state close_wait)"
same "close_wait_leak: as ss has it" 37 "$(ss -Htan state close-wait | wc -l)"
same "close_wait_leak: none of them queued" 0 \
	"$(column listeners depth local 127.0.0.1:8080)"
exec 3>&-
wait $pid
same "close_wait_leak: ends with its input" 0 $?
same "close_wait_leak: what it leaked goes" 0 "$(column states ipv4 state close_wait)"

start not_accepting 8081 9
same "not_accepting: depth is limit + 1" "10 9" \
	"$(column listeners depth local 127.0.0.1:8081) $(column listeners limit local 127.0.0.1:8081)"
same "not_accepting: as ss has it" "10 9" \
	"$(ss -Hltn 'sport = :8081' | awk '{ print $2, $3 }')"
same "not_accepting: CLOSE_WAIT" 10 "$(column states ipv4 state close_wait)"
drops=$(column listeners drops local 127.0.0.1:8081)
same "not_accepting: late clients are dropped" yes \
	"$([ "$drops" -ge 3 ] && echo yes || echo "$drops")"
kill $pid
wait $pid 2>/dev/null
same "not_accepting: what was queued goes" 0 "$(column states ipv4 state close_wait)"
same "not_accepting: its listener goes" "" \
	"$(column listeners depth local 127.0.0.1:8081)"

walk 2000 2 >"$out/walk" 2>&1
sed 's/^/# /' "$out/walk"
same "walk: counts" "connections 2000 close_wait 1000 fin_wait2 1000 established 2000" \
	"$(grep ^connections "$out/walk")"

exit $failed
