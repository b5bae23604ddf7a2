# SPDX-License-Identifier: GPL-2.0
"""What the lab needs from the machine it runs on."""

import os
import shutil
import subprocess

import cache
from say import LabError, say

HERE = os.path.dirname(os.path.abspath(__file__))


def packages(name):
    """The list NAME of the file packages."""
    with open(os.path.join(HERE, "packages"), encoding="utf-8") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].split()
    raise LabError(f"tools/lab/packages has no list {name}")


def _missing():
    wanted = (entry.partition("=") for entry in packages("host"))
    names = [package or program for program, _, package in wanted
             if not shutil.which(program)]
    if not os.path.exists("/usr/share/keyrings/debian-archive-keyring.gpg"):
        names.append("debian-archive-keyring")
    return names


def prepare():
    """Install the programs that are missing."""
    missing = _missing()
    if os.getuid() != 0:
        if missing:
            raise LabError("install what the lab needs first: apt-get install "
                           + " ".join(missing))
        raise LabError("the lab builds in a chroot and mounts: run it as root")
    if not missing:
        return
    fd = cache.lock("host", wait="installing packages")
    missing = _missing()
    if missing:
        say("installing on this machine: " + " ".join(missing))
        _install(missing)
    os.close(fd)


def _install(names):
    # Not tied to this process: an interrupted dpkg would leave the machine in a mess.
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = ["apt-get", "-qy", "-o", "DPkg::Lock::Timeout=600", "install",
               "--no-install-recommends", *names]
    for step in (install, ["dpkg", "--configure", "-a"],
                 ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "update"], install):
        done = subprocess.run(step, env=environment, stdin=subprocess.DEVNULL, text=True,
                              errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if step is install and done.returncode == 0:
            return
    say("\n".join(done.stdout.splitlines()[-20:]))
    raise LabError("cannot install " + " ".join(names) + "; install them by hand")
