# SPDX-License-Identifier: GPL-2.0
"""tools/lab/proof: kernels for debugging report what they are there to report, as TAP."""

import argparse
import os
import re
import subprocess
import sys

import host
import kernel
import tree
from say import REPORT, USAGE, LabError, program

DEFAULT = ("6.12-debug", "6.12-kcsan")
SECONDS = 600        # for one guest, on a busy machine
NOTHING = "nothing"
LEAK = r"kmemleak: \d+ new suspected memory leaks"
# What a kernel must report, by the last part of its name: the misdeed, as
# selftests/kernel/tcp_census_misdeeds.c calls it, the first fault in the log, and what
# else the log must have.
MISDEEDS = {
    "debug": [
        ("use_after_free", r"BUG: KASAN: slab-use-after-free in tcpcm_use_after_free",
         r"Freed by task"),
        ("lock_inversion", r"WARNING: possible circular locking dependency detected",
         r"\(tcpcm_lock_a\b.*, at: tcpcm_lock_inversion"),
        ("sleep_in_atomic", r"BUG: sleeping function called from invalid context",
         r" tcpcm_sleep_in_atomic\+"),
        ("raw_nesting", r"BUG: Invalid wait context", r" tcpcm_raw_nesting\+"),
        ("rcu_unprotected", r"WARNING: suspicious RCU usage", r" tcpcm_rcu_unprotected\+"),
        ("leak", LEAK, r" tcpcm_leak\+.*\[tcp_census_misdeeds\]"),
        ("leak_at_unload", LEAK, r" tcpcm_leak_at_unload\+.*\[tcp_census_misdeeds\]"),
    ],
    "kcsan": [
        ("data_race", r"BUG: KCSAN: data-race in .*\btcpcm_", r" tcpcm_race_writer\+"),
    ],
}
DESCRIPTION = """\
Have a module for tests commit one misdeed in each guest, and see that the run ends
with the status for a report and that the report is of that misdeed; and see that a
guest in which nothing is done wrong ends well. So that a kernel, or a lab, which
would overlook a fault of the module is noticed.
"""


def commit(tag, misdeed, options, words=()):
    """One guest: (exit status of tools/vm, what it said)."""
    argv = [os.path.join(tree.TOP, "tools", "vm"), "-w", "-k", tag, "-m", str(options.m),
            "-t", str(SECONDS), *words,
            "--", "insmod", "/tcp_census_misdeeds.ko", f"commit={misdeed}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def reported(status, text, first, also):
    """Why it was not reported as it should be, or None."""
    if status != REPORT:
        return f"ended with status {status}, not {REPORT}"
    # What tools/vm says of it itself, not the log.
    if not re.search(r"^tcp_census lab: the log of .* has a report: .*" + first, text, re.M):
        return f"the report is not {first}"
    if not re.search(also, text):
        return f"the log has no {also}"
    return None


def passed_over(status):
    """Why a guest that did nothing wrong did not end well, or None."""
    return f"ended with status {status}, not 0" if status else None


class Results:
    """Prints them as TAP."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def add(self, name, wrong, text):
        self.count += 1
        if wrong:
            self.failed += 1
            print("".join(f"# {line}\n" for line in [*text.splitlines(), wrong]), end="")
        print(f"{'not ok' if wrong else 'ok'} {self.count} {name}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tools/lab/proof", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", metavar="MiB", type=int, default=1024,
                        help="memory of a guest (default 1024)")
    parser.add_argument("tags", metavar="KERNEL", nargs="*",
                        help=f"one made for debugging (default {' '.join(DEFAULT)})")
    options = parser.parse_args(sys.argv[2:])
    tags = options.tags or DEFAULT
    known = {tag: MISDEEDS.get(kernel.named(tag).tag.rpartition("-")[2]) for tag in tags}
    for tag in tags:
        if not known[tag]:
            raise LabError(f"{tag} is not made for debugging: it would report nothing", USAGE)
    host.prepare()
    results = Results()
    print("TAP version 13")
    print(f"1..{sum(len(known[tag]) + 1 for tag in tags)}", flush=True)
    for tag in tags:
        status, text = commit(tag, NOTHING, options)
        results.add(f"{tag}: no misdeed, no report", passed_over(status), text)
        for misdeed, first, also in known[tag]:
            # To look for leaks takes longer than all else.
            words = () if first == LEAK else ("-a", "kmemleak=off")
            status, text = commit(tag, misdeed, options, words)
            results.add(f"{tag}: {misdeed} is reported", reported(status, text, first, also), text)
    return 1 if results.failed else 0


if __name__ == "__main__":
    program(main)
