# SPDX-License-Identifier: GPL-2.0
"""tools/lab/nets: the kernel's own TCP tests, with and without the module, as TAP."""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys

import cache
import host
import kernel
import roots
import tap
import tree
from say import NO_BUILD, LabError, program, say

KERNEL = "6.12"
RERUNS = 2
MORE = 4             # runs with the module of what differed with it alone
BOOT_SECONDS = 240
WAYS = ("without", "with")
RUNNER = os.path.join(host.HERE, "guest", "nets")
SELFTESTS = "tools/testing/selftests"
DESCRIPTION = f"""\
Run the tests of TCP among the kernel's own network selftests, those of the Linux
{KERNEL} that Debian builds, in a guest with the module and in one without it. With it
the reaper counts in every namespace, from a second of idleness on, and all files are
read again and again. Each test, and each of its subtests, must end alike in both. One
that does not is run again both ways, up to {RERUNS} times: if it then ends alike it is
unsteady, and that is said. One that always ended the same without the module is run
{MORE} times more with it, and must not differ a second time. All but a few that are named
must pass. What the outputs were is in the log.
"""
NOT_RUN = """\
# Left out: tls (does not compile in the source that Debian has); tcp_ao/*
# (Debian has no TCP_AO); packetdrill/* and big_tcp.sh (need programs that Debian lacks);
# fin_ack_lat.sh (fails by how long things take, which tells nothing in an emulator);
# fcnal-test.sh, mptcp_join.sh, simult_flows.sh, userspace_pm.sh and the other variants of
# mptcp_connect.sh (many minutes each); netfilter/*, bpf, and those of UDP, ICMP, routes and
# tunnels (not of TCP sockets)"""

# Built by make: [directory, programs].
BUILT = {
    "net": ("bind_bhash bind_timewait bind_wildcard io_uring_zerocopy_tx ip_local_port_range "
            "msg_zerocopy reuseaddr_conflict reuseaddr_ports_exhausted reuseport_addr_any "
            "reuseport_bpf reuseport_bpf_cpu reuseport_bpf_numa reuseport_dualstack "
            "sk_bind_sendto_listen sk_connect_zero_addr sk_so_peek_off so_incoming_cpu "
            "so_netns_cookie socket stress_reuseport_listen tcp_fastopen_backup_key tcp_inq "
            "tcp_mmap"),
    "net/mptcp": "mptcp_connect mptcp_sockopt mptcp_inq pm_nl_ctl",
}
# What is changed in them: of 32 GB, which take an emulator half an hour, 128 MB, of 10,000
# connections, 16 times, 1,000, and of 200 programs, the first of which gives up before the
# last has begun, 40; and a header that is missing.
CHANGES = {"net/tcp_mmap.c": "s/FILE_SZ (1ULL << 35)/FILE_SZ (1ULL << 27)/",
           "net/tcp_fastopen_backup_key.c": "s/n_loops = 10000/n_loops = 1000/",
           "net/mptcp/diag.sh": "s/^NR_CLIENTS=100$/NR_CLIENTS=20/",
           "net/reuseport_bpf_numa.c": "1i #include <stdbool.h>"}

# A server that is killed in the end, and a client.
MMAP = ("stdbuf -oL ./tcp_mmap -s {0} >/tmp/mmap & sleep 1; ./tcp_mmap -H ::1 {0}; status=$?; "
        "sleep 1; kill $!; cat /tmp/mmap; grep -q 'received 128 MB' /tmp/mmap && exit $status")

# [name, directory, command, seconds].
TESTS = [
    *([name, "net", "./" + name, 60] for name in (
        "bind_timewait", "bind_wildcard", "reuseaddr_conflict", "reuseport_bpf",
        "reuseport_bpf_cpu", "reuseport_bpf_numa", "reuseport_dualstack",
        "sk_bind_sendto_listen", "sk_connect_zero_addr", "sk_so_peek_off", "so_incoming_cpu",
        "so_netns_cookie", "run_netsocktests", "reuseport_addr_any.sh",
        "reuseaddr_ports_exhausted.sh", "bind_bhash.sh",
        "ip_local_port_range.sh", "stress_reuseport_listen.sh", "netns-name.sh",
        "netns-sysctl.sh")),
    ["tcp_fastopen_backup_key.sh", "net", "./tcp_fastopen_backup_key.sh", 300],
    ["tcp_inq -4", "net", "./tcp_inq -4", 60],
    ["tcp_inq -6", "net", "./tcp_inq -6", 60],
    ["tcp_mmap", "net", MMAP.format(""), 90],
    ["tcp_mmap -z -i", "net", MMAP.format("-z -i"), 90],
    ["msg_zerocopy.sh 4 tcp", "net", "./msg_zerocopy.sh 4 tcp -t 1", 60],
    ["msg_zerocopy.sh 6 tcp", "net", "./msg_zerocopy.sh 6 tcp -t 1", 60],
    ["io_uring_zerocopy_tx.sh 4 tcp", "net", "./io_uring_zerocopy_tx.sh 4 tcp -m 1 -t 1 -n 1", 60],
    ["mptcp/diag.sh", "net/mptcp", "./diag.sh", 300],
    ["mptcp/pm_netlink.sh", "net/mptcp", "./pm_netlink.sh", 600],
    ["mptcp/mptcp_sockopt.sh", "net/mptcp", "./mptcp_sockopt.sh", 300],
    ["mptcp/mptcp_connect.sh -4", "net/mptcp",
     "./mptcp_connect.sh -4 -d 0 -l 0 -r 0 -f 100000", 400],
]

ENDS = {0: "passes", 4: "is skipped", None: "does not end"}
WORSE = ("passes", "is skipped", "fails")

# Those that do not pass here, with the module or without it, and why.
KNOWN_NOT_TO_PASS = {
}


def built():
    """The tests, compiled, as a directory to appear in the guest."""
    root, ksrc = roots.nets_root(), kernel.source()
    selftests = f"ksrc/{SELFTESTS}"
    script = ["set -e", *(f"sed -i '{change}' {selftests}/{name}"
                          for name, change in CHANGES.items())]
    for directory, names in BUILT.items():
        script.append(f"make -s -C {selftests}/{directory} OUTPUT=/src/out/{directory} "
                      + " ".join(f"/src/out/{directory}/{name}" for name in names.split()))

    def build(directory, fd):
        say("building the kernel's network tests")
        source = os.path.join(directory, "src")
        # A copy, as some of them are changed.
        shutil.copytree(ksrc, os.path.join(source, "ksrc"), symlinks=True)
        out = os.path.join(source, "out")
        for name in BUILT:
            os.makedirs(os.path.join(out, name))
        words, environment = roots.inside(root, ["sh", "-c", "; ".join(script)], source)
        cache.command(words, "a network test of the kernel does not build", fd, NO_BUILD,
                      env=environment)
        for name in BUILT:
            for entry in os.scandir(os.path.join(source, selftests, name)):
                if entry.is_file() and entry.stat().st_mode & 0o111 or entry.name.endswith(".sh"):
                    shutil.copy2(entry.path, os.path.join(out, name))
        shutil.copytree(os.path.join(source, selftests, "kselftest"),
                        os.path.join(out, "kselftest"))
        os.rename(out, os.path.join(directory, "tests"))
        shutil.rmtree(source)

    key = tree.digest([], root, ksrc, script)
    path = cache.obtain("nets-tests", key, "the kernel's network tests", build, deep=True)
    cache.prune("nets-tests", 2)
    return os.path.join(path, "tests")


class Result:
    """How a test ended, and its subtests."""

    def __init__(self, record):
        self.status = record["status"]
        self.seconds = record["seconds"]
        self.parts = {}
        for line in record["output"].splitlines():
            match = tap.RESULT.match(line.removeprefix("# ").strip())
            if match:
                name, _, directive = match[3].partition("#")
                skipped = re.match(r"\s*(SKIP|XFAIL|TODO)", directive, re.I)
                end = "is skipped" if skipped else "fails" if match[1] else "passes"
                # Some have a name more than once.
                self.parts[name.strip()] = max(end, self.parts.get(name.strip(), end),
                                               key=WORSE.index)

    @property
    def end(self):
        return ENDS.get(self.status, "fails")

    def differences(self, other):
        """What ended otherwise: [(name, here, there)]"""
        found = [] if self.end == other.end else [("it", self.end, other.end)]
        for name in {**self.parts, **other.parts}:
            here, there = (one.parts.get(name, "is missing") for one in (self, other))
            if here != there:
                found.append((name, here, there))
        return found


class Guests:
    """Boots guests and keeps what they said."""

    def __init__(self, tests, work, log):
        self.tests = tests
        self.work = work
        self.log = log
        self.payload = os.path.join(work, "payload")

    def run(self, way, names):
        """({name: Result}, what the module said of itself), from a guest of its own."""
        chosen = [test for test in TESTS if test[0] in names]
        shutil.rmtree(self.payload, ignore_errors=True)
        shutil.copytree(self.tests, self.payload, symlinks=True)
        shutil.copy2(RUNNER, os.path.join(self.payload, "run"))
        with open(os.path.join(self.payload, "tests"), "w", encoding="utf-8") as file:
            json.dump(chosen, file)
        limit = BOOT_SECONDS + sum(seconds + 2 for *_, seconds in chosen)
        say(f"{len(chosen)} tests {way} the module")
        argv = [os.path.join(tree.TOP, "tools", "vm"), "-k", KERNEL, "-n", "-w", "-r", "nets",
                "-m", "4096", "-t", str(limit), "-p", self.payload, "--", "/payload/run", way]
        results, end = {}, None
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, errors="replace") as process:
            for line in process.stdout:
                record = json.loads(line)
                if "end" in record:
                    end = record["end"]
                    continue
                self.log.write(f"=== {record['name']} {way} the module: status "
                               f"{record['status']}, {record['seconds']} s\n{record['output']}\n")
                self.log.flush()
                results[record["name"]] = Result(record)
        if process.returncode or end is None:
            raise LabError(f"the guest {way} the module ended with status {process.returncode}",
                           process.returncode or 1)
        return results, end


class History:
    """How a test ended, run after run: without the module, with it, by turns; then with it."""

    def __init__(self):
        self.runs = {way: [] for way in WAYS}

    def add(self, way, result):
        self.runs[way].append(result)

    def alike(self):
        """Did it end alike the last time both were run?"""
        return not self.runs["without"][-1].differences(
            self.runs["with"][len(self.runs["without"]) - 1])

    def steady(self):
        """Did it always end the same without the module?"""
        first, *others = self.runs["without"]
        return not any(first.differences(other) for other in others)

    def different(self):
        """How often it ended otherwise with the module, where it is steady."""
        return sum(bool(self.runs["without"][0].differences(run)) for run in self.runs["with"])

    def suspect(self):
        """Is what differs perhaps the module's, though not always?"""
        return self.alike() and self.steady() and self.different() > 0


def compare(guests, names):
    """Run all both ways, and again what differs: ({name: History}, the module's words)."""
    history = {name: History() for name in names}
    words = {}

    def run(way, names):
        results, end = guests.run(way, names)
        for name in names:
            history[name].add(way, results[name])
        return end

    left = names
    for again in range(RERUNS + 1):
        run("without", left)
        end = run("with", left)
        words = words if again else end
        left = [name for name in left if not history[name].alike()]
        if not left:
            break
    left = [name for name in names if history[name].suspect()]
    for _ in range(MORE if left else 0):
        run("with", left)
    return history, words


class Report:
    """TAP."""

    def __init__(self, planned):
        self.number = self.failed = self.passed = 0
        print(f"TAP version 13\n1..{planned}", flush=True)

    def result(self, good, text):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} {text}", flush=True)

    def test(self, name, history):
        """What became of a test."""
        runs = history.runs
        last = runs["without"][-1]
        for i, with_ in enumerate(runs["with"]):
            without = runs["without"][min(i, len(runs["without"]) - 1)]
            for part, here, there in without.differences(with_):
                print(f"# {name}: {part} {here} without and {there} with it")
        if not history.alike():
            self.result(False, f"{name}: differs, {len(runs['with'])} times")
            return
        text = f"{name}: {last.end} with and without"
        if len(runs["with"]) > 1:
            times = f"{len(runs['without'])} times without and {len(runs['with'])} with it"
            if history.steady():
                text += f"; differs only with it, {history.different()} times: run {times}"
                if history.different() > 1:
                    self.result(False, text)
                    return
            else:
                text += f"; unsteady without it, too: run {times}"
            print(f"# {text}")
        self.passed += last.end == "passes"
        parts = collections.Counter(last.parts.values())
        if parts:
            print(f"# {name}: of its parts "
                  + ", ".join(f"{number} {what}" for what, number in sorted(parts.items())))
        if last.end != "passes":
            print(f"# {name}: {KNOWN_NOT_TO_PASS.get(name, 'it should pass')}")
        if last.end == "is skipped":
            text += " # SKIP it cannot run here"
        self.result(True, text)


def main():
    names = [test[0] for test in TESTS]
    parser = argparse.ArgumentParser(prog="tools/lab/nets", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="TEST", nargs="*", help=", ".join(names)
                        + " (default all)")
    options = parser.parse_args(sys.argv[2:])
    for name in options.names:
        if name not in names:
            raise LabError(f"there is no test {name}; see tools/lab/nets --help", 2)
    names = options.names or names
    host.prepare()
    tests = built()
    work = cache.run_directory()
    log = os.path.join(cache.directory("log"), "nets.log")
    report = Report(len(names) + 2)
    print(NOT_RUN, flush=True)
    try:
        with open(log, "w", encoding="utf-8") as file:
            history, words = compare(Guests(tests, work, file), names)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for name in names:
        report.test(name, history[name])
    least = len(names) - len(KNOWN_NOT_TO_PASS.keys() & set(names))
    report.result(report.passed >= least,
                  f"{report.passed} of {len(names)} tests pass, at least {least} should")
    print(f"# with the module: {words}")
    report.result(words["reading"] and words["rounds"] and words["established"] and
                  words["counted"], "meanwhile all was read, and the reaper counted")
    print(f"# what they said: {log}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    program(main)
