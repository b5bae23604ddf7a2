# SPDX-License-Identifier: GPL-2.0
"""The kernels of the table: found in the archive, unpacked or compiled, made bootable."""

import dataclasses
import glob
import hashlib
import json
import lzma
import os
import re
import shutil

import apt
import cache
import compiling
import cpio
import host
from say import NO_BUILD, NO_KERNEL, LabError, say

RECIPE = 2           # raise it when what is made of packages changes
BOOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "overlay",
                # Checksums, where a module has them, before what uses them.
                "crc32c_generic", "ext4",
                # ss needs these, and autoloading them takes a modprobe each.
                "tcp_diag", "inet_diag", "udp_diag", "unix_diag", "mptcp_diag")

SOURCE = "linux-source-6.12"
SOURCE_SUITE = "bookworm-security"
SOURCE_PARTS = ("LICENSES", "scripts", "tools/include/io_uring", "tools/include/uapi",
                "tools/testing/selftests/lib.mk",
                "tools/testing/selftests/kselftest", "tools/testing/selftests/kselftest.h",
                "tools/testing/selftests/kselftest_harness.h",
                "tools/testing/selftests/kselftest_install.sh", "tools/testing/selftests/net",
                "tools/testing/selftests/run_kselftest.sh")


@dataclasses.dataclass
class Kernel:
    """One line of the table; release and path are known once it is in the cache."""
    tag: str
    suites: str
    regex: str
    cc: str
    config: str = ""
    release: str = ""
    path: str = ""

    @property
    def boot(self):
        """What QEMU boots."""
        path = os.path.join(self.path, "vmlinux")
        return path if os.path.exists(path) else os.path.join(self.path, "vmlinuz")

    @property
    def um(self):
        """It runs as a program of this machine."""
        return self.config.startswith("uml")

    @property
    def make(self):
        """Words for make, to build modules for it."""
        return ["ARCH=um"] if self.um else []

    @property
    def initrd(self):
        """Boot modules and the order to load them in, as a cpio archive."""
        return os.path.join(self.path, "modules.cpio")

    @property
    def image(self):
        """Modules and headers in an ext4, at their places from the root."""
        return os.path.join(self.path, "kernel.img")

    def words(self, leaks):
        """What a compiled one needs on its command line. Leaks: they are to be found.

        Retpolines take an eighth of its time under emulation, and find no faults. From
        6.18 on the slab allocator keeps addresses of what it has given out in sheaves,
        where kmemleak finds them and sees no leak. Caches that are debugged have none.
        """
        if not self.config or self.um:
            return ""
        version = tuple(int(number) for number in self.release.split(".")[:2])
        return "mitigations=off" + (" slab_debug=U" if leaks and version >= (6, 18) else "")

    def cpus(self, number):
        """What user-mode Linux is told to have so many; those that have one are told nothing."""
        return [f"ncpus={number}", "seccomp=on"] if "uml-smp" in self.config.split("+") else []

    @property
    def compilers(self):
        """Names that stand for the compiler cc: gcc, and the one its headers ask for,
        which may be too old for trixie to have."""
        names = {"gcc"}
        for path in glob.glob(f"{self.tree}/usr/src/*/.kernelvariables"):
            with open(path, encoding="utf-8") as file:
                names.update(re.findall(r"^CC = .*\b(gcc-\d+)$", file.read(), re.M))
        return sorted(names - {self.cc})

    @property
    def tree(self):
        """The same as a directory."""
        return os.path.join(self.path, "root")


def table():
    kernels = []
    with open(os.path.join(host.HERE, "kernels"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                kernels.append(Kernel(*line.split()))
    return kernels


def supported():
    """Tags of the kernels that hosts run; what follows a - is there to find faults."""
    return [entry.tag for entry in table() if "-" not in entry.tag]


def named(tag):
    for kernel in table():
        if kernel.tag == tag:
            return kernel
    tags = ", ".join(kernel.tag for kernel in table())
    raise LabError(f"no kernel {tag}; there are {tags}", 2)


def obtain(tag):
    """The newest kernel of the tag's series, ready to boot."""
    kernel = named(tag)
    archive = apt.Archive(kernel.suites)
    artefact = _compiled if kernel.config else _packaged
    error = None
    try:
        archive.update()
        try:
            kernel.path = artefact(kernel, archive)
        except LabError as reason:
            # The archive may have dropped that version since the lists were fetched.
            if reason.status == NO_BUILD or archive.age() < 60:
                raise
            archive.update(older_than=0)
            kernel.path = artefact(kernel, archive)
    except LabError as reason:
        # Its source is there, so that an older one would not be what is to be tried.
        if reason.status == NO_BUILD:
            raise
        error = reason
        kernel.path = _cached(kernel)
        if not kernel.path:
            raise LabError(f"kernel {tag} cannot be had: {error}", NO_KERNEL) from error
    with open(os.path.join(kernel.path, "release"), encoding="utf-8") as file:
        kernel.release = file.read().strip()
    if error:
        say(f"{error}; using the cached linux {kernel.release}")
    return kernel


def _newest(kernel, archive):
    """(release, [(package, version)]) of the newest complete kernel."""
    memory = os.path.join(archive.path, f"newest-{kernel.tag}")
    try:
        if os.stat(memory).st_mtime_ns > os.stat(archive.stamp).st_mtime_ns:
            with open(memory, encoding="utf-8") as file:
                regex, release, packages = json.load(file)
            if regex == kernel.regex:
                return release, packages
    except (OSError, ValueError):
        pass
    found = apt.newest_first(archive.show(archive.names(kernel.regex)).values())
    for record in found:
        release = re.fullmatch(kernel.regex, record["Package"]).groups()[-1]
        wanted = archive.show([f"linux-headers-{release}", f"linux-modules-{release}"])
        headers = wanted.get(f"linux-headers-{release}")
        if not headers:
            continue
        names = re.findall(r"\blinux-(?:headers|kbuild)-[^ ,|]+", headers["Depends"])
        wanted.update(archive.show(names))
        if all(name in wanted for name in names):
            wanted[record["Package"]] = record
            packages = [(name, fields["Version"]) for name, fields in wanted.items()]
            with open(memory + f".{os.getpid()}", "w", encoding="utf-8") as file:
                json.dump([kernel.regex, release, packages], file)
            os.rename(file.name, memory)
            return release, packages
    raise LabError(f"{kernel.suites} has no package {kernel.regex} with its headers")


def _packaged(kernel, archive):
    """The path of a kernel that Debian has compiled."""
    release, packages = _newest(kernel, archive)

    def build(directory, fd):
        say(f"downloading linux {release}")
        _unpack(archive, release, packages, directory, fd)
        _finish(directory, release, fd)

    path = cache.obtain("kernels", f"{kernel.tag}_{release}_{RECIPE}", f"linux {release}", build)
    cache.prune("kernels", 2, kernel.tag + "_")
    return path


def _compiled(kernel, archive):
    """The path of one that is compiled here."""
    record = archive.show([kernel.regex]).get(kernel.regex)
    if not record:
        raise LabError(f"{kernel.suites} has no package {kernel.regex}")
    version = record["Version"]

    def build(directory, fd):
        release = compiling.build(kernel, archive, kernel.regex, version, directory, fd)
        _finish(directory, release, fd)

    path = cache.obtain("kernels", f"{kernel.tag}_{version}_{RECIPE}_{compiling.key(kernel)}",
                        f"linux {kernel.tag}", build)
    cache.prune("kernels", 2, kernel.tag + "_")
    return path


def _cached(kernel):
    """The kernel of the series used last, if a complete one is in the cache."""
    base = cache.directory("kernels")
    names = kernel.tag + "_*"
    if kernel.config:
        names += f"_{RECIPE}_{compiling.key(kernel)}"
    found = [path for path in glob.glob(os.path.join(base, names)) if cache.valid(path)]
    if not found:
        return ""
    path = max(found, key=lambda path: os.stat(path).st_mtime)

    def gone(_directory, _fd):
        raise LabError(f"the cached {os.path.basename(path)} is damaged")

    return cache.obtain("kernels", os.path.basename(path), "a cached kernel", gone)


def _unpack(archive, release, packages, directory, fd):
    root = os.path.join(directory, "root")
    debs = os.path.join(directory, "debs")
    os.mkdir(debs)
    for deb in archive.download(packages, debs, fd):
        cache.command(["dpkg-deb", "-x", deb, root], f"cannot unpack {os.path.basename(deb)}", fd)
    shutil.rmtree(debs)

    # /lib is a link to /usr/lib in the roots this is laid over.
    if os.path.isdir(f"{root}/lib/modules"):
        os.makedirs(f"{root}/usr/lib", exist_ok=True)
        os.rename(f"{root}/lib/modules", f"{root}/usr/lib/modules")
        shutil.rmtree(f"{root}/lib")
    modules = f"{root}/usr/lib/modules/{release}"
    vmlinuz = next((path for path in (f"{root}/boot/vmlinuz-{release}", f"{modules}/vmlinuz",
                                      f"{modules}/vmlinuz.unsigned") if os.path.exists(path)), None)
    if not vmlinuz:
        raise LabError(f"the packages of linux {release} have no vmlinuz")
    os.rename(vmlinuz, f"{directory}/vmlinuz")
    _unpack_zstd(directory, fd)
    for extra in ("boot", "etc", "var", "usr/share"):
        shutil.rmtree(f"{root}/{extra}", ignore_errors=True)


def _finish(directory, release, fd):
    """Make what is booted of root in the directory."""
    root = f"{directory}/root"
    modules = f"{root}/usr/lib/modules/{release}"
    os.symlink("usr/lib", f"{root}/lib")
    cache.command(["depmod", "-b", root, release], f"depmod fails for linux {release}", fd)
    os.unlink(f"{root}/lib")

    with open(f"{directory}/modules.cpio", "wb") as file:
        writer = cpio.Writer(file)
        names = []
        for path in _load_order(modules):
            names.append(os.path.basename(path).split(".ko", 1)[0] + ".ko")
            writer.file("boot/" + names[-1], _module(os.path.join(modules, path)))
        writer.file("boot/order", "".join(name + "\n" for name in names).encode())
        writer.finish()
    image(root, f"{directory}/kernel.img", fd)
    with open(f"{directory}/release", "w", encoding="utf-8") as file:
        file.write(release)


def _unpack_zstd(directory, fd):
    """Have the kernel in vmlinuz as vmlinux, too, if it is compressed by zstd.

    Emulated, the kernel takes a second of each boot to unpack itself; QEMU
    starts an unpacked one by its PVH entry.
    """
    with open(f"{directory}/vmlinuz", "rb") as file:
        data = file.read()
    # Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
    start = (data[0x1f1] + 1) * 512 + int.from_bytes(data[0x248:0x24c], "little")
    payload = data[start:start + int.from_bytes(data[0x24c:0x250], "little")]
    if payload[:4] != b"\x28\xb5\x2f\xfd":
        return
    with open(f"{directory}/payload", "wb") as file:
        file.write(payload[:-4])    # without the size that follows
    cache.command(["zstd", "-dq", "--rm", "-o", f"{directory}/vmlinux", file.name],
                  f"cannot unpack the kernel in {directory}", fd)


def source():
    """The parts of the kernel's source that selftests and lint use: its tree."""
    archive = apt.Archive(SOURCE_SUITE)
    try:
        archive.update()
        version = archive.show([SOURCE])[SOURCE]["Version"]
    except (LabError, KeyError) as error:
        base = cache.directory("ksrc")
        found = [path for path in glob.glob(os.path.join(base, "*")) if cache.valid(path)]
        if not found:
            raise LabError(f"{SOURCE} cannot be had: {error}", NO_KERNEL) from error
        path = max(found, key=lambda path: os.stat(path).st_mtime)
        say(f"{error}; using the cached {SOURCE} {os.path.basename(path)}")
        return os.path.join(path, "root")

    def build(directory, fd):
        say(f"downloading {SOURCE} {version} (150 MB)")
        deb, = archive.download([(SOURCE, version)], directory, fd)
        say(f"unpacking parts of {SOURCE}")
        root = os.path.join(directory, "root")
        os.mkdir(root)
        unpack = ('set -o pipefail; dpkg-deb --fsys-tarfile "$1"'
                  f' | tar -xO ./usr/src/{SOURCE}.tar.xz | xz -dc -T0'
                  ' | tar -x --strip-components=1 -C "$2" "${@:3}"')
        cache.command(["bash", "-c", unpack, "bash", deb, root,
                       *(f"{SOURCE}/{part}" for part in SOURCE_PARTS)],
                      f"cannot unpack {SOURCE}", fd)
        os.unlink(deb)

    parts = hashlib.sha256(repr(SOURCE_PARTS).encode()).hexdigest()[:8]
    path = cache.obtain("ksrc", f"{version}_{RECIPE}_{parts}", SOURCE, build,
                        ["root/tools/testing/selftests/lib.mk"])
    cache.prune("ksrc", 2)
    return os.path.join(path, "root")


def _load_order(modules):
    """Paths of the boot modules the kernel has, dependencies first."""
    dependencies = {}
    with open(f"{modules}/modules.dep", encoding="utf-8") as file:
        for line in file:
            path, _, needs = line.partition(":")
            dependencies[path] = needs.split()
    paths = {os.path.basename(path).split(".ko", 1)[0].replace("-", "_"): path
             for path in dependencies}
    order = []
    for name in BOOT_MODULES:
        if name in paths:
            # modules.dep lists what must be loaded first last.
            for path in [*reversed(dependencies[paths[name]]), paths[name]]:
                if path not in order:
                    order.append(path)
    return order


def _module(path):
    """A module's content, decompressed."""
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    return data


def image(tree, path, fd=None, room=16 << 20):
    """Make an ext4 image of a directory, with some room to write."""
    size = room
    files = 1024
    for base, directories, names in os.walk(tree):
        files += len(directories) + len(names)
        for name in names:
            size += (os.lstat(os.path.join(base, name)).st_size + 4095 & ~4095) + 256
        size += 4096 * len(directories)
    size += size // 32
    cache.command(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal,^resize_inode",
                   "-m", "0", "-N", str(files), "-E", "root_owner=0:0,lazy_itable_init=1",
                   "-d", tree, path, f"{size >> 10}k"], f"cannot make the image {path}", fd)
