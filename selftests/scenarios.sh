#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The scenarios do what they say: programs that bring a host into a state, and the
# module's files that show it.
#
#	+-- netns, lo ----------------------------------------------+
#	| close_wait_leak   8080:  clients gone, the server is not  |
#	| not_accepting     8081:  queue full of clients gone       |
#	| burst             8084:  queue full, and drained again    |
#	| client_pool       3306:  the server is gone               |
#	| closed_unreleased 8083:  leaked, and reset                |
#	| crashed_peers     5222 ====== cut ====== another netns    |
#	+-----------------------------------------------------------+
#	+-- netns, lo, 256 ports -----------------------------------+
#	| ports_exhausted   5432:  TIME_WAIT                        |
#	+-----------------------------------------------------------+

KSFT_SKIP=4
MS=/sys/module/tcp_census/parameters/census_ms
HERE=/proc/net/tcp_census
INITIAL=/proc/1/net/tcp_census
TEST_MODULE=/proc/tcp_census_test

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

loaded=
dir=$HERE
old_ms=$(cat $MS)

# shellcheck disable=SC2317 # the trap calls it
clean_up()
{
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$pids" ] || kill $pids 2>/dev/null
	[ -z "$loaded" ] || rmmod tcp_census_test
	echo "$old_ms" >"$MS"
	rm -rf "$out"
}
trap clean_up EXIT

# cells FILE "COLUMN..." [COLUMN=VALUE...]: these cells of the rows that have all
# the values, a line each.
cells()
{
	file=$1
	show=$2
	shift 2
	awk -v show="$show" -v where="$*" '
		function at(name) {
			if (!(name in place)) {
				print "no column " name
				exit
			}
			return place[name]
		}
		BEGIN { shown = split(show, column); pairs = split(where, pair) }
		NR == 1 { for (i = 1; i <= NF; i++) place[$i] = i; next }
		{
			for (i = 1; i <= pairs; i++) {
				split(pair[i], part, "=")
				if ($at(part[1]) != part[2])
					next
			}
			for (i = 1; i <= shown; i++)
				printf "%s%s", $at(column[i]), i < shown ? " " : "\n"
		}' "$dir/$file"
}

# value KEY: of stat
value()
{
	awk -v key="$1" '$1 == key { print $2 }' "$dir/stat"
}

# causes ROLE ENDPOINT: of its line in close_wait, all and each that is not zero
causes()
{
	set -- "$1" "$2" sockets unaccepted sending unread fin_pending drained exempt
	role=$1
	endpoint=$2
	shift 2
	cells close_wait "$*" "role=$role" "endpoint=$endpoint" | awk -v names="$*" '
		{
			split(names, name)
			for (i = 1; i <= NF; i++)
				if ($i != 0)
					printf "%s %s ", name[i], $i
		}'
}

# rows FILE
rows()
{
	awk 'END { print NR - 1 }' "$dir/$1"
}

# ss_count FILTER...: sockets in the namespace of what was started
ss_count()
{
	nsenter -t $pid --net ss -Htan "$@" | wc -l
}

# next_burst NUMBER: have it, and wait until it is over
next_burst()
{
	echo >&3
	becomes "burst: number $1 is over" 1 grep -c "number $1 is over" "$out/said"
}

# holds INODE: is it a socket of what was started, or of nobody else?
holds()
{
	find "/proc/$pid/fd" -lname "socket:\[$1\]" | wc -l
}

echo "TAP version 13"
echo "1..59"
ip link set lo up
echo 0 >"$MS"

start close_wait_leak 8080 37
same "close_wait_leak: CLOSE_WAIT" 37 "$(cells states ipv4 state=close_wait)"
same "close_wait_leak: as ss has it" 37 "$(ss_count state close-wait)"
same "close_wait_leak: none of them queued" 0 \
	"$(cells listeners depth local=127.0.0.1:8080)"
same "close_wait_leak: cause" "sockets 37 drained 37 " "$(causes server 127.0.0.1:8080)"
same "close_wait_leak: nothing else in close_wait" 1 "$(rows close_wait)"
same "close_wait_leak: whose it is" 1 \
	"$(holds "$(cells close_wait inode endpoint=127.0.0.1:8080)")"
stop
same "close_wait_leak: ends with its input" 0 $?
becomes "close_wait_leak: what it leaked goes" 0 cells states ipv4 state=close_wait

start close_wait_leak 8080 9 unread
same "close_wait_leak unread: cause" "sockets 9 unread 9 " "$(causes server 127.0.0.1:8080)"
same "close_wait_leak unread: bytes" "0 9000" \
	"$(cells close_wait "unread_small unread_bytes" endpoint=127.0.0.1:8080)"
stop
start close_wait_leak 8080 8 fin_pending
same "close_wait_leak fin_pending: cause" "sockets 8 fin_pending 8 " \
	"$(causes server 127.0.0.1:8080)"
stop

start not_accepting 8081 9
same "not_accepting: no descriptor left" 32 "$(find "/proc/$pid/fd" -type l | wc -l)"
same "not_accepting: depth is limit + 1" "10 9" \
	"$(cells listeners "depth limit" local=127.0.0.1:8081)"
same "not_accepting: as ss has it" "10 9" \
	"$(ss -Hltn 'sport = :8081' | awk '{ print $2, $3 }')"
same "not_accepting: CLOSE_WAIT" "10 10 0" "$(cells states ipv4 state=close_wait) $(
	cells listeners "unaccepted_close_wait unaccepted_reset" local=127.0.0.1:8081)"
same "not_accepting: cause" "sockets 10 unaccepted 10 " "$(causes server 127.0.0.1:8081)"
same "not_accepting: whose it is" 1 \
	"$(holds "$(cells close_wait inode endpoint=127.0.0.1:8081)")"
same "not_accepting: who is served" "$(ss_count state established 'sport = :8081')" \
	"$(cells endpoints established role=server endpoint=127.0.0.1:8081)"
same "not_accepting: in stat" "10 100" \
	"$(value close_wait_unaccepted) $(value accept_queue_worst_percent)"
drops=$(cells listeners drops local=127.0.0.1:8081)
same "not_accepting: late clients are dropped" yes \
	"$([ "$drops" -ge 3 ] && echo yes || echo "$drops")"
stop
same "not_accepting: ends with its input" 0 $?
becomes "not_accepting: what was queued goes" 0 cells states ipv4 state=close_wait
same "not_accepting: its listener goes" "" "$(cells listeners depth local=127.0.0.1:8081)"

start burst 8084 32
same "burst: nothing was queued" "0 0 0 0" \
	"$(cells listeners "depth peak filled queued" local=127.0.0.1:8084)"
for i in 1 2 3; do
	next_burst $i
	same "burst: looked for after number $i" "0 32" \
		"$(cells listeners "depth limit" local=127.0.0.1:8084)"
done
same "burst: as ss has it" "0 32" "$(ss -Hltn 'sport = :8084' | awk '{ print $2, $3 }')"
same "burst: seen by the peak" "33 33 3 99" \
	"$(cells listeners "peak peak_recent filled queued" local=127.0.0.1:8084)"
same "burst: nobody is turned away" 0 "$(cells listeners drops local=127.0.0.1:8084)"
stop
same "burst: ends with its input" 0 $?
becomes "burst: known after its end" "33 32 3" \
	cells ended "peak limit filled" local=127.0.0.1:8084

start client_pool 3306 12
same "client_pool: cause" "sockets 12 fin_pending 12 " "$(causes client 127.0.0.1:3306)"
same "client_pool: nothing else in close_wait" 1 "$(rows close_wait)"
same "client_pool: whose it is" 1 \
	"$(holds "$(cells close_wait inode endpoint=127.0.0.1:3306)")"
same "client_pool: both ends" "0 0 12, 0 12 0" "$(
	cells endpoints "established fin_wait2 close_wait" role=client endpoint=127.0.0.1:3306), $(
	cells endpoints "established fin_wait2 close_wait" role=server endpoint=127.0.0.1:3306)"
stop
start client_pool 3306 8 31
same "client_pool with close_notify: cause" "sockets 8 unread 8 " \
	"$(causes client 127.0.0.1:3306)"
same "client_pool with close_notify: bytes" "8 248" \
	"$(cells close_wait "unread_small unread_bytes" role=client)"
stop

start unshare --net ports_exhausted one
dir=/proc/$pid/net/tcp_census
same "ports_exhausted one: as ss has it" 256 "$(ss_count 'sport >= :40000')"
same "ports_exhausted one: of anybody" "256 256 100" \
	"$(cells ports "used of percent" source=any endpoint=any)"
same "ports_exhausted one: of the client" "256 256 100" \
	"$(cells ports "used of percent" source=127.0.0.1 endpoint=127.0.0.1:5432)"
same "ports_exhausted one: no other client" 2 "$(rows ports)"
becomes "ports_exhausted one: mostly TIME_WAIT" "16 240" \
	cells endpoints "established time_wait" role=client endpoint=127.0.0.1:5432
same "ports_exhausted one: in stat" "40000 40255 100" \
	"$(value port_range_low) $(value port_range_high) $(value ports_worst_percent)"
stop
start unshare --net ports_exhausted many
dir=/proc/$pid/net/tcp_census
same "ports_exhausted many: of anybody" "256 256 100" \
	"$(cells ports "used of percent" source=any endpoint=any)"
same "ports_exhausted many: of each client" "16 16 256 6" \
	"$(cells ports "used of percent" source=127.0.0.1 | sort | uniq -c | awk '{ $1 = $1; print }')"
becomes "ports_exhausted many: mostly TIME_WAIT" 240 cells states ipv4 state=time_wait
same "ports_exhausted many: in stat" 100 "$(value ports_worst_percent)"
stop
dir=$HERE

[ -e $TEST_MODULE ] || { modprobe -q tcp_census_test && loaded=yes; }
start crashed_peers 5222 12 4
same "crashed_peers: ESTABLISHED" "12 12" "$(ss_count state established) $(
	cells endpoints established role=server endpoint=192.0.2.1:5222)"
if [ -e $TEST_MODULE ]; then
	same "crashed_peers: silent" "12 8" "$(cells endpoints \
		"silent_1h silent_no_keepalive" role=server endpoint=192.0.2.1:5222)"
else
	skip "crashed_peers: silent" "there is no tcp_census_test to make an hour pass"
fi
stop

# What is open and in no table: the whole host's, and nothing else of it moves.
dir=$INITIAL
before=$(value closed_unreleased)
dir=$HERE
start closed_unreleased 8083 11
same "closed_unreleased: not in close_wait" "0 0" \
	"$(rows close_wait) $(cells states ipv4 state=close_wait)"
dir=$INITIAL
same "closed_unreleased: in stat" 11 "$(($(value closed_unreleased) - before))"
stop
becomes "closed_unreleased: released when it ends" "$before" value closed_unreleased
dir=$HERE
same "closed_unreleased: shown in the initial namespace alone" "" "$(value closed_unreleased)"
start close_wait_leak 8080 7
same "close_wait_leak, before ss -K" "sockets 7 drained 7 " "$(causes server 127.0.0.1:8080)"
ss -HtnK state close-wait >"$out/killed"
dir=$INITIAL
if [ -s "$out/killed" ]; then
	same "close_wait_leak, after ss -K" 7 "$(($(value closed_unreleased) - before))"
else
	skip "close_wait_leak, after ss -K" "this kernel has no INET_DIAG_DESTROY"
fi
dir=$HERE
stop

exit $failed
