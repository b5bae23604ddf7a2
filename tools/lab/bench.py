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

import cache
import host
import kernel
import roots
import tree
from say import FAILED, NO_BUILD, LabError, program, say

RESULTS = os.path.join(tree.TOP, "selftests", "bench", "RESULTS.md")
SELFTESTS = tree.INSTALLED + "/selftests"
SIZES = (10000, 100000, 500000, 1000000)
EMULATED, NATIVE, OLDER = "6.12", "7.2-uml", "6.12-uml"
KERNELS = (NATIVE, OLDER, EMULATED)
JUDGED = 300000      # connections from which on a goal holds
# MiB of a guest: of its own, and of 1,000 connections with their two descriptors.
MEMORY, MEMORY_EACH = 1500, 12.2
DESCRIPTION = """\
Measure what the module costs, and what else could be used beside it, in one boot for each
size: emulated (QEMU, """ + EMULATED + """), where times are long and caches are not seen, and
as a program of this machine (user-mode Linux, """ + NATIVE + " and " + OLDER + """). Written to
selftests/bench/RESULTS.md when all has been measured, or with -k or -s to standard output.
Takes about an hour; nothing else should run.
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
limit $((2 * $1)) "$chains" "$2" && exec compare "$1" "$2"
"""
LINE = re.compile(r"(?P<name>[^#].{0,39}?) +(?P<ms>\d+\.\d+)(?: +(?P<cpu>-?\d+\.\d+) +(?P<kb>\d+))?")

# What, of these two, and how many times as fast at least in user-mode Linux and emulated.
GOALS = (
    ("fresh `states` : the C sock_diag dump", "sock_diag, all states", "states fresh", 8, 5),
    ("fresh `states` : `ss state close-wait`, counted", "ss state close-wait | wc -l",
     "states fresh", 40, 25),
    ("fresh `states` : the BPF iterator", "BPF iterator", "states fresh", 2, 2),
)


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


def guest(tag, memory, payload, command):
    """What a command says in a guest."""
    argv = ["tools/vm", "-k", tag, "-m", str(int(memory)), "-t", "3600", "-r", "bench", "-w",
            "-p", payload, "--", *command]
    done = subprocess.run(argv, cwd=tree.TOP, stdout=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.splitlines():
        print(f"[{tag}] {line}", flush=True)
    if done.returncode:
        raise LabError(f"a benchmark ends with status {done.returncode} on {tag}", FAILED)
    return done.stdout


def compare(tag, size, runs, payload):
    """{what: {"ms": of it, "cpu": and of processors, "kb": of memory}} of one size."""
    say(f"{size:,} connections on {tag}")
    text = guest(tag, MEMORY + size / 1000 * MEMORY_EACH, payload,
                 ["sh", "-c", COMPARE, SELFTESTS, str(size), str(runs)])
    found = {}
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if match:
            found[match["name"]] = {key: float(match[key]) for key in ("ms", "cpu", "kb")
                                    if match[key] is not None}
    return found


def number(value):
    """As many digits as say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def table(results):
    """Lines of Markdown: of each size the milliseconds, and of processors."""
    sizes = sorted(results)
    names = list(dict.fromkeys(name for size in sizes for name in results[size]))
    yield "| ms (of processors' time; MB) | " + " | ".join(f"{size:,}" for size in sizes) + " |"
    yield "|---|" + "---:|" * len(sizes)
    for name in names:
        cells = []
        for size in sizes:
            found = results[size].get(name)
            text = "" if not found else number(found["ms"])
            if found and "cpu" in found:
                text += f" ({number(max(found['cpu'], 0))}"
                text += f"; {found['kb'] / 1024:.0f})" if found["kb"] else ")"
            cells.append(text)
        yield "| " + name.replace("|", r"\|") + " | " + " | ".join(cells) + " |"


def ratio(results, slow, fast):
    """How many times as fast, of the sizes that count."""
    found = [results[size][slow]["ms"] / results[size][fast]["ms"] for size in results
             if size >= JUDGED and slow in results[size] and fast in results[size]]
    return min(found) if found else None


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


def main():
    parser = argparse.ArgumentParser(prog="tools/lab/bench", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="KERNEL", action="append", choices=KERNELS,
                        help=", ".join(KERNELS) + " (default all)")
    parser.add_argument("-s", metavar="CONNECTIONS", action="append", type=int,
                        help="default " + ", ".join(map(str, SIZES)))
    parser.add_argument("-n", metavar="RUNS", type=int, default=7,
                        help="medians of so many (default 7)")
    options = parser.parse_args(sys.argv[2:])
    host.prepare()
    payload = iterator(roots.lint_root())
    lines = [f"{datetime.date.today()}, {processor()}."]
    for tag in options.k or KERNELS:
        results = {size: compare(tag, size, options.n, payload)
                   for size in options.s or SIZES}
        lines += ["", f"## {tag}", "", *table(results), ""]
        for name, slow, fast, native, emulated in GOALS:
            found = ratio(results, slow, fast)
            if found:
                lines.append(f"- {name}: {found:.1f} (goal: "
                             f"{emulated if tag == EMULATED else native})")
        for name in ("states fresh", "close_wait fresh", "limit"):
            line = fit(results, name)
            if line:
                lines.append(f"- {name}: {line[0]:.0f} us and {line[1]:.1f} ns a socket")
    text = "\n".join(lines) + "\n"
    if options.k or options.s:
        print(text)
        return 0
    with open(RESULTS, "w", encoding="utf-8") as file:
        file.write(text)
    say(f"written to {os.path.relpath(RESULTS, tree.TOP)}")
    return 0


if __name__ == "__main__":
    program(main)
