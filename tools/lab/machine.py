# SPDX-License-Identifier: GPL-2.0
"""One run of a guest: its output out, its end judged."""

import fcntl
import os
import re
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import tty

import guest
import qemu
import report
import uml
from say import DIED, NO_LOAD, REPORT, TIMEOUT, say

MARK = b"tcp_census_lab: end of run"
INIT = b"Run /init as init process"
ASSERTION = re.compile(r"^qemu-system-\w+: .*: Assertion `.*' failed\.$")
DROPPED = re.compile(r"\*\* \d+ printk messages dropped \*\*")
MARK_SECONDS = 120   # for the console to catch up with the end of the command
HALT_SECONDS = 90    # for a whole system to come to its end


class Run:
    """The sockets to a guest, and what came out of them."""

    def __init__(self, terminal):
        self.data, self.guest_data = socket.socketpair()
        self.console, self.guest_console = socket.socketpair()
        self.terminal = terminal
        self.frames = guest.Frames()
        self.log = bytearray()
        self.status = None
        self.failure = None
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.data, selectors.EVENT_READ, self._from_guest)
        self.selector.register(self.console, selectors.EVENT_READ, self._from_console)
        if terminal:
            self.selector.register(0, selectors.EVENT_READ, self._from_keyboard)
            signal.signal(signal.SIGWINCH, lambda *_: self._window())

    def _receive(self, sock):
        try:
            data = sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            self.selector.unregister(sock)
        return data

    def _from_guest(self):
        for kind, data in self.frames.feed(self._receive(self.data)):
            if kind == b"o":
                _write(1, data)
            elif kind == b"e":
                _write(2, data)
            elif kind == b"s" and self.terminal:
                self._window()
            elif kind == b"x":
                self.status = struct.unpack("<i", data)[0]
            elif kind == b"f":
                self.failure = data.decode(errors="replace")

    def _from_console(self):
        self.log += self._receive(self.console)

    def _from_keyboard(self):
        data = os.read(0, 4096)
        if data:
            self.data.sendall(guest.frame(b"i", data))
        else:
            self.selector.unregister(0)

    def _window(self):
        size = fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8))
        try:
            self.data.sendall(guest.frame(b"w", size[:4]))
        except OSError:
            pass

    def ended(self):
        return self.status is not None or self.failure is not None

    def text(self):
        """The kernel's log."""
        return self.log.decode(errors="replace").replace("\r", "")

    def gave_up(self, errors):
        """What QEMU said if a mistake of its own ended it before the guest's init began.

        One was seen while a kernel with two processors laid out its PCI devices.
        """
        if INIT in self.log or report.faults(self.text()):
            return None
        with open(errors, encoding="utf-8", errors="replace") as file:
            return next(filter(ASSERTION.search, file.read().splitlines()), None)

    def pump(self, until, done):
        """Handle what comes until done() or that time. False: time is up."""
        while not done():
            if not {self.data, self.console} & {key.fileobj for key in
                                                self.selector.get_map().values()}:
                return True
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            for key, _ in self.selector.select(left):
                key.data()
        return True


def _write(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def run(root, kernel, image, initrd, options, limit, writable, terminal, work):
    """Boot, run, judge; returns the exit status of tools/vm.

    writable: {serial: path} of disks the guest may write. One that is called state
    outlives the run, so the guest is left to shut down by itself.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    errors = os.path.join(work, "qemu")
    again = True
    while True:
        here = Run(terminal)
        try:
            in_time = _boot(here, root, kernel, image, initrd, options, limit, writable, errors,
                            work)
        except BrokenPipeError:
            # Nobody reads the output any more: end as the command would.
            sys.stderr.flush()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 128 + signal.SIGPIPE
        gave_up = in_time and here.gave_up(errors)
        if not (again and gave_up):
            return _judge(here, kernel, in_time, limit, errors)
        say(f"the emulator gave up before the guest had begun, trying once more: {gave_up}")
        again = False


def _boot(here, root, kernel, image, initrd, options, limit, writable, errors, work):
    """One guest, until it has ended or time is up (then it returns False)."""
    ends = (here.guest_data.fileno(), here.guest_console.fileno())
    if kernel.um:
        argv, environment = uml.command(root, kernel, image, initrd, options, *ends, writable, work)
    else:
        argv, environment = qemu.inside(root, qemu.command(
            qemu.accelerator(root, work), kernel, image, initrd, options, *ends, writable), work)
    saved = termios.tcgetattr(0) if here.terminal else None
    with open(errors, "wb") as file, \
         subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *argv], pass_fds=ends,
                          env=environment,
                          stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                          # The terminal's Ctrl-C is for this process to handle.
                          start_new_session=True) as process:
        try:
            here.guest_data.close()
            here.guest_console.close()
            if here.terminal:
                tty.setraw(0)
            until = time.monotonic() + limit if limit else None
            in_time = here.pump(until, here.ended)
            if here.ended():
                here.pump(time.monotonic() + MARK_SECONDS, lambda: MARK in here.log)
            if here.status is not None and "state" in writable:
                in_time = here.pump(time.monotonic() + HALT_SECONDS, lambda: False)
            return in_time
        finally:
            process.kill()
            process.wait()
            if here.terminal:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)


def _show_end(log):
    sys.stderr.write("".join(line + "\n" for line in log.splitlines()[-30:]))


def _judge(here, kernel, in_time, limit, errors):
    log = here.text()
    faults = report.faults(log)
    if faults:
        sys.stderr.write(log)
        say(f"the log of linux {kernel.release} above has a report: {faults[0].strip()}")
        if here.failure is not None:
            say(here.failure)
        return REPORT
    if here.failure is not None:
        _show_end(log)
        say(f"linux {kernel.release}: {here.failure}")
        return NO_LOAD
    if here.status is not None and in_time:
        if MARK not in here.log or DROPPED.search(log):
            say("the console did not catch up with the command: the kernel log was not all seen")
            return DIED
        return here.status
    if not in_time:
        _show_end(log)
        say(f"linux {kernel.release} gave no answer within {limit} s")
        return TIMEOUT
    sys.stderr.write(log)
    with open(errors, encoding="utf-8", errors="replace") as file:
        sys.stderr.write(file.read())
    say(f"the guest with linux {kernel.release} died")
    return DIED
