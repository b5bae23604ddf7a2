# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # who sources this uses the rest
#
# For tests in shell: results as TAP, and programs that bring a host into a state. To be
# sourced by a script in the directory of the selftests.

# Where they are built and not installed, they are in directories.
PATH=$PWD:$PWD/scenarios:$PWD/bench:$PATH

number=0
failed=0
pids=
out=$(mktemp -d)

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

# becomes WHAT WANT COMMAND...: what it prints, at the latest after a minute or two.
becomes()
{
	what=$1
	want=$2
	shift 2
	tries=0
	until got=$("$@") && [ "$got" = "$want" ] || [ $tries -gt 300 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
	same "$what" "$want" "$got"
}

# skip WHAT WHY
skip()
{
	number=$((number + 1))
	echo "ok $number $1 # SKIP $2"
}

# start NAME ARGUMENT...: in the background, until it says it has got there. It
# stays so as long as its standard input is open: until we end, or stop it.
start()
{
	# Of who was started before.
	rm -f "$out/said"
	mkfifo "$out/in"
	"$@" <"$out/in" >"$out/said" 2>"$out/complained" &
	pid=$!
	pids="$pids $pid"
	exec 3>"$out/in"
	rm "$out/in"
	tries=0
	until [ -s "$out/said" ]; do
		tries=$((tries + 1))
		if ! kill -0 $pid 2>/dev/null || [ $tries -gt 600 ]; then
			echo "# $1 did not get there"
			break
		fi
		sleep 0.1
	done
	sed 's/^/# /' "$out/said" "$out/complained"
}

# stop: returns the exit status of what was started.
stop()
{
	exec 3>&-
	wait "$pid"
}
