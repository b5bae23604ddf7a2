# SPDX-License-Identifier: GPL-2.0
"""tools/lab/fuzz: feed the parsers and formatters with anything, as TAP."""

import argparse
import concurrent.futures
import glob
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys

import cache
import host
import kernel
import roots
import tree
from say import NO_BUILD, USAGE, LabError, program, say

SOURCES = "selftests/fuzz"
# What targets are made of; the Makefile there takes them from these directories.
PARTS = ("module/", "selftests/", "tools/tcp-census/")
MAX_LEN = 20000      # bytes: what may be written to a setting, and some more
NOISE = (64, 512, 4096, 16384)   # bytes of inputs that are like nothing: large, above all
GROWTH = 10          # how slowly inputs become longer; libFuzzer's own is 100
HANG = 60            # seconds for one input: on a loaded machine they are long
ROOM = 2048          # MiB for one target
FINDING = ("crash-", "leak-", "timeout-", "oom-")
DUMPED = 512         # bytes of an input that are shown
DESCRIPTION = """\
Build the targets of selftests/fuzz, with libFuzzer, AddressSanitizer and
UndefinedBehaviorSanitizer, and run each of them, or those named, for some time, as many
at once as there are CPUs. What they have come to know stays in the cache, and the next
run goes on from there. So do inputs that a target ends with: they are shown, and tried
first from then on, until it does not end with them any more.
"""


def targets():
    """Their names, as the Makefile has them."""
    with open(os.path.join(tree.TOP, SOURCES, "Makefile"), encoding="utf-8") as file:
        return re.search(r"^TARGETS := (.*)$", file.read(), re.M)[1].split()


def seeds(target):
    """The inputs for a target in the file seeds."""
    found = []
    with open(os.path.join(tree.TOP, SOURCES, "seeds"), encoding="utf-8") as file:
        for line in file:
            if re.match(r"\w+:$", line):
                found.append((line.strip()[:-1], []))
            elif line.startswith("\t"):
                found[-1][1].append(line[1:].rstrip("\n"))
    return [re.sub(r"\\(x..|.)", _unescape, "".join(lines)).encode("latin-1")
            for name, lines in found if name == target]


def _unescape(match):
    word = match[1]
    if word[0] == "x":
        return chr(int(word[1:], 16))
    return {"n": "\n", "t": "\t", "f": "\f", "\\": "\\"}[word]


def build(root, ksrc):
    """The directory of the targets, built from the current tree."""
    names = [name for name in tree.files() if name.startswith(PARTS)]

    def make(directory, fd):
        say("building the fuzz targets")
        source = os.path.join(directory, "src")
        tree.copy(names, source)
        argv = ["make", "-s", tree.JOBS, "-C", SOURCES, "KSRC=/ksrc", "OUTPUT=/src/out",
                "WERROR=-Werror"]
        words, environment = roots.inside(root, argv, source, None, ksrc)
        cache.command(words, "a fuzz target does not build", fd, NO_BUILD, env=environment)

    recorded = [f"src/out/{target}" for target in targets()]
    path = cache.obtain("fuzz", tree.digest(names, root, ksrc), "the fuzz targets", make,
                        recorded)
    cache.prune("fuzz", 4)
    return os.path.join(path, "src")


def named(data):
    """The name of an input, by which one that was damaged is known."""
    return hashlib.sha1(data).hexdigest()


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _write(directory, data):
    path = os.path.join(directory, named(data))
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


class Target:
    """A target: its inputs in the cache, and how a run of it goes."""

    def __init__(self, name, root, source):
        self.name = name
        self.root = root
        self.source = source
        # Its own source says what the bytes of an input mean.
        key = tree.digest([f"{SOURCES}/{name}.c"])
        self.key = f"{name}_{key}"
        self.lock = cache.lock(f"fuzz-corpus-{self.key}", wait=f"fuzzing of {name}")
        self.home = cache.directory("fuzz-corpus", self.key)
        self.corpus = cache.directory("fuzz-corpus", self.key, "corpus")
        self.found = cache.directory("fuzz-corpus", self.key, "found")
        os.utime(self.home)

    def heal(self):
        """Drop what a killed run or a bad disk has left, and add the seeds."""
        for entry in list(os.scandir(self.corpus)):
            if entry.name != named(_read(entry.path)):
                os.unlink(entry.path)
        noise = random.Random(self.name)
        for data in seeds(self.name) + [noise.randbytes(size) for size in NOISE]:
            _write(self.corpus, data)

    def _run(self, *arguments):
        keep = ["ASAN_OPTIONS=detect_leaks=1:allow_addr2line=1:detect_stack_use_after_return=1",
                "UBSAN_OPTIONS=print_stacktrace=1", "ASAN_SYMBOLIZER_PATH=/usr/bin/addr2line"]
        argv = [f"/src/out/{self.name}", f"-max_len={MAX_LEN}", f"-timeout={HANG}",
                f"-rss_limit_mb={ROOM}", f"-artifact_prefix={self.found}/", *arguments]
        words, environment = roots.inside(self.root, argv, self.source, keep=keep,
                                          same=self.home)
        done = subprocess.run(["setpriv", "--pdeathsig", "KILL", "--", *words], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode(errors="backslashreplace")

    def again(self):
        """Try what was found before; returns (path, output) of the first that still is."""
        for path in sorted(glob.glob(os.path.join(glob.escape(self.found), "*"))):
            status, output = self._run(path)
            if status:
                return path, output
            _write(self.corpus, _read(path))
            os.unlink(path)
        return None

    def shrink(self):
        """Leave out of the corpus what teaches nothing that the rest does not."""
        less = os.path.join(self.home, "less")
        shutil.rmtree(less, ignore_errors=True)
        os.mkdir(less)
        status, _ = self._run("-merge=1", less, self.corpus)
        if not status:
            for entry in list(os.scandir(self.corpus)):
                if not os.path.exists(os.path.join(less, entry.name)):
                    os.unlink(entry.path)
        shutil.rmtree(less)

    def fuzz(self, seconds):
        """(good, what to say, path of a finding or None, output)"""
        self.heal()
        known = self.again()
        if known:
            return False, "found before", known[0], known[1]
        status, output = self._run(f"-max_total_time={seconds}", "-print_final_stats=1",
                                   f"-dict=/src/{SOURCES}/words", f"-len_control={GROWTH}",
                                   self.corpus)
        runs = re.search(r"^stat::number_of_executed_units: (\d+)$", output, re.M)
        coverage = re.findall(r"^#\d+\s+\w+\s+cov: (\d+)", output, re.M)
        took = re.search(r"^Done \d+ runs in (\d+) second", output, re.M)
        path = re.search(r"Test unit written to (\S+)", output)
        if status or not runs or not int(runs[1]) or not coverage or not took:
            said = f"status {status}" if not runs else f"in run {int(runs[1]):,}"
            return False, said, path and path[1], output
        self.shrink()
        return True, (f"{int(runs[1]):,} runs in {took[1]} s, coverage {coverage[-1]}, "
                      f"{len(os.listdir(self.corpus))} inputs kept"), None, output

    def end(self):
        """Let other runs have it, and forget those of former sources."""
        os.close(self.lock)
        cache.prune("fuzz-corpus", 2, self.name + "_")


def hexdump(data):
    for at in range(0, min(len(data), DUMPED), 16):
        part = data[at:at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:06x}  {part.hex(' '):47}  |{text}|"
    if len(data) > DUMPED:
        yield f"... {len(data)} bytes in all"


def report(path, output):
    """What there is to say of a finding, each line as a comment."""
    lines = output.splitlines()
    # The first thing that went wrong, and what led there.
    first = next((number for number, line in enumerate(lines)
                  if re.match(r"# \w+: |==\d+== ?ERROR|.*runtime error:", line)),
                 max(0, len(lines) - 20))
    for line in lines[first:first + 30]:
        yield line
    if path:
        yield f"input: {path}"
        yield from hexdump(_read(path))


def one(name, root, source, seconds):
    target = Target(name, root, source)
    try:
        return target.fuzz(seconds)
    finally:
        target.end()


def main():
    known = targets()
    parser = argparse.ArgumentParser(prog="tools/lab/fuzz", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-t", metavar="SECONDS", type=int, default=60,
                        help="how long each of them runs (default 60)")
    parser.add_argument("names", metavar="TARGET", nargs="*", help=", ".join(known))
    options = parser.parse_args(sys.argv[2:])
    for name in options.names:
        if name not in known:
            raise LabError(f"there is no target {name}, but {', '.join(known)}", USAGE)
    if options.t < 1:
        raise LabError("-t: at least one second", USAGE)
    names = options.names or known

    host.prepare()
    root = roots.lint_root()
    source = build(root, kernel.source())
    print(f"TAP version 13\n1..{len(names)}", flush=True)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [pool.submit(one, name, root, source, options.t) for name in names]
        for number, (name, result) in enumerate(zip(names, results), 1):
            good, said, path, output = result.result()
            failed |= not good
            for line in [] if good else report(path, output):
                print("# " + line)
            print(f"{'ok' if good else 'not ok'} {number} {name}: {said}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    program(main)
