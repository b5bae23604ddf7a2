# SPDX-License-Identifier: GPL-2.0
"""Progress and errors, and the exit statuses of the lab's programs."""

import sys

USAGE = 2            # the command line is wrong
NO_KERNEL = 95       # a kernel of the table cannot be had
NO_BUILD = 96        # the module or the selftests do not build
NO_LOAD = 97         # the module does not load
DIED = 98            # the guest ended without an exit status
REPORT = 99          # the kernel log has a BUG, a WARNING or the like
TIMEOUT = 124        # no answer in time
FAILED = 125         # the lab itself failed


class LabError(Exception):
    """What went wrong, in one sentence, and the exit status for it."""

    def __init__(self, message, status=FAILED):
        super().__init__(message)
        self.status = status


def say(text):
    """One progress line. A single write, so lines of threads do not mix."""
    sys.stderr.write(f"tcp_census lab: {text}\n")
    sys.stderr.flush()


def program(main):
    """Run main(), turning its errors into a sentence and an exit status."""
    try:
        status = main()
    except LabError as error:
        say(error)
        status = error.status
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
