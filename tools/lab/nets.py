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
unsteady, and that is said. What both outputs were is in the log.
"""
NOT_RUN = """\
# Left out: tls and reuseport_bpf_numa (do not compile in the source that Debian has); tcp_ao/*
# (Debian has no TCP_AO); packetdrill/* and big_tcp.sh (need programs that Debian lacks);
# fin_ack_lat.sh (fails by how long things take, which tells nothing in an emulator);
# fcnal-test.sh, mptcp_join.sh, simult_flows.sh, userspace_pm.sh and the other variants of
# mptcp_connect.sh (many minutes each); netfilter/*, bpf, and those of UDP, ICMP, routes and
# tunnels (not of TCP sockets)"""

# Built by make: [directory, programs].
BUILT = {
    "net": ("bind_bhash bind_timewait bind_wildcard io_uring_zerocopy_tx ip_local_port_range "
            "msg_zerocopy reuseaddr_conflict reuseaddr_ports_exhausted reuseport_addr_any "
            "reuseport_bpf reuseport_bpf_cpu reuseport_dualstack "
            "sk_bind_sendto_listen sk_connect_zero_addr sk_so_peek_off so_incoming_cpu "
            "so_netns_cookie socket stress_reuseport_listen tcp_fastopen_backup_key tcp_inq "
            "tcp_mmap"),
    "net/mptcp": "mptcp_connect mptcp_sockopt mptcp_inq pm_nl_ctl",
}
# Of 32 GB, which take an emulator half an hour, 128 MB.
SHORTEN = r"s/FILE_SZ (1ULL << 35)/FILE_SZ (1ULL << 27)/"

# A server that is killed in the end, and a client.
MMAP = ("stdbuf -oL ./tcp_mmap -s {0} >/tmp/mmap & sleep 1; ./tcp_mmap -H ::1 {0}; status=$?; "
        "sleep 1; kill $!; cat /tmp/mmap; grep -q 'received 128 MB' /tmp/mmap && exit $status")

# [name, directory, command, seconds].
TESTS = [
    *([name, "net", "./" + name, 60] for name in (
        "bind_timewait", "bind_wildcard", "reuseaddr_conflict", "reuseport_bpf",
        "reuseport_bpf_cpu", "reuseport_dualstack",
        "sk_bind_sendto_listen", "sk_connect_zero_addr", "sk_so_peek_off", "so_incoming_cpu",
        "so_netns_cookie", "run_netsocktests", "reuseport_addr_any.sh",
        "reuseaddr_ports_exhausted.sh", "tcp_fastopen_backup_key.sh", "bind_bhash.sh",
        "ip_local_port_range.sh", "stress_reuseport_listen.sh", "netns-name.sh",
        "netns-sysctl.sh")),
    ["tcp_inq -4", "net", "./tcp_inq -4", 60],
    ["tcp_inq -6", "net", "./tcp_inq -6", 60],
    ["tcp_mmap", "net", MMAP.format(""), 90],
    ["tcp_mmap -z -i", "net", MMAP.format("-z -i"), 90],
    ["msg_zerocopy.sh 4 tcp", "net", "./msg_zerocopy.sh 4 tcp -t 1", 60],
    ["msg_zerocopy.sh 6 tcp", "net", "./msg_zerocopy.sh 6 tcp -t 1", 60],
    ["io_uring_zerocopy_tx.sh 4 tcp", "net", "./io_uring_zerocopy_tx.sh 4 tcp -m 1 -t 1 -n 1", 60],
    ["mptcp/diag.sh", "net/mptcp", "./diag.sh", 60],
    ["mptcp/pm_netlink.sh", "net/mptcp", "./pm_netlink.sh", 60],
    ["mptcp/mptcp_sockopt.sh", "net/mptcp", "./mptcp_sockopt.sh", 60],
    ["mptcp/mptcp_connect.sh -4", "net/mptcp",
     "./mptcp_connect.sh -4 -d 0 -l 0 -r 0 -f 100000", 150],
]

ENDS = {0: "passes", 4: "is skipped", None: "does not end"}


def built():
    """The tests, compiled, as a directory to appear in the guest."""
    root, ksrc = roots.nets_root(), kernel.source()
    selftests = f"ksrc/{SELFTESTS}"
    script = [f"set -e; sed -i '{SHORTEN}' {selftests}/net/tcp_mmap.c"]
    for directory, names in BUILT.items():
        script.append(f"make -s -C {selftests}/{directory} OUTPUT=/src/out/{directory} "
                      + " ".join(f"/src/out/{directory}/{name}" for name in names.split()))

    def build(directory, fd):
        say("building the kernel's network tests")
        source = os.path.join(directory, "src")
        # A copy, as one of them is changed.
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
    path = cache.obtain("nets-tests", key, "the kernel's network tests", build)
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
                self.parts[name.strip()] = ("is skipped" if skipped else
                                            "fails" if match[1] else "passes")

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


def compare(guests, names):
    """Run all both ways, and again what differs: ({name: [{way: Result}]}, the module's words)."""
    history = collections.defaultdict(list)
    words = {}
    for again in range(RERUNS + 1):
        ways = {}
        for way in WAYS:
            ways[way], end = guests.run(way, names)
            if way == "with" and not again:
                words = end
        for name in names:
            history[name].append({way: ways[way][name] for way in WAYS})
        names = [name for name in names
                 if history[name][-1]["without"].differences(history[name][-1]["with"])]
        if not names:
            break
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

    def test(self, name, runs):
        """What became of a test."""
        for run in runs[:-1]:
            for part, without, with_ in run["without"].differences(run["with"]):
                print(f"# {name}: {part} {without} without and {with_} with it")
        last = runs[-1]
        ends = last["without"].end
        if last["without"].differences(last["with"]):
            for part, without, with_ in last["without"].differences(last["with"]):
                print(f"# {name}: {part} {without} without and {with_} with it")
            self.result(False, f"{name}: differs, {len(runs)} times")
            return
        self.passed += ends == "passes"
        parts = collections.Counter(last["without"].parts.values())
        if parts:
            print(f"# {name}: of its parts "
                  + ", ".join(f"{number} {what}" for what, number in sorted(parts.items())))
        text = f"{name}: {ends} with and without"
        if len(runs) > 1:
            text += f"; unsteady, alike only when run {len(runs)} times"
        if ends == "is skipped":
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
    report.result(report.passed, f"{report.passed} of {len(names)} tests pass")
    print(f"# with the module: {words}")
    report.result(words["reading"] and words["rounds"] and words["established"] and
                  words["counted"], "meanwhile all was read, and the reaper counted")
    print(f"# what they said: {log}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    program(main)
