# SPDX-License-Identifier: GPL-2.0
"""A guest that boots a whole Debian system, and finds what it wrote at its last boot."""

import os
import subprocess
import types

import cache
import guest
import machine
import roots

UNIT = b"""\
[Unit]
Description=The command of the lab
[Service]
ExecStart=/lab/init
"""
UNIT_FILE = "/etc/systemd/system/lab.service"
WANTS = {"/etc/systemd/system/multi-user.target.wants/lab.service": UNIT_FILE}
LIMIT = 900          # seconds


class System:
    """A root image, what is written over it, and the kernels that it has."""

    def __init__(self, chroot, image, state, work):
        self.chroot = chroot      # the build chroot, which QEMU runs in
        self.image = image
        self.state = state
        self.work = work

    def prepare(self, root, argv, source, kernels):
        """Run argv in a chroot of the root, at this machine's speed, with source as /src and
        the headers of the kernels; its exit status. What it writes the guests find.
        """
        words, environment = roots.inside(
            root, argv, source, kernels[0], other=kernels[1], state=self.state,
            keep=[f"LINUX={kernels[0].release}", f"OTHER={kernels[1].release}"])
        return subprocess.run(["setpriv", "--pdeathsig", "KILL", "--", *words], env=environment,
                              stdin=subprocess.DEVNULL, check=False).returncode

    def boot(self, kernels, argv, files, words=""):
        """Boot the first of two kernels, run argv in the system, shut down; its exit status.

        files: {path in the guest: path here}; words: for the kernel's command line.
        """
        unit = os.path.join(self.work, "lab.service")
        with open(unit, "wb") as file:
            file.write(UNIT)
        init = guest.init(self.chroot)
        request = {"argv": b"".join(os.fsencode(word) + b"\0" for word in argv),
                   "env": b"HOME=/root\0LANG=C.UTF-8\0"
                          + f"LINUX={kernels[0].release}\0".encode()
                          + f"OTHER={kernels[1].release}\0".encode(),
                   "options": b"system\0"}
        top = {"/lab/init": init, UNIT_FILE: unit, **files}
        for name, data in request.items():
            path = os.path.join(self.work, name)
            with open(path, "wb") as file:
                file.write(data)
            top["/lab/" + name] = path
        initrd = os.path.join(self.work, "initrd")
        guest.initrd(initrd, kernels[0], init, request, top, [], WANTS)
        options = types.SimpleNamespace(m=1024, c=2, other=kernels[1],
                                        a=f"systemd.firstboot=no {words}")
        return machine.run(self.chroot, kernels[0], self.image, initrd, options, LIMIT,
                           {"state": self.state}, False, self.work)
