# SPDX-License-Identifier: GPL-2.0
"""What is put into the guest for one run, and talking to its init."""

import hashlib
import os
import shutil
import struct

import cache
import cpio
import host
import roots

SOURCES = ("boot.c", "run.c", "leaks.c", "guest.h")


def init(root):
    """The guest's init, compiled in the build chroot: its path."""
    state = hashlib.sha256(root.encode())
    for name in SOURCES:
        with open(os.path.join(host.HERE, "guest", name), "rb") as file:
            state.update(file.read())

    def build(directory, fd):
        source = os.path.join(directory, "src")
        os.mkdir(source)
        for name in SOURCES:
            shutil.copy2(os.path.join(host.HERE, "guest", name), source)
        argv = ["gcc-14", "-O2", "-Wall", "-Wno-unused-result", "-static", "-s", "-o", "init",
                *(name for name in SOURCES if name.endswith(".c"))]
        words, environment = roots.inside(root, argv, source)
        cache.command(words, "the guest's init does not build", fd, env=environment)
        os.rename(os.path.join(source, "init"), os.path.join(directory, "init"))
        shutil.rmtree(source)

    path = cache.obtain("init", state.hexdigest()[:12], "the guest's init", build)
    cache.prune("init", 3)
    return os.path.join(path, "init")


def initrd(path, kernel, program, request, files, trees, links):
    """Write the initramfs.

    request: {name: bytes} for /lab; files: {path in the guest: path here};
    trees: [(directory here, path in the guest)]; links: {path in the guest: target}.
    """
    with open(path, "wb") as out:
        with open(kernel.initrd, "rb") as base:
            shutil.copyfileobj(base, out)
        writer = cpio.Writer(out)
        # Not /dev: the kernel makes its own console there, and boot.c mounts over it.
        with open(program, "rb") as file:
            writer.file("init", file.read(), 0o755)
        for name, data in request.items():
            writer.file("lab/" + name, data)
        writer.directory("top")
        for name, source in files.items():
            with open(source, "rb") as file:
                writer.file("top" + name, file.read(), os.stat(source).st_mode & 0o777)
        for name, target in links.items():
            writer.symlink("top" + name, target)
        for source, name in trees:
            writer.tree(source, "top" + name)
        writer.finish()


class Frames:
    """Takes bytes from the guest, gives (type, data)."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        while len(self.buffer) >= 5:
            kind, size = struct.unpack_from("<cI", self.buffer)
            if len(self.buffer) < 5 + size:
                return
            yield kind, bytes(self.buffer[5:5 + size])
            del self.buffer[:5 + size]


def frame(kind, data):
    return struct.pack("<cI", kind, len(data)) + data
