# SPDX-License-Identifier: GPL-2.0
"""tools/lab/build-root: run a command in the build chroot on a copy of the tree."""

import argparse
import os
import shutil
import subprocess
import sys

import cache
import host
import kernel
import roots
import tree
from say import USAGE, LabError, program

DESCRIPTION = """\
Run COMMAND in the build chroot, in /src, a copy of the tree that is gone
afterwards. Its exit status is the command's. Everything else written there is
gone, too. With -k LINUX is set to the release, gcc is its compiler, and the
headers are at /lib/modules/$LINUX/build. With -l, or where the tree has
selftests, parts of the kernel's source (scripts, kselftest) are in /ksrc. With
-o what COMMAND leaves in /src/out is copied to DIR, and the paths are printed.
"""


def deliver(made, target):
    """Copy files out; each appears whole or not at all."""
    if not os.path.isdir(made):
        raise LabError("the command left no /src/out")
    for name in sorted(os.listdir(made)):
        path = os.path.join(os.path.abspath(target), name)
        shutil.copyfile(os.path.join(made, name), path + ".new")
        os.rename(path + ".new", path)
        print(path)


def main():
    parser = argparse.ArgumentParser(prog="tools/lab/build-root", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="KERNEL", help="with the headers of this kernel")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("-l", action="store_true", help="the lint chroot: with clang, sparse, ...")
    other.add_argument("-p", action="store_true", help="the packaging chroot: with debhelper, ...")
    parser.add_argument("-o", metavar="DIR", help="where what it makes goes")
    parser.add_argument("command", metavar="-- COMMAND", nargs="+")
    options = parser.parse_args(sys.argv[2:])

    host.prepare()
    if options.o is not None and not os.path.isdir(options.o):
        raise LabError(f"{options.o} is not a directory", USAGE)
    root = (roots.lint_root() if options.l else
            roots.packaging_root() if options.p else roots.build_root())
    ksrc = kernel.source() if options.l or tree.has_selftests() else None
    keep, entry = [], None
    if options.k:
        entry = kernel.obtain(options.k)
        keep = [f"LINUX={entry.release}", f"KERNEL_TAG={entry.tag}"]
    work = cache.run_directory()
    try:
        source = os.path.join(work, "src")
        os.mkdir(source)
        tree.copy(tree.files(), source)
        argv, environment = roots.inside(root, options.command, source, entry, ksrc, keep)
        status = subprocess.run(["setpriv", "--pdeathsig", "KILL", "--", *argv], env=environment,
                                check=False).returncode
        if options.o is not None and not status:
            deliver(os.path.join(source, "out"), options.o)
        return status
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    program(main)
