# SPDX-License-Identifier: GPL-2.0
"""Debian's archive, through an apt of our own: own lists, own cache, own status.

The mirror is the one the machine itself uses, so no address is written here.
"""

import functools
import os
import re
import subprocess
import time

import cache
from say import LabError, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
HOUR = 60 * 60
DAY = 24 * HOUR


@functools.lru_cache(maxsize=None)
def mirrors():
    """(main, security) addresses from the machine's apt sources."""
    done = subprocess.run(["apt-get", "--print-uris", "update"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    bases = re.findall(r"^'(\S+?)/*/dists/[^']*InRelease'", done.stdout, re.M)
    main = next((base for base in bases if base.endswith("/debian")), None)
    security = next((base for base in bases if base.endswith("/debian-security")), None)
    if not main:
        raise LabError("apt on this machine has no source that ends in /debian; "
                       "add a Debian mirror to /etc/apt/sources.list")
    return main, security or main + "-security"


def source(suite):
    """The sources.list line of a suite."""
    main, security = mirrors()
    base = security if suite.endswith("-security") else main
    return f"deb [signed-by={KEYRING}] {base} {suite} main"


def _age(path):
    try:
        return abs(time.time() - os.stat(path).st_mtime)
    except FileNotFoundError:
        return float("inf")


def _touch(path):
    with open(path, "w", encoding="utf-8"):
        os.utime(path)


class Archive:
    """Some suites, seen as one apt sees them."""

    def __init__(self, suites):
        self.suites = suites.split(",")
        self.name = "+".join(self.suites)
        self.path = cache.directory("apt", self.name)
        self.stamp = os.path.join(self.path, "updated")
        self.failed = os.path.join(self.path, "failed")

    def _command(self, program, *arguments):
        settings = {
            "Dir::Etc::sourcelist": f"{self.path}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": f"{self.path}/state",
            "Dir::State::lists": f"{self.path}/lists",
            "Dir::State::status": f"{self.path}/status",
            "Dir::Cache": f"{self.path}/cache",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": "30",
            "Acquire::https::Timeout": "30",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        return [program, "-q", *options, *arguments]

    def age(self):
        """Seconds since the lists were fetched."""
        return _age(self.stamp)

    def update(self, older_than=DAY):
        """Fetch the package lists, unless they are younger.

        After a failure it is left at that for an hour, so that a machine
        without network does not wait for it again and again.
        """
        if self.age() < older_than:
            return
        what = f"the package lists of {', '.join(self.suites)}"
        fd = cache.lock(f"apt-{self.name}", wait=what)
        try:
            if self.age() < older_than:
                return
            if self.age() < float("inf") and _age(self.failed) < HOUR:
                raise LabError(f"cannot fetch {what} (tried within the last hour)")
            say(f"fetching {what}")
            for part in ("state", "lists/partial", "cache/archives/partial"):
                os.makedirs(os.path.join(self.path, part), exist_ok=True)
            with open(os.path.join(self.path, "sources.list"), "w", encoding="utf-8") as file:
                file.writelines(source(suite) + "\n" for suite in self.suites)
            _touch(os.path.join(self.path, "status"))
            _touch(self.failed)
            cache.command(self._command("apt-get", "update"), f"cannot fetch {what}", fd,
                          quiet=True)
            os.unlink(self.failed)
            _touch(self.stamp)
        finally:
            os.close(fd)

    def _query(self, *arguments):
        done = subprocess.run(self._command("apt-cache", *arguments), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return done.stdout

    def names(self, regex):
        """Names of the packages that match."""
        found = self._query("search", "--names-only", f"^{regex}$")
        return [line.split(" ", 1)[0] for line in found.splitlines()]

    def show(self, names):
        """{name: {field: value}} of the newest version of each package."""
        packages = {}
        if not names:
            return packages
        for record in self._query("show", "--no-all-versions", *names).split("\n\n"):
            fields = dict(re.findall(r"^([\w-]+): (.*)$", record, re.M))
            if "Package" in fields:
                packages[fields["Package"]] = fields
        return packages

    def download(self, packages, directory, fd):
        """Download [(name, version)] into the directory; apt checks the hashes."""
        cache.command(self._command("apt-get", "download",
                                    *(f"{name}={version}" for name, version in packages)),
                      "cannot download " + " ".join(name for name, _ in packages), fd,
                      quiet=True, cwd=directory)
        return sorted(os.path.join(directory, name) for name in os.listdir(directory)
                      if name.endswith(".deb"))


def newest_first(packages):
    """Package records sorted by version; the shorter name first where equal."""
    def compare(one, other):
        for operator, result in (("gt", -1), ("lt", 1)):
            if subprocess.run(["dpkg", "--compare-versions", one["Version"], operator,
                               other["Version"]], check=False).returncode == 0:
                return result
        return len(one["Package"]) - len(other["Package"])
    return sorted(packages, key=functools.cmp_to_key(compare))
