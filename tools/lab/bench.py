# SPDX-License-Identifier: GPL-2.0
"""tools/lab/bench: measure, beside whatever else could be used, and write it down."""

import argparse
import datetime
import os
import re
import shutil
import statistics
import subprocess
import sys
import typing

import cache
import host
import kernel
import roots
import tree
from say import FAILED, NO_BUILD, LabError, program, say

RESULTS = os.path.join("selftests", "bench", "RESULTS.md")
SELFTESTS = tree.INSTALLED + "/selftests"
EMULATED, NATIVE, OLDER = "6.12", "7.2-uml", "6.12-uml"
SIZES = {NATIVE: (10000, 100000, 500000, 1000000), OLDER: (100000, 500000),
         EMULATED: (10000, 100000, 500000)}
BUSY = (NATIVE, EMULATED)         # where what it costs others is measured
SHAPES = REAPED = BUSY_SOCKETS = 100000
JUDGED = 300000                   # connections from which on a goal holds
# MiB of a guest: of its own, and of 1,000 connections with their two descriptors.
MEMORY, MEMORY_EACH = 1500, 12.2
DESCRIPTION = """\
Measure what the module costs, and what else could be used beside it, in one boot for each
size: as a program of this machine (user-mode Linux, """ + NATIVE + " and " + OLDER + """), and
emulated (QEMU, """ + EMULATED + """), where times are long and caches are not seen. Then hosts
of other shapes, what it costs a busy server, and how fast leaked connections are ended.
Written to selftests/bench/RESULTS.md when all has been measured, or with -k, -s or -p to
standard output. Takes hours; nothing else should run. Sizes for which there is
not enough memory are left out: a million connections need 14 GB.
"""
# In the guest, with the number of connections and of runs. What its own size of object
# says of a walk needs no more chains or fewer than the kernel has.
COMPARE = """\
cd "$0" || exit
PATH=$PWD:$PATH
chains=$(dmesg | sed -n 's/.*TCP established hash table entries: \\([0-9]*\\).*/\\1/p')
echo "# buckets $chains"
if mount -t bpf bpf /sys/fs/bpf 2>/dev/null && [ -e /sys/kernel/btf/vmlinux ]; then
	bpftool iter pin /payload/tcp_states.bpf.o /sys/fs/bpf/tcp_states || exit
fi
limit $((2 * $1)) "$chains" "$2" && compare "$1" "$2" || exit
# Once more: the machine may have become faster or slower since.
limit $((2 * $1)) "$chains" "$2" | sed "s/^limit\\(, close_wait\\)\\{0,1\\}/&, afterwards/"
"""
# A name may have more columns than it is given.
LINE = re.compile(r"(?P<name>[^#\s].*?) +(?P<ms>-?\d+\.\d+)"
                  r"(?: +(?P<cpu>-?\d+\.\d+)(?: +(?P<kb>-?\d+))?)?")
MISSING = re.compile(r"# not here: (?P<name>.*)")


class Goal(typing.NamedTuple):
    """So many times slow is as long as fast; at least, at most, or just to be known."""
    name: str
    slow: str
    fast: str
    native: typing.Optional[float] = None
    emulated: typing.Optional[float] = None
    at_most: bool = False


GOALS = (
    Goal("C sock_diag dump : fresh `states`", "sock_diag, all states", "states fresh", 8, 5),
    Goal("`ss state close-wait`, counted : fresh `states`", "ss state close-wait | wc -l",
         "states fresh", 40, 25),
    Goal("BPF iterator : fresh `states`", "BPF iterator", "states fresh", 2, 2),
    Goal("fresh `close_wait` : fresh `states`", "close_wait fresh", "states fresh", 2, 2, True),
    Goal("fresh `states` : the limit", "states fresh", "limit", 1.5, 1.5, True),
    Goal("for comparison, the limit of `close_wait` : the limit", "limit, close_wait", "limit"),
    Goal("for comparison, fresh `close_wait` : its limit", "close_wait fresh",
         "limit, close_wait"),
)
WARM_MS = 1          # a warm file, in user-mode Linux
COARSE_MS = 100      # there less processors' time says nothing: it is known in ticks of 10 ms
ACCEPTED = 0.97      # of the connections a second without the module


def iterator(root):
    """The BPF program that counts, compiled: a directory with it."""
    name = "selftests/bench/tcp_states.bpf.c"

    def build(directory, fd):
        tree.copy([name], os.path.join(directory, "src"))
        argv, environment = roots.inside(root, [
            "clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu",
            "-c", name, "-o", "tcp_states.bpf.o"], os.path.join(directory, "src"))
        cache.command(argv, "the BPF iterator does not build", fd, NO_BUILD, env=environment)
        os.mkdir(os.path.join(directory, "payload"))
        shutil.move(os.path.join(directory, "src", "tcp_states.bpf.o"),
                    os.path.join(directory, "payload"))

    path = cache.obtain("bpf", tree.digest([name], root), "the BPF iterator", build, deep=True)
    cache.prune("bpf", 2)
    return os.path.join(path, "payload")


def guest(source, tag, memory, payload, command):
    """What a command says in a guest."""
    argv = ["tools/vm", "-k", tag, "-m", str(int(memory)), "-t", "5400", "-r", "bench", "-w",
            "-p", payload, "--", *command]
    with subprocess.Popen(argv, cwd=source, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stdout:
            print(f"[{tag}] {line}", end="", flush=True)
            lines.append(line.rstrip("\n"))
    if process.returncode:
        raise LabError(f"a benchmark ends with status {process.returncode} on {tag}", FAILED)
    return lines


def parse(lines):
    """{what: {"ms": of it, "cpu": and of processors, "kb": of memory}}; empty: not there."""
    found = {}
    for line in lines:
        match = LINE.fullmatch(line)
        if match:
            found[match["name"]] = {key: float(match[key]) for key in ("ms", "cpu", "kb")
                                    if match[key] is not None}
        match = MISSING.fullmatch(line)
        if match:
            found[match["name"]] = {}
    return found


def room(size):
    """Is there enough memory for so many connections?"""
    with open("/proc/meminfo", encoding="ascii") as file:
        available = next(int(line.split()[1]) >> 10 for line in file
                         if line.startswith("MemAvailable:"))
    if available > MEMORY + size / 1000 * MEMORY_EACH:
        return True
    say(f"{size:,} connections are left out: {available} MiB of memory are not enough")
    return False


def compare(source, tag, size, runs, payload):
    """What there is of one size."""
    say(f"{size:,} connections on {tag}")
    return parse(guest(source, tag, MEMORY + size / 1000 * MEMORY_EACH, payload,
                       ["sh", "-c", COMPARE, SELFTESTS, str(size), str(runs)]))


def shapes(source, tag, runs, payload):
    """{shape: {what: as above}}."""
    say(f"hosts of other shapes on {tag}")
    found = {}
    lines = guest(source, tag, MEMORY + 2 * SHAPES / 1000 * MEMORY_EACH, payload,
                  [SELFTESTS + "/shapes", str(SHAPES), str(runs)])
    for name, cost in parse(lines).items():
        what, _, shape = name.partition(", ")
        found.setdefault(shape, {})[what] = cost
    return found


def number(value):
    """As many digits as say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def cell(cost, coarse):
    """What stands in a table for it. Coarse: processors' time is known in steps."""
    if cost is None:
        return ""
    if not cost:
        return "not there"
    more = []
    if "cpu" in cost and cost["cpu"] >= (COARSE_MS if coarse else 0):
        more.append(number(cost["cpu"]))
    if "kb" in cost:
        more.append(f"{cost['kb'] / 1024:.1f} MB")
    return number(cost["ms"]) + (f" ({'; '.join(more)})" if more else "")


def table(results, head, coarse):
    """Lines of Markdown: of each column the milliseconds, of processors, and memory."""
    names = list(dict.fromkeys(name for found in results.values() for name in found))
    yield "| ms (of processors' time; memory) | " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * len(results)
    for name in names:
        cells = [cell(found.get(name), coarse) for found in results.values()]
        yield "| " + name.replace("|", r"\|") + " | " + " | ".join(cells) + " |"


def ratios(results, slow, fast):
    """{size: how many times as long}, of the sizes that count."""
    return {size: found[slow]["ms"] / found[fast]["ms"] for size, found in results.items()
            if size >= JUDGED and found.get(slow) and found.get(fast)}


def verdict(text, met):
    """A figure, and whether it is good enough."""
    return text if met else text + ", **missed**"


def goals(tag, results):
    """Lines of Markdown: each goal, what was found, and whether it is met."""
    yield "| goal | bound | found |"
    yield "|---|---:|---:|"
    for goal in GOALS:
        bound = goal.emulated if tag == EMULATED else goal.native
        words = f"{'at most' if goal.at_most else 'at least'} {bound:g}" if bound else ""
        found = ratios(results, goal.slow, goal.fast)
        if not found:
            yield f"| {goal.name} | {words} | **not measured** |"
        for size, ratio in found.items():
            met = not bound or (ratio <= bound if goal.at_most else ratio >= bound)
            yield (f"| {goal.name}, {size:,} connections | {words} "
                   f"| {verdict(f'{ratio:.1f}', met)} |")
    for size, found in results.items() if tag != EMULATED else ():
        warm = {name: cost["ms"] for name, cost in found.items()
                if name.endswith(" warm") and cost}
        worst = max(warm, key=warm.get)
        words = verdict(f"{warm[worst]:.3f} ms ({worst.removesuffix(' warm')})",
                        warm[worst] < WARM_MS)
        yield f"| any warm file, {size:,} connections | under {WARM_MS} ms | {words} |"


def busy(source, tag, payload):
    """Lines of Markdown: what a busy server still does."""
    say(f"a busy server on {tag}")
    lines = guest(source, tag, MEMORY + BUSY_SOCKETS / 1000 * MEMORY_EACH, payload,
                  [SELFTESTS + "/busy", str(BUSY_SOCKETS), "10", "4"])
    yield f"Of what it does without the module, with {BUSY_SOCKETS:,} sockets (95 %: from, to):"
    yield ""
    yield "| | loaded | and read every second | and the reaper counts |"
    yield "|---|---:|---:|---:|"
    rows = {}
    for line in lines:
        match = re.fullmatch(r"([^#,]+), ([^,]+?) +([\d.]+) +([\d.]+) +([\d.]+)", line)
        if match:
            rows.setdefault(match[1], []).append([float(word) for word in match.groups()[2:]])
    for name, found in rows.items():
        if len(found) != 3:
            raise LabError(f"busy did not say all of: {name}", FAILED)
        yield f"| {name} a second | " + " | ".join(
            f"{median:.3f} ({low:.3f}, {high:.3f})" for median, low, high in found) + " |"
    yield ""
    for name, found in rows.items():
        if name.startswith("accepted"):
            words = verdict(f"{found[1][0]:.3f}", found[1][0] >= ACCEPTED)
            yield f"- {name}, read every second: at least {ACCEPTED}; found {words}"


def reap(source, tag, payload):
    """Lines of Markdown: how fast leaked connections are ended."""
    say(f"the reaper on {tag}")
    lines = guest(source, tag, MEMORY + 2 * REAPED / 1000 * MEMORY_EACH, payload,
                  [SELFTESTS + "/reap", str(REAPED)])
    yield "```"
    yield from (line for line in lines if line.strip())
    yield "```"


def processor():
    """What the machine calls itself."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) >> 20
    return f"{len(names)} x {names[0]}, {memory} GiB"


def fit(results, name):
    """(microseconds without a socket, nanoseconds a socket): a line through all sizes."""
    points = [(2 * size, found[name]["ms"]) for size, found in results.items() if name in found]
    if len(points) < 2:
        return None
    slope, start = statistics.linear_regression(*zip(*points))
    return start * 1e3, slope * 1e6


def growth(results):
    """Lines of Markdown: lines through what each size costs."""
    for name in ("states fresh", "close_wait fresh", "limit"):
        line = fit(results, name)
        if line:
            yield f"- {name}: {line[0]:.0f} us and {line[1]:.1f} ns a socket"


HEAD = """\
<!-- SPDX-License-Identifier: GPL-2.0 -->
# What it costs

Written by `make bench`; see `tools/lab/bench --help` and `selftests/bench`. A column is of
one boot, medians, all by turns but for "limit"; of what takes longer than ten seconds each
time, medians of three. Half of the connections are in CLOSE_WAIT; both ends of each are
there, so there are twice as many sockets. "fresh" is from a walk of its own, "warm" from
the snapshot that all readers share. Memory is what the kernel keeps right after a fresh
file was read, snapshot and text, or a command's largest. "limit" is a walk in user space
over as many objects of 2,432 bytes, a socket's size in 6.12, in as many hash chains;
"limit, close_wait" the same walk if it also reads as many cache lines of each as
`close_wait` has to. User-mode Linux (-uml) runs on the machine's own
processors; there a barrier that the x86 kernel leaves out is an instruction, and
processors' time is known in steps of 10 ms, so that less than 100 ms is not shown. QEMU
emulates a processor.
"""
RUNS = 5
PARTS = ("sizes", "shapes", "busy", "reap")


def report(source, tag, options, payload):
    """Lines of Markdown: all of a kernel."""
    yield from ("", f"## {tag}", "")
    if "sizes" in options.p:
        results = {size: compare(source, tag, size, options.n or RUNS, payload)
                   for size in options.s or SIZES[tag] if room(size)}
        yield from table(results, [f"{size:,}" for size in results], tag != EMULATED)
        yield ""
        yield from goals(tag, results)
        yield ""
        yield from growth(results)
    if "shapes" in options.p and tag != OLDER:
        found = shapes(source, tag, options.n or RUNS, payload)
        yield from ("", f"{SHAPES:,} connections, and more of something:", "")
        yield from table(found, list(found), tag != EMULATED)
    if "busy" in options.p and tag in BUSY:
        yield ""
        yield from busy(source, tag, payload)
    if "reap" in options.p and tag in BUSY:
        yield from ("", "Leaked connections are ended:", "")
        yield from reap(source, tag, payload)


def main():
    parser = argparse.ArgumentParser(prog="tools/lab/bench", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="KERNEL", action="append", choices=tuple(SIZES),
                        help=", ".join(SIZES) + " (default all)")
    parser.add_argument("-s", metavar="CONNECTIONS", action="append", type=int,
                        help="default from 10,000 to 1,000,000")
    parser.add_argument("-p", metavar="PART", action="append", choices=PARTS,
                        help=", ".join(PARTS) + " (default all)")
    parser.add_argument("-n", metavar="RUNS", type=int,
                        help=f"medians of so many (default {RUNS})")
    options = parser.parse_args(sys.argv[2:])
    whole = not (options.k or options.s or options.p or options.n)
    options.p = options.p or PARTS
    host.prepare()
    # A copy, so that all is one state of a tree that may be worked on meanwhile.
    source = os.path.join(cache.run_directory(), "src")
    tree.copy(tree.files(), source)
    payload = iterator(roots.lint_root())
    # Written as it grows: what was measured in an hour is not to be lost.
    path = os.path.join(cache.directory("log"), "bench.md")
    with open(path, "w", encoding="utf-8") as file:
        print(f"{HEAD}\n{datetime.date.today()}, {processor()}. Runs: {options.n or RUNS}.",
              file=file, flush=True)
        for tag in options.k or SIZES:
            for line in report(source, tag, options, payload):
                print(line, file=file, flush=True)
    cache.remove(os.path.dirname(source))
    if whole:
        shutil.copy(path, os.path.join(tree.TOP, RESULTS))
        say(f"written to {RESULTS}")
    else:
        with open(path, encoding="utf-8") as file:
            print(file.read())
    return 0


if __name__ == "__main__":
    program(main)
