# SPDX-License-Identifier: GPL-2.0
"""The project's own tree: copied, hashed, built."""

import hashlib
import os
import shutil
import subprocess

import cache
import host
import roots
from say import NO_BUILD, LabError, say

TOP = os.path.dirname(os.path.dirname(host.HERE))
JOBS = f"-j{os.cpu_count()}"

# The command-line tool.
TOOL = "tools/tcp-census/"
# What a module does not depend on; the rest of the tree is hashed and copied.
PACKAGING = "tools/packaging/"
NOT_MODULE = ("selftests/", "tools/lab/", "tools/vm", TOOL, PACKAGING, "tools/prometheus/",
              "tools/collectors/", "docs/", ".")
TEST_MODULES = "selftests/kernel/"
NOT_SELFTESTS = ("tools/lab/", "tools/vm", PACKAGING, "docs/", "Kbuild", "dkms.conf",
                 TEST_MODULES, ".")
# What make leaves behind, where there is no git to say so.
BUILT = (".o", ".ko", ".a", ".mod", ".mod.c", ".cmd", "Module.symvers", "modules.order")
INSTALLED = "/usr/lib/tcp_census"    # in the guest; the selftests are in selftests/ there
# The module for tests that cannot wait for a minute, and what makes it so: of all objects
# this one alone is compiled again.
FAST_MODULE = INSTALLED + "/fast/tcp_census.ko"
FAST_FLAGS = "CFLAGS_module/setting.o=-DTCPC_TIMEOUT_MIN_S=1"
# As dkms installs modules: of 15 MB all but 400 kB are for debuggers, and loading a module
# a hundred times would read all of it a hundred times.
STRIP = ("strip", "--strip-debug")


def files(without=()):
    """Paths of the tree's files: git's where it is a checkout, else all."""
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", TOP, "ls-files", "-z", "--cached",
                           "--others", "--exclude-standard"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False) if shutil.which("git") else None
    if done and done.returncode == 0:
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    else:
        names = [os.path.relpath(os.path.join(base, name), TOP)
                 for base, _, found in os.walk(TOP) for name in found]
        names = [name for name in names if not name.startswith(".git/")
                 and not name.endswith(BUILT)]
    return [name for name in sorted(set(names))
            if not name.startswith(tuple(without)) and os.path.lexists(os.path.join(TOP, name))
            and not (without and name.endswith(".md"))]


def digest(names, *extra):
    """A hash of the files' names, modes and contents."""
    state = hashlib.sha256(repr(extra).encode())
    for name in names:
        path = os.path.join(TOP, name)
        if os.path.islink(path):
            content, mode = os.fsencode(os.readlink(path)), "link"
        else:
            with open(path, "rb") as file:
                content = file.read()
            mode = os.stat(path).st_mode & 0o111
        state.update(f"{name}\0{mode}\0{len(content)}\0".encode() + content)
    return state.hexdigest()[:20]


def copy(names, target):
    for name in names:
        path = os.path.join(target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy2(os.path.join(TOP, name), path, follow_symlinks=False)


def _make(root, kernel, source, argv, what, fd, ksrc=None):
    """Run make, or what else builds, in the chroot; returns its output."""
    words, environment = roots.inside(root, argv, source, kernel, ksrc)
    return cache.command(words, f"{what} does not build", fd, NO_BUILD, env=environment)


def _modules(kind, kernel, root, strict, key, fill, argv, kos):
    """Modules made by make argv of what fill(directory) puts there: their paths."""
    what = f"the {kind.replace('-', ' ')} for linux {kernel.release}"

    def build(directory, fd):
        say(f"building {what}")
        source = os.path.join(directory, "src")
        fill(source)
        words = ["make", JOBS, *argv] + (["W=1"] if strict else [])
        output = _make(root, kernel, source, words, what, fd)
        if strict and "warning:" in output:
            say(f"make of {what}:\n{output}")
            raise LabError(f"{what} builds with warnings", NO_BUILD)
        for name in kos:
            built = os.path.join(source, name)
            if not os.path.exists(built):
                raise LabError(f"make ended well but left no {name} for {kernel.release}",
                               NO_BUILD)
            shutil.copy2(built, directory)
        _make(root, kernel, directory, [*STRIP, *map(os.path.basename, kos)], what, fd)

    path = cache.obtain(kind, f"{kernel.release}_{key}", what, build)
    cache.prune(kind, 20)
    return [os.path.join(path, os.path.basename(name)) for name in kos]


def _modules_of(kind, kernel, root, strict, names, argv, kos):
    """The same, made of files of the tree."""
    key = digest(names, root, kernel.path, strict, STRIP)
    return _modules(kind, kernel, root, strict, key,
                    lambda source: copy(names, source), argv, kos)


def module(kernel, root, strict=False):
    """The module built from the current tree for a kernel: its path.

    strict: with more warnings, and any warning is an error.
    """
    argv = [f"KDIR=/lib/modules/{kernel.release}/build", *kernel.make]
    return _modules_of("module", kernel, root, strict, files(NOT_MODULE), argv,
                       ["tcp_census.ko"])[0]


def fast_module(kernel, root, strict=False):
    """The same with timeouts from one second: for tests alone."""
    base = os.path.join(os.path.dirname(module(kernel, root, strict)), "src")
    argv = [f"KDIR=/lib/modules/{kernel.release}/build", *kernel.make, FAST_FLAGS]
    return _modules("fast-module", kernel, root, strict, digest([], base, argv, STRIP),
                    lambda source: shutil.copytree(base, source, symlinks=True), argv,
                    ["tcp_census.ko"])[0]


def test_modules(kernel, root, strict=False):
    """The same of the modules that only tests load: their paths."""
    names = [name for name in files() if name.startswith(TEST_MODULES)]
    argv = ["-C", f"/lib/modules/{kernel.release}/build", f"M=/src/{TEST_MODULES[:-1]}",
            *kernel.make, "modules"]
    return _modules_of("test-module", kernel, root, strict, names, argv,
                       [TEST_MODULES + "tcp_census_test.ko",
                        TEST_MODULES + "tcp_census_misdeeds.ko"])


def has_selftests():
    return os.path.exists(os.path.join(TOP, "selftests", "Makefile"))


def selftests(root, ksrc):
    """The selftests compiled and installed, with the kernel's runner.

    Returns the directory to appear as INSTALLED.
    """
    names = files(NOT_SELFTESTS)

    def build(directory, fd):
        say("building the selftests")
        source = os.path.join(directory, "src")
        target = os.path.join(directory, "installed")
        copy(names, source)
        make = ["make", "-C", "selftests", "KSRC=/ksrc", "OUTPUT=/src/out",
                "INSTALL_PATH=/src/installed/selftests", "COLLECTION=tcp_census"]
        script = ('mkdir out && "$@" -s install && '
                  '"$@" -s --no-print-directory emit_tests > installed/kselftest-list.txt')
        _make(root, None, source, ["sh", "-c", script, "sh", *make], "a selftest", fd, ksrc)
        os.rename(os.path.join(source, "installed"), target)
        runner = os.path.join(ksrc, "tools/testing/selftests")
        shutil.copytree(os.path.join(runner, "kselftest"), os.path.join(target, "kselftest"))
        shutil.copy2(os.path.join(runner, "run_kselftest.sh"), target)
        # The runner looks for the tests of a collection in a directory of its name.
        os.symlink("selftests", os.path.join(target, "tcp_census"))
        shutil.rmtree(source)

    path = cache.obtain("selftests", digest(names, root, ksrc), "the selftests", build,
                        deep=True)
    cache.prune("selftests", 10)
    return os.path.join(path, "installed")


def tool(root):
    """The command-line tool: its path."""
    names = [name for name in files() if name.startswith(TOOL)] + ["dkms.conf"]

    def build(directory, fd):
        say("building the command-line tool")
        source = os.path.join(directory, "src")
        copy(names, source)
        argv = ["make", "-s", "-C", TOOL, "CFLAGS=-O2 -g -Werror"]
        _make(root, None, source, argv, "the command-line tool", fd)
        os.rename(os.path.join(source, TOOL, "tcp-census"), os.path.join(directory, "tcp-census"))
        shutil.rmtree(source)

    path = cache.obtain("tool", digest(names, root), "the command-line tool", build)
    cache.prune("tool", 10)
    return os.path.join(path, "tcp-census")
