# SPDX-License-Identifier: GPL-2.0
"""Kernels compiled here, with what finds faults in them, from Debian's source packages."""

import hashlib
import os
import shutil

import cache
import host
import roots
from say import NO_BUILD, LabError, say

RECIPE = 1           # raise it when what build() makes changes

# In the build chroot, at /src. The tree to build modules against is what kernel packages
# have as their headers; what stands in it of its own place is where it will be.
SCRIPT = r"""
set -e
# Modules are built by "gcc", and the kernel says so if it has another name for it.
ln -s "/usr/bin/$CC" /usr/local/bin/gcc
cd linux
export KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab KBUILD_BUILD_TIMESTAMP=@0
[ -z "$UM" ] || export ARCH=um
make -s KCONFIG_ALLCONFIG=../config allnoconfig
make -s -j"$(nproc)" vmlinux modules
release=$(make -s kernelrelease)
headers=/src/root/usr/src/linux-headers-$release
mkdir -p "$headers" "/src/root/usr/lib/modules/$release"
make -s run-command \
	KBUILD_RUN_COMMAND="\${srctree}/scripts/package/install-extmod-build $headers"
# It does not know that user-mode Linux has headers of two architectures.
[ -z "$UM" ] || find arch/um arch/x86 \( -name 'Makefile*' -o -name '*.h' \) -print0 |
	tar -c --null -T - | tar -x -C "$headers"
ln -s "/usr/src/linux-headers-$release" "/src/root/usr/lib/modules/$release/build"
cp modules.builtin modules.builtin.modinfo "/src/root/usr/lib/modules/$release"
touch "/src/root/usr/lib/modules/$release/modules.order"
objcopy -S vmlinux /src/vmlinux
cp .config /src/config
echo "$release" >/src/release
"""


def config(kernel):
    """The options of a kernel of the table."""
    text = f'CONFIG_LOCALVERSION="-{kernel.tag.partition("-")[2]}"\n'
    for name in kernel.config.split("+"):
        with open(os.path.join(host.HERE, "configs", name + ".config"), encoding="utf-8") as file:
            text += file.read()
    return text


def key(kernel):
    """What is in the name of the artefact, beside the source's version."""
    state = hashlib.sha256(repr((RECIPE, SCRIPT, kernel.cc, config(kernel))).encode())
    return state.hexdigest()[:8]


def build(kernel, archive, package, version, directory, fd):
    """Compile a kernel: vmlinux and root in the directory. Returns its release."""
    say(f"downloading {package} {version} (150 MB)")
    deb, = archive.download([(package, version)], directory, fd)
    unpack = ('set -o pipefail; dpkg-deb --fsys-tarfile "$1"'
              f' | tar -xO ./usr/src/{package}.tar.xz | xz -dc -T0'
              ' | tar -x --strip-components=1 -C "$2"')
    os.mkdir(os.path.join(directory, "linux"))
    cache.command(["bash", "-c", unpack, "bash", deb, os.path.join(directory, "linux")],
                  f"cannot unpack {package}", fd)
    os.unlink(deb)
    wanted = config(kernel)
    with open(os.path.join(directory, "config"), "w", encoding="utf-8") as file:
        file.write(wanted)
    say(f"compiling linux {kernel.tag} {version} (about 6 minutes)")
    argv, environment = roots.inside(roots.build_root(), ["sh", "-c", SCRIPT], directory,
                                     keep=[f"CC={kernel.cc}", f"UM={'y' if kernel.um else ''}"])
    try:
        cache.command(argv, f"linux {kernel.tag} does not build", fd, env=environment)
    except LabError as error:
        raise LabError(str(error), NO_BUILD) from error
    shutil.rmtree(os.path.join(directory, "linux"))
    _check(kernel, wanted, os.path.join(directory, "config"))
    with open(os.path.join(directory, "release"), encoding="utf-8") as file:
        return file.read().strip()


def _check(kernel, wanted, path):
    """Refuse a kernel that has not all options: it may not know them, or they need others."""
    with open(path, encoding="utf-8") as file:
        found = set(file.read().splitlines())
    lacking = [line for line in wanted.splitlines()
               if line.startswith("CONFIG_") and line not in found]
    if lacking:
        raise LabError(f"linux {kernel.tag} is without " + ", ".join(lacking), NO_BUILD)
