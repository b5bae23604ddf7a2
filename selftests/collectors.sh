#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What reads the files as Debian ships it: Prometheus through node_exporter, with the rules
# and the queries of the dashboard, collectd and the Zabbix agent. A minute of a rule is two
# seconds here, and each alert must come when the scenarios give it reason to.
#
#	/proc/tcp_census/metrics <- node_exporter <- Prometheus <- rules, queries
#	/proc/tcp_census/stat    <- collectd, Zabbix agent

KSFT_SKIP=4
GROUP=tcp_census
TEXTFILES=/var/lib/prometheus/node-exporter
MODULE=/sys/module/tcp_census/parameters
API=http://127.0.0.1:9090/api/v1

if [ ! -d $MODULE ]; then
	echo "1..0 # SKIP tcp_census is not loaded"
	exit $KSFT_SKIP
fi
for program in prometheus promtool prometheus-node-exporter collectd zabbix_agentd; do
	if ! command -v $program >/dev/null; then
		echo "1..0 # SKIP there is no $program here: try tools/vm -r monitoring"
		exit $KSFT_SKIP
	fi
done

cd "$(dirname "$0")" || exit 1
# shellcheck source=selftests/scenario_lib.sh
. ./scenario_lib.sh
tools=$PWD
[ -d prometheus ] || tools=$PWD/../tools
loaded=
old_gid=$(cat $MODULE/proc_gid)
chmod 755 "$out"

# shellcheck disable=SC2317 # the trap calls it
clean_up()
{
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	rm -f "$TEXTFILES"/tcp_census.prom
	echo "$old_gid" >"$MODULE"/proc_gid
	sysctl -qw net.tcp_census.close_wait_timeout=0 net.tcp_census.close_wait_action=count
	[ -z "$loaded" ] || rmmod tcp_census_test
	rm -rf "$out"
}
trap clean_up EXIT

# as USER COMMAND...: as systemd would start it for that user
as()
{
	# shellcheck disable=SC2317 # service calls it
	exec setpriv --reuid "$1" --regid "$1" --init-groups "${@:2}"
}

# service NAME COMMAND...: in the background; what it says is in NAME.log, and a line for
# it goes into NAME
service()
{
	mkfifo "$out/$1"
	"${@:2}" <>"$out/$1" >"$out/$1.log" 2>&1 &
	pids="$pids $!"
	disown
}

# scenario NAME COMMAND...: the same, until it says that it got there
scenario()
{
	service "$@"
	for ((tries = 0; tries < 600; tries++)); do
		[ ! -s "$out/$1.log" ] || break
		sleep 0.1
	done
	sed 's/^/# /' "$out/$1.log"
}

# query EXPRESSION: what Prometheus has of it, a JSON list
query()
{
	curl -s -m 10 --data-urlencode "query=$1" $API/query | jq -c .data.result 2>/dev/null
}

# comes WHAT SECONDS EXPRESSION: has a result, at the latest after so many seconds
comes()
{
	local end=$((SECONDS + $2)) got

	until got=$(query "$3") && [[ $got = '[{'* ]] || [ $SECONDS -ge $end ]; do
		sleep 0.5
	done
	same "$1" yes "$([[ $got = '[{'* ]] && echo yes || echo "$got")"
}

# pends ALERT SECONDS: or fires
pends()
{
	comes "$1: there is reason for it" "$2" "ALERTS{alertname=\"$1\"}"
}

# fires ALERT SECONDS
fires()
{
	comes "$1 fires" "$2" "ALERTS{alertname=\"$1\",alertstate=\"firing\"}"
}

# quiet WHAT COMMAND...: ends well, without a word
quiet()
{
	"${@:2}" >"$out/text" 2>&1
	same "$1" "0 0" "$? $(wc -c <"$out/text")"
	sed 's/^/# /' "$out/text"
}

# in_seconds: rules and queries in which a minute is two seconds
in_seconds()
{
	perl -pe 's/\b(\d+)m\b/(2 * $1) . "s"/ge' "$@"
}

# value KEY: of stat
value()
{
	awk -v key="$1" '$1 == key { print $2 }' /proc/tcp_census/stat
}

# agent KEY...: what the Zabbix agent answers to its server
agent()
{
	python3 -c '
import socket, struct, sys
for word in sys.argv[1:]:
    with socket.create_connection(("127.0.0.1", 10050), 10) as agent:
        key = word.encode()
        agent.sendall(b"ZBXD\1" + struct.pack("<Q", len(key)) + key)
        print(word, agent.makefile("rb").read()[13:].decode())' "$@"
}

# written KEY: the last that collectd wrote of it
written()
{
	cat "$out"/csv/host/table-tcp_census/gauge-"$1"-* | tail -n 1 | cut -d, -f2 | cut -d. -f1
}

echo "TAP version 13"
ip link set lo up
[ -e /proc/tcp_census_test ] || { modprobe -q tcp_census_test && loaded=yes; }
getent group $GROUP >/dev/null || groupadd --system $GROUP
usermod -aG $GROUP prometheus
usermod -aG $GROUP zabbix

mkdir "$out/rules" "$out/data"
chown prometheus "$out/data"
for file in recording.yml alerts.yml; do
	in_seconds "$tools/prometheus/$file" >"$out/rules/$file"
done
cat >"$out/prometheus.yml" <<END
global: {scrape_interval: 2s, evaluation_interval: 2s}
rule_files: [rules/*.yml]
scrape_configs:
  - {job_name: node, static_configs: [{targets: ["127.0.0.1:9100"]}]}
END
service node_exporter as prometheus prometheus-node-exporter --collector.disable-defaults \
	--collector.textfile --collector.textfile.directory=$TEXTFILES
service prometheus as prometheus prometheus --config.file="$out/prometheus.yml" \
	--storage.tsdb.path="$out/data" --web.listen-address=127.0.0.1:9090

pends TcpCensusMissing 60
ln -s /proc/tcp_census/metrics "$TEXTFILES"/tcp_census.prom
pends TcpCensusUnreadable 20
getent group $GROUP | cut -d: -f3 >"$MODULE"/proc_gid
comes "node_exporter reads it, in the group" 20 tcp_census_info
comes "nothing is wrong then" 20 'absent(ALERTS)'

# TIME_WAIT, which is what uses up the ports, lasts for a minute.
scenario ports unshare --net ports_exhausted one
fires TcpCensusPortsOut 50
fires TcpCensusPortsLow 50

scenario leak close_wait_leak 8080 12 drained 400
scenario dead closed_unreleased 8083 10
scenario hung not_accepting 8081 16
service slow python3 -c '
import socket, time
listener = socket.create_server(("127.0.0.1", 8085))
while True:
    with socket.create_connection(listener.getsockname()):
        server, _ = listener.accept()
    time.sleep(0.5)
    server.close()'
while sleep 1; do
	echo >"$out/leak"
	printf '\n\n' >"$out/dead"
	timeout 0.3 bash -c ': </dev/tcp/127.0.0.1/8081' 2>/dev/null
done &
pids="$pids $!"
disown

quiet "promtool check metrics: without a word" promtool check metrics </proc/tcp_census/metrics

cat >"$out/collectd.conf" <<END
Hostname "host"
Interval 1
LoadPlugin csv
<Plugin csv>
  DataDir "$out/csv"
</Plugin>
Include "$tools/collectors/collectd.conf"
END
service collectd collectd -f -C "$out/collectd.conf" -P "$out/collectd.pid"
mkdir -p /run/zabbix
chown zabbix /run/zabbix
cp "$tools/collectors/zabbix.conf" /etc/zabbix/zabbix_agentd.conf.d/tcp_census.conf
service zabbix as zabbix zabbix_agentd --foreground

fires TcpCensusQueueFull 60
fires TcpCensusQueueDrops 60
fires TcpCensusQueueDead 60

same "stat has what the scenario did" "17 100" \
	"$(value close_wait_unaccepted) $(value accept_queue_worst_percent)"
becomes "collectd has it" "17" written close_wait_unaccepted
same "collectd: other lines" "100 4096" \
	"$(written accept_queue_worst_percent) $(written somaxconn)"
same "collectd has each line" "" "$(awk '{ print $1 }' /proc/tcp_census/stat | while read -r key; do
	compgen -G "$out/csv/host/table-tcp_census/gauge-$key-*" >/dev/null || echo "$key"; done)"
sed -n 's/^Alias=\([^:]*\):.*/\1/p' "$tools/collectors/zabbix.conf" >"$out/keys"
mapfile -t keys <"$out/keys"
agent "${keys[@]}" >"$out/text"
same "Zabbix has each key" "" "$(for key in "${keys[@]}"; do
	grep -qE "^$key +[0-9n]" "$out/text" || echo "$key"; done)"
same "Zabbix: what the scenario did" "17 100" \
	"$(awk '/\.(unaccepted|queue) / { print $2 }' "$out/text" | xargs)"
same "Zabbix: the table" "server 17" \
	"$(awk '$3 == "127.0.0.1:8081" { print $2, $7 }' "$out/text")"

fires TcpCensusLeak 120
fires TcpCensusDeadDescriptors 120
same "no rule fails" "" "$(curl -s -m 10 $API/rules |
	jq -r '.data.groups[].rules[] | select(.health != "ok") | .name, .lastError')"
comes "which service leaks, on how many hosts" 10 \
	'fleet:tcp_census_close_wait_leak:hosts{role="server",port="8080"} == 1'
comes "how long applications take to close" 10 \
	'instance:tcp_census_close_wait_duration_seconds:p50 > 0.25'
sed -n 's/^ *- record: //p' "$tools/prometheus/recording.yml" >"$out/records"
while read -r record; do
	comes "rule $record has a result" 10 "$record"
done <"$out/records"
jq -r '.panels[].targets[]?.expr' "$tools/prometheus/dashboard.json" |
	sed "s/\\\$host/.+/" | in_seconds >"$out/queries"
same "dashboard: a query in each panel" "" "$(jq -r '.panels[] | select(.type != "row" and
	(.datasource.uid != "${datasource}" or (.targets | length) == 0)) | .title' \
	"$tools/prometheus/dashboard.json")"
while read -r expression; do
	comes "dashboard: $expression" 10 "$expression"
done <"$out/queries"
same "dashboard: its list of hosts" "127.0.0.1:9100" \
	"$(curl -sG -m 10 --data-urlencode "match[]=tcp_census_info" $API/label/instance/values |
	jq -r '.data[]')"

sysctl -qw net.tcp_census.close_wait_action=abort net.tcp_census.close_wait_timeout=60
fires TcpCensusReaperActs 60
curl -s -m 10 $API/alerts >"$out/alerts"
same "annotations: nothing is left open" "" "$(jq -r '.data.alerts[].annotations |
	(.summary, .description) | select(test("<|%!|\\{\\{"))' "$out/alerts")"

echo "1..$number"
exit "$failed"
