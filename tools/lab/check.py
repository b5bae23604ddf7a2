# SPDX-License-Identifier: GPL-2.0
"""tools/lab/check: lint, then build, boot and test on every kernel; sum up."""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import threading

import cache
import host
import kernel
import tap
import tree
from say import LabError, program, say

RUNNER = tree.INSTALLED + "/run_kselftest.sh"
ONE = "6.12"         # where what is the same on all is tried
DESCRIPTION = """\
Run "make lint", then for every kernel of tools/lab/kernels, or those named:
build the module (W=1, no warnings), boot, run the selftests, install through
DKMS; on one of them make load, and collectors that read the files. A guest is idle
about half of its time, so several things run at once. The last line is "N passed,
N failed, N skipped"; the exit status is 0 if nothing failed and something passed.
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
    with open(path, "wb") as log, \
         subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, cwd=source) as process:
        errors = threading.Thread(target=_follow, args=(process.stderr, name, log, None))
        errors.start()
        _follow(process.stdout, name, log, lines)
        errors.join()
    return process.returncode, lines, path


def _conclude(name, count, status, path):
    """Add what the exit status says to the count, and print the part's result."""
    if status and not count.failed:
        count.fail(f"exit status {status}")
    if not status and not count.total():
        count.fail("no results")
    with _printing:
        for reason in count.reasons:
            print(f"[{name}] FAILED: {reason}")
        print(f"[{name}] {count}" + (f", log: {path}" if count.failed else ""), flush=True)
    return count


def flat(name, source, argv):
    """A program that prints plain TAP."""
    status, lines, path = _stream(name, source, argv)
    return _conclude(name, tap.flat(lines), status, path)


def lint(source):
    return flat("lint", source, ["make", "-s", "lint"])


def test(tag, source, options):
    argv = ["tools/vm", "-k", tag, "-m", str(options.m), "-t", str(options.t), "-w", "--", RUNNER]
    status, lines, path = _stream(tag, source, argv)
    count = tap.kselftest(lines)
    # The runner's own exit status says no more than its lines; what tools/vm adds does.
    if status and (count.failed == 0 or status > 94):
        count.fail(f"tools/vm ended with status {status}")
    return _conclude(tag, count, status, path)


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


def main():
    tags = [entry.tag for entry in kernel.table()]
    parser = argparse.ArgumentParser(prog="tools/lab/check", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", metavar="N", type=int, default=os.cpu_count() or 1,
                        help="guests at once (default as many as there are processors)")
    parser.add_argument("-m", metavar="MiB", type=int, default=2048, help="memory of a guest")
    parser.add_argument("-t", metavar="SECONDS", type=int, default=1500,
                        help="time limit of one guest (default 1500)")
    parser.add_argument("-L", action="store_true", help="without lint")
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
    total = tap.Count()
    chosen = options.tags or tags
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        parts = [] if options.L else [pool.submit(lint, source)]
        parts += [pool.submit(test, tag, source, options) for tag in chosen]
        parts += [pool.submit(install, tag, source) for tag in chosen]
        one = ONE if ONE in chosen else chosen[0]
        parts += [pool.submit(load, one, source), pool.submit(collectors, one, source)]
        for part in parts:
            total += part.result()
    cache.remove(os.path.dirname(source))
    for reason in total.reasons:
        say(f"failed: {reason}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    program(main)
