# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP for the install tests, which run where the kernel's helpers are not.

count=0
failed=0
out=

# The command must succeed. Its output is kept in $out.
works() { # NAME COMMAND...
	local name=$1 status=0

	shift
	out=$("$@" 2>&1) || status=$?
	result $status "$name"
}

# The command must fail and say, in one line, words that match REGEX.
refuses() { # NAME REGEX COMMAND...
	local name=$1 regex=$2 status=0 said

	shift 2
	out=$("$@" 2>&1) || status=$?
	said=$(grep '^tcp_census: ' <<<"$out" || [ $? = 1 ])
	if [ $status != 0 ] && [ "$(wc -l <<<"$said")" = 1 ] && [[ $said =~ $regex ]]; then
		result 0 "$name"
	else
		result 1 "$name"
	fi
}

result() { # STATUS NAME
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count $2"
	else
		echo "not ok $count $2"
		printf '%s\n' "$out" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
}

finish() {
	echo "1..$count"
	[ "$failed" = 0 ]
}
