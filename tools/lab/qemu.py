# SPDX-License-Identifier: GPL-2.0
"""The virtual machine: its command line, and whether KVM is of use here."""

import os
import subprocess

import cache
import roots

# Writes 42 to the exit port: out 0xf4, al; then hlt for ever.
PROBE = bytes([0xba, 0xf4, 0x00, 0xb0, 0x2a, 0xee, 0xf4, 0xeb, 0xfd])
PROBE_STATUS = 42 << 1 | 1

# A busy machine may keep a guest's CPU for longer than the usual 21 seconds, which looks
# like a stall of RCU to its others; or for long enough that its TSC looks unsteady, and
# all other clocks take a way out of the guest to be read.
KERNEL_ARGS = ("console=ttyS0 ignore_loglevel printk.devkmsg=on panic=-1 oops=panic "
               "net.ifnames=0 random.trust_cpu=on rcupdate.rcu_cpu_stall_timeout=60 "
               "tsc=reliable rdinit=/init")


def inside(root, argv, work):
    """(argv, environment) that run QEMU in the build chroot."""
    return roots.inside(root, argv, work, same=cache.root())


def _probe(root, work):
    """Does KVM run a boot sector, and in less than a second?

    That /dev/kvm opens says little: nested in some hypervisors it works but is
    slower than emulation, or never gets anywhere.
    """
    path = os.path.join(work, "probe")
    with open(path, "wb") as file:
        file.write(PROBE.ljust(510, b"\0") + b"\x55\xaa")
    argv, environment = inside(root, [
        "timeout", "-s", "KILL", "1", "qemu-system-x86_64", "-accel", "kvm", "-cpu", "host",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
        "-drive", f"file={path.replace(',', ',,')},format=raw,if=ide"], work)
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", "--", *argv], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    return done.returncode == PROBE_STATUS


def accelerator(root, work):
    """"kvm" where it truly works, else "tcg"; found out once a boot of this machine."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    memory = os.path.join(cache.directory("probe"), "kvm")
    try:
        with open(memory, encoding="ascii") as file:
            known, _, name = file.read().strip().partition(" ")
        if known == boot and name in ("kvm", "tcg"):
            return name
    except OSError:
        pass
    name = "kvm" if _probe(root, work) else "tcg"
    with open(f"{memory}.{os.getpid()}", "w", encoding="ascii") as file:
        file.write(f"{boot} {name}\n")
    os.rename(file.name, memory)
    return name


def command(accel, kernel, image, initrd, options, data, console, writable):
    """argv of QEMU.

    data, console: descriptors of connected sockets; writable: {serial: path} of disks;
    options.other: a kernel whose modules are there as well, or None.
    """
    if accel == "kvm":
        machine = ["-accel", "kvm", "-cpu", "host"]
    else:
        machine = ["-accel", "tcg,thread=multi", "-cpu", "max"]
    argv = ["qemu-system-x86_64", *machine, "-machine", "q35", "-m", str(options.m),
            "-smp", str(options.c),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", kernel.boot, "-initrd", initrd,
            "-append", " ".join([KERNEL_ARGS, options.a,
                                 kernel.words(leaks="kmemleak=off" not in options.a)]),
            "-chardev", f"socket,id=console,fd={console}", "-serial", "chardev:console",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=data,fd={data}",
            "-device", "virtserialport,chardev=data,nr=1",
            "-device", "virtio-rng-pci"]
    disks = [("root", image, "on"), ("kernel", kernel.image, "on")]
    if options.other:
        disks.append(("other", options.other.image, "on"))
    disks += [(name, path, "off") for name, path in writable.items()]
    for name, path, readonly in disks:
        quoted = path.replace(",", ",,")
        argv += ["-drive", f"id={name},file={quoted},format=raw,if=none,cache=unsafe,"
                 f"readonly={readonly}",
                 "-device", f"virtio-blk-pci,drive={name},serial={name}"]
    return argv
