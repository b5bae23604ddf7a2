#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tcp-census doctor: its verdict of each scenario, whose it is, and why.
#
#	+-- netns, lo ----------------------------------------------+
#	| a scenario at a time: its verdict, and no other           |
#	+-----------------------------------------------------------+

KSFT_SKIP=4
MS=/sys/module/tcp_census/parameters/census_ms
TEST_MODULE=/proc/tcp_census_test
CGROUP=/sys/fs/cgroup/tcp_census_doctor

if [ ! -d /sys/module/tcp_census ]; then
	echo "1..0 # SKIP tcp_census is not loaded"
	exit $KSFT_SKIP
fi
if ! command -v tcp-census >/dev/null; then
	echo "1..0 # SKIP tcp-census is not installed"
	exit $KSFT_SKIP
fi
if [ "$1" != inside ]; then
	exec unshare --net "$0" inside
fi

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/scenario_lib.sh
. ./scenario_lib.sh
old_ms=$(cat $MS)
loaded=

# shellcheck disable=SC2317 # the trap calls it
clean_up()
{
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	[ -z "$loaded" ] || rmmod tcp_census_test
	[ ! -d "$CGROUP" ] || rmdir "$CGROUP"
	echo "$old_ms" >"$MS"
	rm -rf "$out"
}
trap clean_up EXIT

# says WHAT EXPRESSION WANT: of what is wrong, in JSON: a list d, and the only one o
says()
{
	tcp-census --json doctor >"$out/json"
	same "$1" "$3" "$(python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
o = d[0] if len(d) == 1 else {}
print(eval(sys.argv[2]))' "$out/json" "$2" 2>&1)"
}

# verdict WHAT VERDICT N WHO: that and nothing else, of the process that was started
verdict()
{
	says "$1" "[(f['verdict'], f['sockets'], f['who'], f.get('pid')) for f in d]" \
		"[('$2', $3, '$4', $pid)]"
}

# ages FILE COLUMN NUMBER: some line of the file comes to have so much
ages()
{
	tries=0
	until awk -v name="$2" -v want="$3" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next }
		$at >= want { found = 1 }
		END { exit !found }' "/proc/net/tcp_census/$1" || [ $tries -gt 300 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
}

# state CHARACTER: the process that was started comes into it
state()
{
	# shellcheck disable=SC2016 # awk's
	becomes "it is in state $1" "$1" awk '{ print $3 }' "/proc/$pid/stat"
}

# shellcheck disable=SC2317 # called by becomes
frozen()
{
	awk '/^frozen/ { print $2 }' "$CGROUP/cgroup.events"
}

echo "TAP version 13"
echo "1..37"
ip link set lo up
echo 0 >"$MS"

tcp-census doctor >"$out/text"
same "nothing: exit status" 0 $?
same "nothing: what it says" "nothing is wrong" "$(cat "$out/text")"

start close_wait_leak 8080 4
tcp-census doctor >/dev/null
same "a few that have just come are nothing" 0 $?
stop
start close_wait_leak 8080 40
tcp-census doctor >/dev/null
same "so are many" 0 $?
ages close_wait oldest_idle_s 5
tcp-census doctor >"$out/text"
same "leak: exit status" 1 $?
same "leak: in words" "leaked descriptors: 40, server 127.0.0.1:8080" \
	"$(head -n 1 "$out/text" | cut -d, -f1,2)"
same "leak: and what to do" "evidence process cause next" \
	"$(awk '/^   [a-z]/ { print $1 }' "$out/text" | xargs)"
verdict "leak: verdict" "leaked descriptors" 40 "server 127.0.0.1:8080"
says "leak: how far it is" "o['cause'].split(' files')[0]" \
	"$(find "/proc/$pid/fd" -type l | wc -l) of $(awk '/open files/ { print $4 }' "/proc/$pid/limits")"
setpriv --reuid 65534 --clear-groups tcp-census doctor >"$out/text"
same "leak: not everybody sees whose" "1 0" \
	"$(grep -c '^not all processes' "$out/text") $(grep -c '^   process' "$out/text")"
stop
start setpriv --reuid 65534 --clear-groups close_wait_leak 8080 9
ages close_wait oldest_idle_s 5
setpriv --reuid 65534 --clear-groups tcp-census doctor >"$out/text"
same "leak: but whose is his own" 1 "$(grep -c "^   process   $pid " "$out/text")"
stop
start close_wait_leak 8080 12 unread
ages close_wait oldest_idle_s 5
verdict "unread: verdict" "stuck reader" 12 "server 127.0.0.1:8080"
stop
start client_pool 3306 20
ages close_wait oldest_idle_s 5
verdict "pool: verdict" "idle pool" 20 "client 127.0.0.1:3306"
stop
start client_pool 5671 8 31
ages close_wait oldest_idle_s 5
verdict "TLS pool: verdict" "idle pool" 8 "client 127.0.0.1:5671"
stop

start not_accepting 8081 16
ages listeners oldest_wait_ms 1000
verdict "out of descriptors: verdict" "queue of dead connections" 17 "server 127.0.0.1:8081"
says "out of descriptors: why" "o['cause']" \
	"it is out of descriptors: 32 of 32 files are open, so accept() fails (EMFILE)"
stop
start hung_server 8085 4
ages listeners oldest_wait_ms 1000
verdict "hung: verdict" "accept() is not called" 5 "server 127.0.0.1:8085"
says "hung: why is not known" "o['cause']" ""
kill -STOP "$pid"
state T
says "stopped: why" "o['cause']" "it is stopped (SIGSTOP): kill -CONT lets it go on"
kill -CONT "$pid"
state S
if mkdir $CGROUP 2>/dev/null && [ -e $CGROUP/cgroup.freeze ]; then
	echo "$pid" >$CGROUP/cgroup.procs
	echo 1 >$CGROUP/cgroup.freeze
	becomes "its cgroup is frozen" 1 frozen
	says "frozen: why" "o['cause']" "its cgroup is frozen"
	echo 0 >$CGROUP/cgroup.freeze
	becomes "its cgroup is not frozen" 0 frozen
else
	for what in "is frozen" "why" "is not frozen"; do
		skip "frozen: $what" "no cgroup v2 at /sys/fs/cgroup"
	done
fi
stop
start hung_server 8086 4 shared
ages listeners oldest_wait_ms 1000
says "shared: verdict" "[(f['verdict'], f['sockets'], f.get('pid')) for f in d]" \
	"[('stuck member of a reuseport group', 5, $pid)]"
stop

start burst 8084 32
for i in 1 2; do
	echo >&3
	becomes "burst: number $i is over" 1 grep -c "number $i is over" "$out/said"
done
verdict "burst: verdict" "short accept queue" 33 "server 127.0.0.1:8084"
stop

[ -e $TEST_MODULE ] || { modprobe -q tcp_census_test && loaded=yes; }
start crashed_peers 5222 30 10
if [ -e $TEST_MODULE ]; then
	says "crashed peers: verdict" "(o['verdict'], o['sockets'], o['who'])" \
		"('silent peers', 20, 'server 192.0.2.1:5222')"
else
	skip "crashed peers: verdict" "there is no tcp_census_test to make an hour pass"
fi
stop

start unshare --net ports_exhausted one
tcp-census --netns "$pid" --json doctor >"$out/ports"
same "ports: verdict" "local ports are running out 256 client 127.0.0.1:5432" "$(python3 -c '
import json, sys
print(*[(f["verdict"], f["sockets"], f["who"]) for f in json.load(open(sys.argv[1]))][0])' "$out/ports")"
same "ports: by which state" 1 "$(grep -c 'most by sockets in time_wait (240)' "$out/ports")"
stop

# Of the whole host, so as its initial namespace has it.
start closed_unreleased 8083 25
tcp-census --netns 1 doctor >"$out/text"
same "dead descriptors: verdict" 1 "$(grep -c '^dead descriptors: ' "$out/text")"
same "dead descriptors: whose" 1 "$(grep -c "^   process   $pid .*: 25, with " "$out/text")"
nsenter -t 1 -n tcp-census --all doctor >"$out/text"
same "dead descriptors: of all namespaces" 1 "$(grep -c "^   process   $pid .*: 25, with " "$out/text")"
stop

tcp-census doctor >"$out/text"
same "in the end: nothing" "0 nothing is wrong" "$? $(cat "$out/text")"
same "in the end: nothing in JSON" "[]" "$(tcp-census --json doctor)"
same "no such word" 2 "$(tcp-census doctor nonesuch 2>/dev/null; echo $?)"

exit $failed
