# SPDX-License-Identifier: GPL-2.0
"""tools/vm: run a command in a virtual machine with the module loaded."""

import argparse
import concurrent.futures
import os
import shutil
import sys

import cache
import guest
import host
import kernel
import machine
import roots
import tree
import uml
from say import USAGE, LabError, program, say

MODULE = "/tcp_census.ko"
IMAGES = {"guest": roots.guest_image, "build": roots.build_image,
          "monitoring": roots.monitoring_image, "nets": roots.nets_image,
          "bench": roots.bench_image}
DESCRIPTION = """\
Boot a stock Debian kernel under QEMU, load tcp_census, run COMMAND as root.

COMMAND is an argument list, passed on as it is. Its stdout and stderr come
through unchanged and its exit status becomes that of tools/vm, except:
   95  the kernel cannot be had        99  the kernel log has a BUG, WARNING,
   96  the module does not build           Oops or the like (it is printed)
   97  the module does not load       124  no end within SECONDS
   98  the guest died                 125  the lab itself failed
Its stdin is /dev/null; where stdin and stdout are terminals it gets a terminal,
and no time limit unless -t says so: try "tools/vm -- bash".

In the guest: /tcp_census.ko; the selftests in /usr/lib/tcp_census/selftests,
and what "modprobe tcp_census_test" loads for them, and fast/tcp_census.ko beside
them, whose timeouts may be short; the kernel's headers at /lib/modules/*/build;
KERNEL_TAG in the environment.
The modules are unloaded when COMMAND has ended. Where the kernel has kmemleak, leaks
are looked for then, which takes 10 s or more: "-a kmemleak=off" does without.
Nothing written there outlives the run. What this machine lacks is installed,
and what takes time to make is kept in $TCP_CENSUS_CACHE, by default
/var/cache/tcp_census; it can be removed at any time no guest is running.
"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise LabError(f"{message}; see tools/vm --help", USAGE)


def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def parse(argv):
    tags = [entry.tag for entry in kernel.table()]
    parser = Parser(prog="tools/vm", description=DESCRIPTION, add_help=False, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter,
                    usage="tools/vm [-k KERNEL] [-m MiB] [-c CPUS] [-t SECONDS] [-p DIR] [-n]\n"
                          "                [-a KERNEL_ARGS] [-o MODULE_PARAMS] [-r ROOT] [-b] [-w] "
                          "-- COMMAND...")
    parser.add_argument("-h", "--help", action="store_true", help="show this and exit")
    parser.add_argument("-k", metavar="KERNEL", default="6.12", choices=tags,
                        help=", ".join(tags) + " (default 6.12)")
    parser.add_argument("-m", metavar="MiB", type=positive, default=2048,
                        help="memory (default 2048)")
    parser.add_argument("-c", metavar="CPUS", type=positive, default=2, help="CPUs (default 2)")
    parser.add_argument("-t", metavar="SECONDS", type=positive,
                        help="time limit from the start of the guest (default 600)")
    parser.add_argument("-p", metavar="DIR", help="a copy of DIR appears as /payload, writable; "
                                                  "changes do not come back")
    parser.add_argument("-n", action="store_true", help="do not load the module")
    parser.add_argument("-a", metavar="KERNEL_ARGS", default="",
                        help="words for the kernel's command line")
    parser.add_argument("-o", metavar="MODULE_PARAMS", default="",
                        help="parameters of the module, as for insmod")
    parser.add_argument("-r", metavar="ROOT", choices=IMAGES, default="guest",
                        help="build: boot the root with compiler, make, dkms and kmod, "
                             "and the tree at /src; monitoring: the one with Prometheus, "
                             "collectd and the Zabbix agent; nets, bench: those that tools/lab/nets "
                             "and tools/lab/bench boot")
    parser.add_argument("-b", action="store_true",
                        help="with -r build: the module is built in /src, and not loaded")
    parser.add_argument("-w", action="store_true",
                        help="strict, for tests: build the module with W=1, let no warning pass "
                             "and stop where the selftests do not build")
    parser.add_argument("command", metavar="COMMAND", nargs="*")
    if "--" in argv:
        place = argv.index("--")
        options = parser.parse_args(argv[:place])
        if options.command:
            raise LabError(f"{options.command[0]} stands before --; see tools/vm --help", USAGE)
        options.command = argv[place + 1:]
    else:
        options = parser.parse_args(argv)
        if options.command:
            raise LabError("put -- before the command; see tools/vm --help", USAGE)
    if options.help:
        parser.print_help()
        sys.exit(0)
    if not options.command:
        raise LabError("no command given; see tools/vm --help", USAGE)
    if options.p is not None and not os.path.isdir(options.p):
        raise LabError(f"{options.p} is not a directory", USAGE)
    options.other = None
    return options


def gather(options):
    """What the guest needs, made side by side.

    Returns (build chroot, kernel, root image, init, {path in the guest: path here}
    of the modules and the command-line tool, selftests).
    """
    with concurrent.futures.ThreadPoolExecutor() as pool:
        chroot = pool.submit(roots.build_root)
        source = pool.submit(kernel.source) if tree.has_selftests() else None
        entry = pool.submit(kernel.obtain, options.k)
        # That of the build chroot is made of another of these.
        image = pool.submit(IMAGES[options.r]) if options.r != "build" else None
        init = guest.init(chroot.result())
        modules = {MODULE: tree.module(entry.result(), chroot.result(), options.w)}
        modules.update(unless_broken(
            options, lambda: {"/usr/bin/tcp-census": tree.tool(chroot.result())}) or {})
        tests = None
        if source:
            tests = unless_broken(options, lambda: tree.selftests(chroot.result(), source.result()))
            modules.update(unless_broken(
                options, lambda: test_modules(options, entry.result(), chroot.result())) or {})
        image = image.result() if image else IMAGES["build"]()
        return chroot.result(), entry.result(), image, init, modules, tests


def test_modules(options, entry, chroot):
    """The modules for tests alone, and what tells modprobe where one of them is."""
    return {**{"/" + os.path.basename(path): path
               for path in tree.test_modules(entry, chroot, options.w)},
            tree.FAST_MODULE: tree.fast_module(entry, chroot, options.w),
            "/etc/modprobe.d/tcp_census_test.conf":
            os.path.join(host.HERE, "guest", "tcp_census_test.conf")}


def unless_broken(options, build):
    """What build() returns; a run that is not a test does without what is broken."""
    try:
        return build()
    except LabError as error:
        if options.w:
            raise
        say(f"{error}; going on without it")
        return None


def request(options, terminal, disks):
    """The files in /lab that the guest's init reads; disks: those of user-mode Linux."""
    def strings(words):
        return b"".join(os.fsencode(word) + b"\0" for word in words)

    settings = []
    if not (options.n or options.b):
        settings += [f"module={MODULE}", f"params={options.o}"]
    if options.r == "build":
        settings.append("cwd=/src")
    environment = [f"KERNEL_TAG={options.k}", "HOME=/root", "LANG=C.UTF-8", "USER=root"]
    if terminal:
        size = os.get_terminal_size(sys.stdout.fileno())
        settings.append(f"tty={size.lines}x{size.columns}")
        environment.append("TERM=" + os.environ.get("TERM", "linux"))
    files = {"argv": strings(options.command), "env": strings(environment),
             "options": strings(settings)}
    if disks:
        # It has neither serial numbers nor virtio: a serial line is the port to the host.
        files["line"] = strings(disks)
    if options.p is not None:
        files["payload"] = b""
    return files


def main():
    options = parse(sys.argv[2:])
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    host.prepare()
    root, entry, image, init, modules, tests = gather(options)

    work = cache.run_directory()
    try:
        trees = [(tests, tree.INSTALLED)] if tests else []
        links = {}
        if options.r == "build":
            links = {"/usr/local/bin/" + name: "/usr/bin/" + entry.cc for name in entry.compilers}
            source = os.path.join(work, "src")
            if options.b:
                shutil.copytree(os.path.join(os.path.dirname(modules[MODULE]), "src"), source)
            tree.copy(tree.files(), source)
            trees.append((source, "/src"))
        writable = {}
        if options.p is not None:
            writable["payload"] = os.path.join(work, "payload")
            kernel.image(os.path.abspath(options.p), writable["payload"], room=256 << 20)
        initrd = os.path.join(work, "initrd")
        disks = uml.names(writable) if entry.um else []
        guest.initrd(initrd, entry, init, request(options, terminal, disks),
                     modules, trees, links)
        limit = options.t if options.t or terminal else 600
        return machine.run(root, entry, image, initrd, options, limit, writable, terminal, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    program(main)
