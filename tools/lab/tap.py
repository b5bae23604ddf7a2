# SPDX-License-Identifier: GPL-2.0
"""Counting test results in TAP."""

import dataclasses
import re

RESULT = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:- )?(.*)")
PLAN = re.compile(r"1\.\.(\d+)\b")


@dataclasses.dataclass
class Count:
    """Results, and the reasons of the failures."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list = dataclasses.field(default_factory=list)

    def fail(self, reason):
        self.failed += 1
        self.reasons.append(reason)

    def total(self):
        return self.passed + self.failed + self.skipped

    def result(self, line, where=""):
        """Count the line if it is a result; returns whether it is."""
        match = RESULT.match(line)
        if not match:
            return False
        failed, _, name = match.groups()
        if re.search(r"#\s*(SKIP|XFAIL|TODO)", name, re.I):
            self.skipped += 1
        elif failed:
            self.fail(f"{where}{name}")
        else:
            self.passed += 1
        return True

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped, self.reasons + other.reasons)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def _planned(count, plan, what):
    if plan is not None and plan != count.total():
        count.fail(f"{what}: {count.total()} results, the plan says {plan}")


def flat(lines, where=""):
    """TAP without subtests."""
    count, plan = Count(), None
    for line in lines:
        if PLAN.match(line):
            plan = int(PLAN.match(line)[1])
        elif line.startswith("Bail out!"):
            count.fail(where + line)
        else:
            count.result(line, where)
    _planned(count, plan, where.rstrip(": ") or "all")
    return count


def kselftest(lines):
    """The output of the kernel's runner: a line of TAP for each program, and
    before it what the program printed, TAP as a rule, each line after "# ".

    What counts is each program's subtests, or the program if it has none.
    """
    total, inner, plan, programs = Count(), [], None, 0
    for line in lines:
        match = RESULT.match(line)
        if line.startswith("# "):
            inner.append(line[2:])
        elif PLAN.match(line):
            plan = int(PLAN.match(line)[1])
        elif line.startswith("Bail out!"):
            total.fail(line)
        elif match:
            programs += 1
            name = match[3].split(" # ")[0].split(": ")[-1].strip()
            count = flat(inner, name + ": ")
            if not count.total() or (match[1] and not count.failed):
                count.result(line)
            total += count
            inner = []
    if plan is None:
        total.fail("no TAP plan from the runner")
    elif plan != programs:
        total.fail(f"{programs} test programs ended, the plan says {plan}")
        # Of the program that was cut off.
        total += flat([line for line in inner if not PLAN.match(line)])
    return total
