# SPDX-License-Identifier: GPL-2.0
"""User-mode Linux: a kernel that is a program of this machine."""

import cache
import roots

KERNEL_ARGS = "console=tty0 ignore_loglevel panic=-1 oops=panic rdinit=/init"


def names(writable):
    """Its disks, in their order: they have no serial numbers."""
    return ["root", "kernel", *writable]


def command(root, kernel, image, initrd, options, data, console, writable, work):
    """(argv, environment) that run it in the build chroot; see qemu.command()."""
    # Read only, and no lock, which would keep QEMU from what both read.
    disks = [("rc", image), ("rc", kernel.image)] + [("", path) for path in writable.values()]
    argv = [kernel.boot, f"mem={options.m}M", f"initrd={initrd}",
            *(f"ubd{place}{flags}={path}" for place, (flags, path) in enumerate(disks)),
            "con=null", f"con0=null,fd:{console}", "ssl=null", f"ssl0=fd:{data},fd:{data}",
            *KERNEL_ARGS.split(), *kernel.cpus(options.c), *options.a.split()]
    # What it has as memory is a file in a file system that is memory, too.
    return roots.inside(root, argv, work, keep=["TMPDIR=/tmp"], same=cache.root())
