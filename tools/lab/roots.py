# SPDX-License-Identifier: GPL-2.0
"""The trixie root file systems: the guest's, and the one modules are built in."""

import hashlib
import json
import os
import shutil

import apt
import cache
import host
import kernel
from say import say

SUITE = "trixie"
RECIPE = 1           # raise it when what is done with the packages changes

# Nobody reads documentation here, and unpacking it takes time.
LEAN = ("path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*",
        "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/info/*",
        "force-unsafe-io")

# The kernel's headers are laid over the root; everything written goes to memory
# and, like the mounts, is gone with the namespace, however it ends.
ENTER = r"""
set -e
mount -t tmpfs -o mode=755 tmpfs "$MOUNT"
mkdir "$MOUNT/up" "$MOUNT/work" "$MOUNT/root"
mkdir -p "$MOUNT/up/usr/local/bin"
for name in $COMPILERS; do
	ln -s "/usr/bin/$CC" "$MOUNT/up/usr/local/bin/$name"
done
mount -t overlay -o "lowerdir=$LOWER,upperdir=$MOUNT/up,workdir=$MOUNT/work" overlay "$MOUNT/root"
mkdir -p "$MOUNT/root/src" "$MOUNT/root/ksrc"
mount -t proc proc "$MOUNT/root/proc"
mount --rbind /dev "$MOUNT/root/dev"
mount -t tmpfs -o mode=1777,size=90% tmpfs "$MOUNT/root/tmp"
mount --bind "$SRC" "$MOUNT/root/src"
[ -z "$KSRC" ] || mount --bind "$KSRC" "$MOUNT/root/ksrc"
[ -z "$SAME" ] || { mkdir -p "$MOUNT/root$SAME"; mount --bind "$SAME" "$MOUNT/root$SAME"; }
exec=exec
[ -z "$STATE" ] || exec=
$exec env -i $KEEP HOME=/root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	chroot "$MOUNT/root" sh -c 'cd /src && exec "$@"' sh "$@"
# What it has written becomes the upper layer of a guest's root: see mount_root in boot.c.
mkdir "$MOUNT/state"
mv "$MOUNT/up" "$MOUNT/state"
mke2fs -q -t ext4 -d "$MOUNT/state" "$STATE" 2g >/dev/null
"""


def sandbox(*argv):
    """argv in mount and process namespaces of its own, which die with this process."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        rooted = any(line.split()[4] == "/" for line in file)
    # In a plain chroot / is not a mount point, and its propagation cannot be set.
    propagation = [] if rooted else ["--propagation", "unchanged"]
    return ["unshare", "--mount", *propagation, "--pid", "--fork", "--kill-child", "sh", "-c",
            'mount -t proc proc /proc && exec "$@"', "sh", *argv]


def _digest(*parts):
    text = json.dumps([SUITE, RECIPE, LEAN, *parts])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _bootstrap(packages, target, fd):
    options = [f"--dpkgopt={option}" for option in LEAN]
    # Not this machine's TMPDIR: the path would leak into the chroot.
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    cache.command(sandbox("mmdebstrap", "--mode=root", "--variant=minbase", *options,
                          '--aptopt=Acquire::Languages "none"',
                          '--aptopt=Acquire::Check-Valid-Until "false"',
                          '--aptopt=Acquire::Retries "3"',
                          '--aptopt=APT::Install-Recommends "false"',
                          "--include=" + ",".join(packages), SUITE, target, apt.source(SUITE)),
                  "cannot make a Debian root file system", fd, env=environment)


def _image(kind, packages, what):
    def build(directory, fd):
        say(f"making {what} (about 20 s)")
        tree = os.path.join(directory, "root")
        _bootstrap(packages, tree, fd)
        kernel.image(tree, os.path.join(directory, "root.img"), fd)
        shutil.rmtree(tree)

    path = cache.obtain(kind, _digest(packages), what, build)
    cache.prune(kind, 2)
    return os.path.join(path, "root.img")


def guest_image():
    """The ext4 image of the guest's root."""
    return _image("guest", host.packages("guest"), "the guest's root file system")


def monitoring_image():
    """The same with Prometheus and other collectors in addition."""
    return _image("monitoring", host.packages("guest") + host.packages("monitoring"),
                  "the guest's root file system with collectors")


def bench_image():
    """The same with what the module is compared with."""
    return _image("bench", host.packages("guest") + host.packages("bench"),
                  "the guest's root file system with rivals")


def _build_root(kind, packages, what):
    def build(directory, fd):
        say(f"making {what} (about 20 s)")
        _bootstrap(packages, os.path.join(directory, "root"), fd)

    path = cache.obtain(kind, _digest(packages), what, build, ["root/var/lib/dpkg/status"])
    cache.prune(kind, 2)
    return os.path.join(path, "root")


def build_root():
    """The directory of the build chroot."""
    return _build_root("build", host.packages("build"), "the build chroot")


def lint_root():
    """The build chroot with the checkers in addition."""
    return _build_root("lint", host.packages("build") + host.packages("lint"), "the lint chroot")


def packaging_root():
    """The build chroot with what makes and checks Debian packages in addition."""
    return _build_root("packaging", host.packages("build") + host.packages("packaging"),
                       "the packaging chroot")


def system_root(kind):
    """A whole Debian system, to install packages in: the list system or bare."""
    return _build_root(kind, host.packages(kind), f"a Debian system ({kind})")


def nets_root():
    """The guest's root, as a directory, with what the kernel's network tests need."""
    return _build_root("nets", host.packages("guest") + host.packages("nets"),
                       "the root of the kernel's network tests")


def nets_image():
    """The same to boot from."""
    return image_of(nets_root(), "nets-image", "the root of the kernel's network tests")


def build_image():
    """The build chroot as an ext4 image, to boot from."""
    return image_of(build_root(), "build-image", "the build chroot")


def image_of(root, kind, what):
    """The ext4 image of a directory in the cache."""
    def build(directory, fd):
        say(f"making an image of {what}")
        kernel.image(root, os.path.join(directory, "root.img"), fd)

    name = os.path.basename(os.path.dirname(root))
    path = cache.obtain(kind, name, f"the image of {what}", build)
    cache.prune(kind, 2)
    return os.path.join(path, "root.img")


def inside(root, argv, source, entry=None, ksrc=None, keep=(), same=None, other=None,
           state=None):
    """(argv, environment) that run argv in a chroot with source at /src.

    entry: the kernel whose headers and compiler it has; ksrc: appears as /ksrc;
    keep: VARIABLE=value words for the command's environment; same: a directory
    that appears under its own path; other: a kernel whose headers are there as well;
    state: the image to make of all that is written, if it goes well.
    """
    lower = [layer.tree for layer in (entry, other) if layer] + [root]
    environment = {"PATH": os.environ["PATH"], "SRC": source, "KSRC": ksrc or "",
                   "LOWER": ":".join(path.replace(":", r"\:") for path in lower),
                   "SAME": same or "", "STATE": state or "",
                   "CC": entry.cc if entry else "",
                   "COMPILERS": " ".join(entry.compilers) if entry else "",
                   "MOUNT": cache.directory("mnt"), "KEEP": " ".join(keep)}
    return sandbox("sh", "-c", ENTER, "sh", *argv), environment
