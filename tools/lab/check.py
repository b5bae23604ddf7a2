# SPDX-License-Identifier: GPL-2.0
"""tools/lab/check: lint, and build, boot and test on every kernel; sum up."""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import threading
import time

import cache
import host
import kernel
import tap
import tree
from say import LabError, program, say

RUNNER = tree.INSTALLED + "/run_kselftest.sh"
# $0: where all are installed; $1: those not to be run, an extended regular expression
RUN_OTHERS = """\
others=$(grep -vxE "tcp_census:($1)" "$0/kselftest-list.txt" | sed "s/^/-t /")
exec "$0/run_kselftest.sh" $others
"""
ONE = "6.12"         # where what is the same on all is tried
DEBUG = "6.12-debug"
PROOF = (DEBUG, "6.12-kcsan", "7.2-debug")    # they report faults
LEAK_FINDERS = (DEBUG, "7.2-debug")           # of them those with kmemleak
# For these there is time in a long check alone.
LONG = ("6.12-kcsan", "7.2-debug")
# What allocates and frees most, but for hostile_memory, which measures memory itself;
# kmemleak doubles the time of all tests.
LEAKING = ("netns", "vanish", "abandoned", "reload", "ended_host", "metrics", "reap_queue",
           "settings_write", "faults_read", "faults_change", "faults_grow", "faults_load",
           "faults_reap", "faults_storm")
STRESSES = ("stress", "stress_reap", "stress_ng")
STRESSED = (DEBUG, ONE)
DESCRIPTION = """\
Run "make lint", then for every kernel of tools/lab/kernels, or those named:
build the module (W=1, no warnings), boot, run the selftests; on those that hosts
run install through DKMS; on one of them make load, and collectors that read the
files; fuzz for a moment. Of a debug kernel the selftests that allocate most run with
kmemleak, the others without, and it must report the faults it is there for. A guest
is idle part of its time, so several things run at once. With -l what takes longer
instead: the kernels """ + ", ".join(LONG) + """; stresses on
""" + ", ".join(STRESSED) + """; fuzzing, the kernel's own network selftests, and the
longest sections.
The last line is "N passed, N failed, N skipped"; the exit status is 0 if nothing
failed and something passed.
"""

_printing = threading.Lock()


def _follow(stream, name, log, sink):
    """Copy lines to the terminal with a name before them, to the log as they are."""
    for line in stream:
        log.write(line)
        log.flush()
        text = line.decode(errors="replace").rstrip("\r\n")
        with _printing:
            print(f"[{name}] {text}", flush=True)
        if sink is not None:
            sink.append(text)


def _stream(name, source, argv):
    """Run a program in source: (exit status, lines of its stdout, path of the log)."""
    path = os.path.join(cache.directory("log"), name + ".log")
    lines = []
    begin = time.monotonic()
    with open(path, "wb") as log, \
         subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, cwd=source) as process:
        errors = threading.Thread(target=_follow, args=(process.stderr, name, log, None))
        errors.start()
        _follow(process.stdout, name, log, lines)
        errors.join()
    with _printing:
        print(f"[{name}] took {time.monotonic() - begin:.0f} s", flush=True)
    return process.returncode, lines, path


def _conclude(name, count, status, path):
    """Add what the exit status says to the count, and print the part's result."""
    if status and not count.failed:
        count.fail(f"exit status {status}")
    if not status and not count.failed and not count.passed:
        count.fail("nothing passed")
    count.reasons = [f"[{name}] {reason}" for reason in count.reasons]
    with _printing:
        for reason in count.reasons:
            print(f"FAILED: {reason}")
        print(f"[{name}] {count}" + (f", log: {path}" if count.failed else ""), flush=True)
    return count


def flat(name, source, argv, whole=False):
    """A program that prints plain TAP. Whole: it may leave nothing out."""
    status, lines, path = _stream(name, source, argv)
    count = tap.flat(lines)
    if whole and count.skipped:
        count.fail(f"{count.skipped} skipped")
    return _conclude(name, count, status, path)


def lint(source):
    return flat("lint", source, ["make", "-s", "lint"])


def test(tag, source, options, more=(), name="", command=(RUNNER,), whole=False):
    """The selftests. Debug kernels need more of all. Whole: none may be skipped."""
    name = f"{tag} {name}".rstrip()
    factor = 1 if tag in kernel.supported() else 2
    status, lines, path = _stream(name, source, [
        "tools/vm", "-k", tag, "-m", str(factor * options.m), "-t", str(factor**2 * options.t),
        "-w", *more, "--", *command])
    count = tap.kselftest(lines)
    # The runner's own exit status says no more than its lines; what tools/vm adds does.
    if status and (count.failed == 0 or status > 94):
        count.fail(f"tools/vm ended with status {status}")
    if whole and count.skipped:
        count.fail(f"{count.skipped} skipped")
    return _conclude(name, count, status, path)


def quick(tag, source, options):
    """Those that allocate little, where nobody looks for leaks."""
    return test(tag, source, options, ["-a", "kmemleak=off"],
                command=["sh", "-c", RUN_OTHERS, tree.INSTALLED, "|".join(LEAKING)])


def leaks(tag, source, options):
    """Those in which most could be lost, where leaks are looked for."""
    return test(tag, source, options, name="leaks", whole=True, command=[
        RUNNER, *(word for name in LEAKING for word in ("-t", "tcp_census:" + name))])


def install(tag, source):
    """DKMS, in the build chroot with that kernel's headers."""
    argv = ["tools/lab/build-root", "-k", tag, "--", "selftests/install/dkms.sh"]
    return flat(f"{tag} install", source, argv)


def load(tag, source):
    """make load and unload, in a guest where the module has been built already."""
    argv = ["tools/vm", "-k", tag, "-r", "build", "-b", "--", "selftests/install/load.sh"]
    return flat(f"{tag} load", source, argv)


def collectors(tag, source):
    """Prometheus and what else reads the files, in a guest that has them."""
    argv = ["tools/vm", "-k", tag, "-r", "monitoring", "-w", "--",
            tree.INSTALLED + "/selftests/collectors.sh"]
    return flat(f"{tag} collectors", source, argv)


def proof(tag, source):
    """That kernel reports the faults it is there for."""
    return flat(f"{tag} proof", source, ["tools/lab/proof", tag])


def stress(tag, source, name):
    """What takes seconds with the other selftests, for minutes."""
    argv = ["tools/vm", "-k", tag, "-m", "4096", "-t", "3000", "-r", "monitoring", "-w", "--",
            "env", "TCP_CENSUS_STRESS_SECONDS=60", f"{tree.INSTALLED}/selftests/{name}"]
    return flat(f"{tag} {name}", source, argv, whole=True)


def sections(tag, source):
    """How long the module keeps others waiting, at 500,000 sockets."""
    argv = ["tools/vm", "-k", tag, "-m", "10000", "-t", "3600", "-w", "--",
            tree.INSTALLED + "/selftests/sections"]
    return flat(f"{tag} sections", source, argv, whole=True)


def tests(source, options, chosen):
    """The parts that are selftests, what takes longest first."""
    finders = [tag for tag in chosen if tag in LEAK_FINDERS]
    hosts = [tag for tag in chosen if tag in kernel.supported()]
    parts = [(quick, tag, source, options) for tag in finders]
    parts += [(test, tag, source, options) for tag in chosen if tag not in finders + hosts]
    parts += [(leaks, tag, source, options) for tag in finders]
    return parts + [(test, tag, source, options) for tag in hosts]


def short(source, options, chosen):
    """(parts, those that nothing may run beside), each a function and its arguments."""
    hosts = [tag for tag in chosen if tag in kernel.supported()]
    parts = tests(source, options, chosen)
    parts += [] if options.L else [(lint, source)]
    parts += [(proof, tag, source) for tag in chosen if tag in PROOF]
    if hosts:
        one = ONE if ONE in hosts else hosts[0]
        parts += [(collectors, one, source), (load, one, source)]
    # For a moment: that they build, and find nothing at once.
    parts += [(flat, "fuzz", source, ["tools/lab/fuzz", "-t", "3"])]
    return parts + [(install, tag, source) for tag in hosts], []


def long(source, options, chosen):
    """The same of a long check."""
    parts = tests(source, options, chosen)
    parts += [(proof, tag, source) for tag in chosen if tag in PROOF]
    parts += [(stress, tag, source, name) for tag in options.tags or STRESSED for name in STRESSES]
    parts += [(flat, "nets", source, ["tools/lab/nets"]),
              (flat, "fuzz", source, ["tools/lab/fuzz"])]
    return parts, [(sections, ONE, source)]


def main():
    begin = time.monotonic()
    tags = [entry.tag for entry in kernel.table() if not entry.um]
    parser = argparse.ArgumentParser(prog="tools/lab/check", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", metavar="N", type=int, default=(os.cpu_count() or 1) + 1,
                        help="guests at once (default one more than there are processors)")
    parser.add_argument("-m", metavar="MiB", type=int, default=2048, help="memory of a guest")
    parser.add_argument("-t", metavar="SECONDS", type=int, default=1500,
                        help="time limit of one guest (default 1500)")
    parser.add_argument("-L", action="store_true", help="without lint")
    parser.add_argument("-l", action="store_true", help="what takes long")
    parser.add_argument("tags", metavar="KERNEL", nargs="*",
                        help=", ".join(tags) + " (default all)")
    options = parser.parse_args(sys.argv[2:])
    for tag in options.tags:
        kernel.named(tag)
    host.prepare()
    if not tree.has_selftests():
        raise LabError("there is no selftests/Makefile: nothing to run in a guest")

    # A copy, so that all is one state of a tree that may be worked on meanwhile.
    source = os.path.join(cache.run_directory(), "src")
    tree.copy(tree.files(), source)
    chosen = options.tags or [tag for tag in tags if (tag in LONG) == options.l]
    parts, alone = (long if options.l else short)(source, options, chosen)
    total = tap.Count()
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        for part in [pool.submit(*part) for part in parts]:
            total += part.result()
    for part, *arguments in alone:
        total += part(*arguments)
    cache.remove(os.path.dirname(source))
    for reason in total.reasons:
        say(f"failed: {reason}")
    say(f"took {(time.monotonic() - begin) / 60:.1f} minutes")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    program(main)
