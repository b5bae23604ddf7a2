# SPDX-License-Identifier: GPL-2.0
"""The Debian packages, built from the tree, in its version and a later one."""

import os
import re
import shutil

import cache
import roots
import tree
from say import NO_BUILD, say

DATE = "1790000000"  # of the packages: any
SIGNER = "The lab"
# What no package depends on.
UNUSED = ("selftests/", "tools/lab/", "tools/vm", "docs/")
# Nor the prebuilt module.
NOT_MODULES = (tree.TOOL, "tools/packaging/debian/rules", "tools/packaging/debian/tcp-census")
MODULES = r"""
set -eu
openssl req -new -x509 -newkey rsa:2048 -nodes -days 36500 -subj "/CN=$1/" \
	-keyout /tmp/key.pem -out /tmp/cert.pem 2>/dev/null
mkdir out
make -s modules-deb KVER="$2" SIGN_KEY=/tmp/key.pem SIGN_CERT=/tmp/cert.pem OUT=out
lintian --allow-root --fail-on error,warning out/*.deb
"""


def versions():
    """The tree's, and one that is higher."""
    with open(os.path.join(tree.TOP, "dkms.conf"), encoding="utf-8") as file:
        version = re.search(r'^PACKAGE_VERSION="(.*)"', file.read(), re.M)[1]
    return [version, version + ".1"]


def sources(names, version, target):
    """A copy of the tree, with that version in the place that has it."""
    tree.copy(names, target)
    path = os.path.join(target, "dkms.conf")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r'^PACKAGE_VERSION=.*', f'PACKAGE_VERSION="{version}"', text, flags=re.M))


def _packages(kind, what, entry, unused, argv):
    """The directory of the packages that argv makes, in both versions."""
    names = tree.files(UNUSED + unused)
    root = roots.packaging_root()

    def build(directory, fd):
        for version in versions():
            say(f"building {what}, version {version}")
            source = os.path.join(directory, "src")
            sources(names, version, source)
            words, environment = roots.inside(root, argv, source, entry)
            cache.command(words, f"{what} cannot be built", fd, NO_BUILD, env=environment)
            for name in os.listdir(os.path.join(source, "out")):
                os.rename(os.path.join(source, "out", name), os.path.join(directory, name))
            shutil.rmtree(source)

    key = tree.digest(names, root, entry.path if entry else "", argv)
    path = cache.obtain(kind, key, what, build)
    cache.prune(kind, 4)
    return path


def debs():
    """tcp-census and tcp-census-dkms."""
    return _packages("deb", "the Debian packages", None, (),
                     ["tools/packaging/deb", "--inside", DATE])


def modules(entry):
    """The prebuilt module, signed by SIGNER, which nobody trusts."""
    return _packages("modules-deb", f"the module package for linux {entry.release}", entry,
                     NOT_MODULES, ["sh", "-c", MODULES, "sh", SIGNER, entry.release])
