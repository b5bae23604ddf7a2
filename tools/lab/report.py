# SPDX-License-Identifier: GPL-2.0
"""What counts as a fault in a kernel log."""

import re

# Looked for in the text of each message, after its time stamp.
FAULTS = re.compile(r"""
      \bBUG:                                    # also KASAN, KCSAN, kfence, bad page, NULL pointer
    | \bkernel\ BUG\ at\b
    | \bWARNING:
    | \bOops\b
    | \bCall\ Trace:
    | \bKernel\ panic\b
    | \b(KASAN|KCSAN|KMSAN|UBSAN|KFENCE):
    | \bgeneral\ protection\b
    | \bstack\ segment:
    | \bdouble\ fault\b
    | \binvalid\ opcode:
    | \bunable\ to\ handle\ (page\ fault|kernel)
    | \bunregister_netdevice:\ waiting\b
    | \brcu\b.*\b(detected|self-detected)\b.*\bstall
    | \bstalls?\ on\ CPUs/tasks\b
    | \bsuspicious\ RCU\ usage\b
    | \bINFO:\ (task\b.*\bblocked|rcu_|trying\ to\ register|possible\ recursive|inconsistent\ lock)
    | \bpossible\ (circular|recursive|irq)\b.*\block
    | \binconsistent\ lock\ state\b
    | \bsoft\ lockup\b | \bhard\ LOCKUP\b | \bhung\ task\b
    | \bkmemleak:\ \d+\ new\ suspected
    | \bODEBUG:
    | \bsleeping\ function\ called\ from\b
    | \bscheduling\ while\ atomic\b
    | \brefcount_t:
    | \bAttempt\ to\ release\ (TCP|alive)\b
    | \blist_(add|del)\ corruption\b
    | \bslab\b.*\b(corrupt|Objects\ remaining)
    | \bObjects\ remaining\ in\b
    """, re.X)

# Lines of a healthy boot that look like one.
HARMLESS = re.compile(r"""
      Spectre\ V2\ :\ WARNING:                  # about the machine, not the module
    | \bKASLR\ disabled
    | \b(UBSAN|KASAN|KFENCE|KCSAN|kasan|kcsan|kfence):\ (initialized|KernelAddressSanitizer|enabled)
    | \bKernelAddressSanitizer\ initialized
    | Command\ line: | Kernel\ command\ line:
    """, re.X)


# A report of KCSAN, between two lines of these.
KCSAN = re.compile(r"^[^\n]*={50}\n[^\n]*\bBUG: KCSAN: .*?^[^\n]*={50}$", re.M | re.S)
OURS = "[tcp_census"
# Whoever calls this reads a word that the tick writes, and the kernel does not say so.
CLOCK = re.compile(r"\bBUG: KCSAN: data-race in ktime_get_(real_)?seconds / timekeeping_\w+$", re.M)


def faults(log):
    """Lines of the log that report a fault.

    The kernel has races of its own that nobody minds; KCSAN's reports count where one of
    the two that race is in a module of the project.
    """
    def kept(match):
        if OURS in match[0] and not CLOCK.search(match[0]):
            return match[0]
        # What another processor said meanwhile stays.
        return match[0].replace("BUG: KCSAN: ", "")

    log = KCSAN.sub(kept, log)
    return [line for line in log.splitlines()
            if FAULTS.search(line) and not HARMLESS.search(line)]
