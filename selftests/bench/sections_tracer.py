# SPDX-License-Identifier: GPL-2.0
"""The kernel's tracer, set to the sections of the module; see the program sections."""

import bisect
import collections
import os
import re
import subprocess

TRACING = "/sys/kernel/tracing"
HANDLER = "tcpc_events_probe"
PASS, PASS_END = "tcpc_pass_begin", "tcpc_pass_end"
NOT_SEEN = "tcpc_pass_count"
LISTEN = 10

# What begins a section: {function: (what ends it, which kind)}.
PAIRS = {
    "__rcu_read_lock": ("__rcu_read_unlock", "rcu"),
    "_raw_spin_lock_bh": ("_raw_spin_unlock_bh", "bh"),
    "_raw_spin_lock_irq": ("_raw_spin_unlock_irq", "irq"),
    "_raw_spin_lock_irqsave": ("_raw_spin_unlock_irqrestore", "irq"),
}
# local_bh_disable() is no call, but a lock is taken right after it, in this function.
BH_BY_HAND = "tcpc_act_probe"

LINE = re.compile(r"-(\d+)\s+\[\d+\]\s+(?:\S+\s+)?(\d+\.\d+): (\w+): .*?"
                  r"(?:caller=(0x[0-9a-f]+) call=(-?\d+)|old=(\d+))?$")
EVENTS = re.compile(r"entries-in-buffer/entries-written: (\d+)/(\d+)")


class Failed(Exception):
    """What was to be measured was not."""


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Tracer:
    """The kernel's tracer, set to the module's sections."""

    def __init__(self):
        if not os.path.exists(TRACING + "/kprobe_events"):
            os.makedirs(TRACING, exist_ok=True)
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)
        symbols = [line.split() for line in read("/proc/kallsyms").splitlines()]
        self.text = sorted((int(symbol[0], 16), symbol[2]) for symbol in symbols
                           if symbol[1] in "tT" and symbol[-1] == "[tcp_census]")
        self.starts = [at for at, _ in self.text]
        self.begin, self.end = self.starts[0], self.starts[-1] + 8192 & ~4095
        self.functions = {symbol[2]: int(symbol[0], 16) for symbol in symbols
                          if len(symbol) == 3}
        self.off()
        write(TRACING + "/buffer_size_kb", "65536")
        callers = f"caller >= {self.begin:#x} && caller < {self.end:#x}"
        # The handler is measured by itself.
        for name in (NOT_SEEN, HANDLER):
            at, after = self._span(name)
            callers += f" && (caller < {at:#x} || caller >= {after:#x})"
        for begin, (finish, _) in PAIRS.items():
            self._probe(begin, callers)
            self._probe(finish, callers)
        at, after = self._span(BH_BY_HAND)
        for name in ("_raw_spin_lock", "_raw_spin_unlock"):
            self._probe(name, f"caller >= {at:#x} && caller < {after:#x}")
        self._define("p:sections/pass " + PASS)
        self._define("p:sections/ended " + PASS_END)
        # Its third argument is the state before.
        self._define(f"p:sections/handler {HANDLER} old=%dx:s32")
        self._define("r:sections/handled " + HANDLER)

    def _define(self, text):
        # Not with open(): it would look for the end of the file, which is refused.
        fd = os.open(TRACING + "/kprobe_events", os.O_WRONLY | os.O_APPEND)
        os.write(fd, (text + "\n").encode())
        os.close(fd)

    def _probe(self, name, condition):
        self._define(f"p:sections/{name} {name} caller=$stack0:x64 call=-4($stack0):s32")
        write(f"{TRACING}/events/sections/{name}/filter", condition)

    def _span(self, name):
        at = next(at for at, symbol in self.text if symbol == name)
        return at, next((start for start in self.starts if start > at), at + 4096)

    def _own(self, function, called):
        """Was that called by the module, and not in the end of what the module called?"""
        return called == self.functions[function] or self.begin <= called < self.end

    def name(self, address):
        return self.text[bisect.bisect_right(self.starts, address) - 1][1].split(".")[0]

    def off(self):
        write(TRACING + "/tracing_on", "0")
        if os.path.exists(TRACING + "/events/sections/enable"):
            write(TRACING + "/events/sections/enable", "0")
            write(TRACING + "/kprobe_events", "")
        write(TRACING + "/trace", "")

    def run(self, work, handler=False):
        """Trace work(); the sections seen, as runs: see sections()."""
        write(TRACING + "/trace", "")
        for name in os.listdir(TRACING + "/events/sections"):
            path = f"{TRACING}/events/sections/{name}/enable"
            if os.path.exists(path):
                write(path, "1" if name.startswith("handle") == handler else "0")
        write(TRACING + "/tracing_on", "1")
        work()
        write(TRACING + "/tracing_on", "0")
        write(TRACING + "/events/sections/enable", "0")
        return self.sections(read(TRACING + "/trace").splitlines())

    def passes(self):
        """(how many passes of the reaper began, how many ended), while traced."""
        hits = {line.split()[0]: int(line.split()[1])
                for line in read(TRACING + "/kprobe_profile").splitlines()}
        return hits["pass"], hits["ended"]

    def sections(self, lines):
        """[{kind: [(us, function)]}], one for each pass of the reaper and what was before."""
        runs = [collections.defaultdict(list)]
        open_ = collections.defaultdict(list)   # (task, what ends it): [(time, caller)]
        ends = {finish: kind for finish, kind in PAIRS.values()}
        ends |= {"_raw_spin_unlock": "bh", "handled": "handler"}
        begins = {begin: finish for begin, (finish, _) in PAIRS.items()}
        begins |= {"_raw_spin_lock": "_raw_spin_unlock", "handler": "handled"}
        if not any("entries-written" in line for line in lines[:20]):
            raise Failed("the trace does not say how many events there were")
        for line in lines:
            match = LINE.search(line)
            if not match:
                if "entries-written" in line:
                    kept, written = EVENTS.search(line).groups()
                    if kept != written:
                        raise Failed(f"of {written} events {kept} were kept")
                continue
            task, when, event, caller, call, old = match.groups()
            when = int(when.replace(".", ""))
            if caller and not self._own(event, int(caller, 16) + int(call)):
                continue
            if event == "pass":
                runs.append(collections.defaultdict(list))
            elif event in begins:
                open_[task, begins[event]].append((when, old or caller))
            elif event in ends:
                if not open_[task, event]:
                    raise Failed(f"{event} after {self.name(int(caller, 16))} ends no section")
                begin, place = open_[task, event].pop()
                if not open_[task, event]:
                    self._keep(runs[-1], ends[event], when - begin, place)
        for (_, event), left in open_.items():
            if left:
                raise Failed(f"{event} is missing for a section that began in "
                             f"{self.name(int(left[0][1], 16))}")
        return runs

    def _keep(self, run, kind, us, place):
        if kind == "handler":
            run["closing" if int(place) == LISTEN else kind].append((us, HANDLER))
            return
        function = self.name(int(place, 16))
        run[kind].append((us, function))
        if kind == "bh" and function.startswith("tcpc_queue_"):
            run["queue"].append((us, function))
