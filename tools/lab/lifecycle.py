# SPDX-License-Identifier: GPL-2.0
"""tools/lab/lifecycle: the Debian packages, from installation to purge, as TAP."""

import argparse
import os
import shutil
import sys

import cache
import host
import kernel
import packaging
import roots
import system
import tree
from say import DIED, USAGE, LabError, program

DEFAULT = ("6.12", "7.2")
TESTS = os.path.join(tree.TOP, "selftests", "install")
DESCRIPTION = """\
Build the packages, install them with apt and boot what comes of it, in steps that
selftests/install/packages.sh has: once with DKMS, for KERNEL and for the next one of
the table, once prebuilt in a system without a compiler. DKMS builds in a chroot, at
the machine's own speed: emulated it takes ten minutes a kernel. All else is done in
guests that systemd has booted. A kernel takes about ten minutes: too long for make
check.
"""


class Life:
    """One system, from its making to its end."""

    def __init__(self, chroot, kind, kernels, work):
        self.kernels = kernels
        self.work = os.path.join(work, kind)
        os.mkdir(self.work)
        self.root = roots.system_root(kind)
        image = roots.image_of(self.root, kind + "-image", f"a Debian system ({kind})")
        self.system = system.System(chroot, image, os.path.join(self.work, "state"), self.work)
        self.failed = False

    def _end(self, stage, status, expected=0):
        good = status == expected
        self.failed |= not good
        print(f"{'ok' if good else 'not ok'} - {stage}: ended as it should"
              + ("" if good else f", but with status {status}"), flush=True)
        return good

    def prepare(self, stage):
        """A step in a chroot of the system; what it leaves there, the guests find."""
        source = os.path.join(self.work, "src")
        shutil.copytree(TESTS, os.path.join(source, "test"))
        repo = os.path.join(source, "repo")
        os.mkdir(repo)
        for made in (packaging.debs(), packaging.modules(self.kernels[0])):
            for name in os.listdir(made):
                if name.endswith(".deb"):
                    shutil.copy2(os.path.join(made, name), repo)
        return self._end(stage, self.system.prepare(
            self.root, ["test/packages.sh", stage, *packaging.versions()], source, self.kernels))

    def boot(self, stage, place=0, words="", expected=0):
        """A step in a guest with the kernel at that place."""
        if self.failed:
            return
        kernels = self.kernels if place == 0 else self.kernels[::-1]
        files = {"/test/" + name: os.path.join(TESTS, name) for name in os.listdir(TESTS)}
        self._end(stage, self.system.boot(
            kernels, ["/test/packages.sh", stage, *packaging.versions()], files, words), expected)


def live(tag, following):
    """Both lives, with a kernel and the one that comes after it; whether all went well."""
    print(f"# linux {tag}", flush=True)
    kernels = [kernel.obtain(tag), kernel.obtain(following)]
    chroot = roots.build_root()
    work = cache.run_directory()
    try:
        built = Life(chroot, "system", kernels, work)
        built.prepare("install")
        built.boot("loaded")
        built.boot("off", expected=DIED)
        built.boot("survived")
        built.boot("purged", 1, "tcp_census.off")
        bare = Life(chroot, "bare", kernels, work)
        bare.prepare("copy")
        bare.boot("prebuilt")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return not built.failed and not bare.failed


def main():
    table = kernel.supported()
    parser = argparse.ArgumentParser(prog="tools/lab/lifecycle", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tags", metavar="KERNEL", nargs="*",
                        help=", ".join(table[:-1]) + f" (default {' '.join(DEFAULT)})")
    options = parser.parse_args(sys.argv[2:])
    for tag in options.tags:
        if tag not in table[:-1]:
            raise LabError(f"no kernel comes after {tag}", USAGE)
    host.prepare()
    good = [live(tag, table[table.index(tag) + 1]) for tag in options.tags or DEFAULT]
    return 0 if all(good) else 1


if __name__ == "__main__":
    program(main)
