# SPDX-License-Identifier: GPL-2.0
"""Writing cpio archives for an initramfs (the newc format)."""

import os
import stat


class Writer:
    """Appends one archive to a file; parents of what is added come by themselves."""

    def __init__(self, file):
        self.out = file
        self.seen = set()
        # The kernel skips zeros between archives but wants each at a multiple of 4.
        file.write(bytes(-file.tell() % 4))

    def _entry(self, name, mode, data, device=(0, 0)):
        encoded = os.fsencode(name) + b"\0"
        fields = (len(self.seen) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + encoded
        for part in (header, data):
            self.out.write(part)
            self.out.write(bytes(-len(part) % 4))
        self.seen.add(name)

    def _parents(self, name):
        parent = os.path.dirname(name)
        if parent and parent not in self.seen:
            self.directory(parent)

    def directory(self, name, mode=0o755):
        self._parents(name)
        self._entry(name, stat.S_IFDIR | mode, b"")

    def file(self, name, data, mode=0o644):
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def tree(self, source, name):
        """Everything below a directory, under NAME."""
        self._parents(name)
        if name not in self.seen:
            self.directory(name)
        for base, directories, files in os.walk(source):
            under = os.path.normpath(os.path.join(name, os.path.relpath(base, source)))
            for entry in sorted(directories + files):
                path, target = os.path.join(base, entry), os.path.join(under, entry)
                status = os.lstat(path)
                if stat.S_ISLNK(status.st_mode):
                    self._entry(target, status.st_mode, os.fsencode(os.readlink(path)))
                elif stat.S_ISDIR(status.st_mode):
                    if target not in self.seen:
                        self._entry(target, status.st_mode, b"")
                elif stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as file:
                        self._entry(target, status.st_mode, file.read())

    def finish(self):
        self._entry("TRAILER!!!", 0, b"")
        self.out.write(bytes(-self.out.tell() % 4))
