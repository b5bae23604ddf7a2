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
from say import program

DESCRIPTION = """\
Run COMMAND in the build chroot, in /src, a copy of the tree that is gone
afterwards. Its exit status is the command's. Everything else written there is
gone, too. With -k LINUX is set to the release, gcc is its compiler, and the
headers are at /lib/modules/$LINUX/build. With -l, or where the tree has
selftests, parts of the kernel's source (scripts, kselftest) are in /ksrc.
"""


def main():
    parser = argparse.ArgumentParser(prog="tools/lab/build-root", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="KERNEL", help="with the headers of this kernel")
    parser.add_argument("-l", action="store_true", help="the lint chroot: with clang, sparse, ...")
    parser.add_argument("command", metavar="-- COMMAND", nargs="+")
    options = parser.parse_args(sys.argv[2:])

    host.prepare()
    root = roots.lint_root() if options.l else roots.build_root()
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
        return subprocess.run(["setpriv", "--pdeathsig", "KILL", "--", *argv], env=environment,
                              check=False).returncode
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    program(main)
