#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# tcp-census, the command-line tool: what it says of scenarios, and of mistakes.

KSFT_SKIP=4
MS=/sys/module/tcp_census/parameters/census_ms

if [ ! -d /sys/module/tcp_census ]; then
	echo "1..0 # SKIP tcp_census is not loaded"
	exit $KSFT_SKIP
fi
if ! command -v tcp-census >/dev/null; then
	echo "1..0 # SKIP tcp-census is not installed"
	exit $KSFT_SKIP
fi

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/scenario_lib.sh
. ./scenario_lib.sh
old_ms=$(cat $MS)

# shellcheck disable=SC2317 # the trap calls it
clean_up()
{
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$pids" ] || kill $pids 2>/dev/null
	[ ! -e /run/netns/census_a ] || ip netns del census_a
	echo "$old_ms" >"$MS"
	rm -rf "$out"
}
trap clean_up EXIT

# says STATUS COMMAND...: its exit status and standard output and error, in one line
says()
{
	"$@" >"$out/text" 2>&1
	echo "$? $(tr '\n' '~' <"$out/text" | sed 's/~$//')"
}

# in_a COMMAND...: in the namespace of the scenarios
in_a()
{
	nsenter --net=/run/netns/census_a "$@"
}

# json EXPRESSION: of all that --json prints, as python3 has it
json()
{
	in_a tcp-census --json >"$out/json" || return
	python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$out/json" "$1"
}

echo "TAP version 13"
echo "1..44"
echo 0 >"$MS"
ip netns add census_a
in_a ip link set lo up
inode=$(in_a stat -Lc %i /proc/self/ns/net)

same "summary: nothing" "0 no sockets" "$(says in_a tcp-census)"
same "check close-wait: nothing" "0 TCP_CENSUS CLOSE-WAIT OK - 0" \
	"$(says in_a tcp-census check close-wait -w 5 -c 10 | cut -d' ' -f1-6)"
same "check dead-fds: elsewhere" \
	"3 TCP_CENSUS DEAD-FDS UNKNOWN - known in the host's network namespace alone" \
	"$(says in_a tcp-census check dead-fds)"

start in_a close_wait_leak 8080 7
in_a tcp-census >"$out/summary"
same "summary: states" "sockets  fin_wait2 7  close_wait 7  listen 1" \
	"$(head -n 1 "$out/summary")"
same "summary: close_wait" "7 drained server 127.0.0.1:8080" \
	"$(awk 'after { print $1, $2, $3, $4; exit } $1 == "CLOSE_WAIT" { after = 1 }' "$out/summary")"
same "summary: fits on a screen" yes "$([ "$(wc -l <"$out/summary")" -le 24 ] && echo yes)"
same "check: ok" "0 OK" "$(says in_a tcp-census check close-wait -w 7 -c 10 | cut -d' ' -f1,4)"
same "check: the line" \
	"TCP_CENSUS CLOSE-WAIT OK - 7 sockets that their peers have closed and nobody closes" \
	"$(in_a tcp-census check close-wait | cut -d'|' -f1 | sed 's/ $//')"
same "check: performance data" "close_wait=7;6;~:20;0;" \
	"$(in_a tcp-census check close-wait -w 6 -c '~:20' | cut -d'|' -f2 | awk '{ print $1 }')"
same "check: its parts" "close_wait_drained=7;;;0;" \
	"$(in_a tcp-census check close-wait | tr ' ' '\n' | grep drained)"
same "check: one line" 1 "$(in_a tcp-census check close-wait | wc -l)"

# status RANGE...: of -w RANGE -c RANGE
status()
{
	in_a tcp-census check close-wait -w "$1" -c "${2-0:100}" >/dev/null 2>&1
	echo $?
}
same "range 7" 0 "$(status 7)"
same "range 6" 1 "$(status 6)"
same "range 7:" 0 "$(status 7:)"
same "range 8:" 1 "$(status 8:)"
same "range ~:6" 1 "$(status '~:6')"
same "range ~:7" 0 "$(status '~:7')"
same "range 5:7" 0 "$(status 5:7)"
same "range 8:9" 1 "$(status 8:9)"
same "range @5:7" 1 "$(status @5:7)"
same "range @8:9" 0 "$(status @8:9)"
same "range: critical comes first" 2 "$(status 6 6)"
for wrong in '' x 7x 9:8 @ :: 1:2:3 '~' -1 1e3; do
	same "no range: '$wrong'" 3 "$(status "$wrong")"
done

same "json: states" 7 "$(json "[r['ipv4'] for r in d['states'] if r['state'] == 'close_wait'][0]")"
same "json: close_wait" "('127.0.0.1:8080', 7, $inode)" \
	"$(json "(lambda r: (r['endpoint'], r['drained'], r['netns']))(d['close_wait'][0])")"
same "json: stat" 7 "$(json "d['stat']['close_wait_drained']")"
same "json: all files" "actions close_wait ended endpoints listeners ports stat states transitions" \
	"$(json "' '.join(sorted(d))")"
# shellcheck disable=SC2046 # one word
same "netns: by name, process and inode" "7 7 7" "$(
	for which in census_a "$(ip netns pids census_a | head -n 1)" "$inode"; do
		tcp-census --netns "$which" --json |
			python3 -c "import json, sys; print(json.load(sys.stdin)['stat']['close_wait_drained'])"
	done | xargs)"
same "netns: none" "2 tcp-census: nonesuch: no such network namespace" \
	"$(says tcp-census --netns nonesuch)"
same "all: that namespace too" 7 "$(tcp-census --all --json | python3 -c "
import json, sys
print(sum(r['drained'] for r in json.load(sys.stdin)['close_wait'] if r['netns'] == $inode))")"
same "all: whose it is" "7 drained server 127.0.0.1:8080 $inode" "$(tcp-census --all |
	awk '$4 == "127.0.0.1:8080" && $1 == 7 { print $1, $2, $3, $4, $NF }')"
same "all: not for everybody" 3 "$(setpriv --reuid 65534 --clear-groups \
	tcp-census --all check close-wait >/dev/null; echo $?)"
mkdir /sys/fs/cgroup/census_"$$"
odd=$(printf '/sys/fs/cgroup/census_%s/\377\302\233a b' $$)
mkdir "$odd"
stop
# shellcheck disable=SC2016 # the other shell has it
start in_a sh -c 'echo $$ >"$0/cgroup.procs"; exec close_wait_leak 8081 3' "$odd"
same "json: any name of a cgroup" "/census_$$/\\377\\302\\233a\\040b" \
	"$(json "[r['cgroup'] for r in d['close_wait'] if r['drained'] == 3][0]")"
stop
rmdir "$odd" /sys/fs/cgroup/census_"$$"
same "no such check" 3 "$(in_a tcp-census check nonesuch 2>/dev/null; echo $?)"
same "no such command" 2 "$(in_a tcp-census nonesuch 2>/dev/null; echo $?)"

exit $failed
