# SPDX-License-Identifier: GPL-2.0
"""The cache: things that take time to make, made once.

An artefact is a directory KIND/NAME. It is made in NAME.partial under an
exclusive lock and renamed when complete, so whatever has the final name was
finished; what is left of a killed run is found under the lock and removed.
A user holds the lock shared until its process ends, which keeps pruning away.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile

from say import FAILED, LabError, say

MARKER = ".complete"
_held = []           # locks kept until this process ends


def root():
    path = os.environ.get("TCP_CENSUS_CACHE")
    if not path:
        base = os.environ.get("XDG_CACHE_HOME")
        if not base:
            base = "/var/cache" if os.getuid() == 0 else os.path.expanduser("~/.cache")
        path = os.path.join(base, "tcp_census")
    path = os.path.abspath(path)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make the cache directory {path}: {error.strerror}; "
                       "set TCP_CENSUS_CACHE to one that can be written") from error
    return path


def directory(*parts):
    path = os.path.join(root(), *parts)
    os.makedirs(path, exist_ok=True)
    return path


def lock(name, exclusive=True, wait=None):
    """Lock NAME. wait: what to say when another run holds it; None: do not wait.

    Returns the open descriptor, or None if it was not to wait.
    """
    path = os.path.join(directory("locks"), name)
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    told = False
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                os.close(fd)
                return None
            if not told:
                say(f"waiting for another run: {wait}")
                told = True
            fcntl.flock(fd, mode)
        # Pruning removes lock files: make sure this is still the one in the directory.
        try:
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return fd
        except FileNotFoundError:
            pass
        os.close(fd)


def _recorded(path, files):
    found = {}
    for name in files:
        stat = os.lstat(os.path.join(path, name))
        found[name] = [stat.st_size, stat.st_mtime_ns]
    return found


def valid(path):
    """Is the artefact complete, and are its recorded files as they were made?"""
    try:
        with open(os.path.join(path, MARKER), encoding="utf-8") as file:
            files = json.load(file)
        return _recorded(path, files) == files
    except (OSError, ValueError):
        return False


def _regular(path, deep):
    """Names of the regular files in a directory, deep: or anywhere below it."""
    names = []
    for here, _, entries in os.walk(path):
        names += [os.path.relpath(os.path.join(here, entry), path) for entry in entries
                  if not os.path.islink(os.path.join(here, entry))]
        if not deep:
            break
    return names


def obtain(kind, name, what, build, files=None, deep=False):
    """The path of artefact KIND/NAME, made by build(directory, lock) if need be.

    files: those whose size and time are recorded and looked at on every use,
    by default all regular files at its top, deep: or anywhere in it. The lock is for child processes to
    inherit: a child that outlives a killed run keeps the next one waiting.
    """
    path = os.path.join(directory(kind), name)
    key = f"{kind}-{name}"
    while True:
        shared = lock(key, exclusive=False, wait=what)
        if valid(path):
            os.utime(path)
            _held.append(shared)
            return path
        os.close(shared)
        fd = lock(key, wait=what)
        try:
            if valid(path):
                continue
            partial = path + ".partial"
            if os.path.lexists(path):
                say(f"{what}: the copy in the cache is damaged, making it again")
            for stale in (path, partial):
                remove(stale)
            os.mkdir(partial)
            build(partial, fd)
            names = _regular(partial, deep) if files is None else files
            with open(os.path.join(partial, MARKER), "w", encoding="utf-8") as file:
                json.dump(_recorded(partial, names), file)
            os.rename(partial, path)
        finally:
            os.close(fd)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def prune(kind, keep, prefix=""):
    """Remove all but the newest used artefacts, and what killed runs left."""
    base = directory(kind)
    names = {entry.name.removesuffix(".partial"): 0.0 for entry in os.scandir(base)
             if entry.name.startswith(prefix)}
    for name in names:
        try:
            names[name] = os.stat(os.path.join(base, name)).st_mtime
        except FileNotFoundError:
            pass
    ranked = sorted(names, key=names.get, reverse=True)
    for place, name in enumerate(ranked):
        partial = os.path.join(base, name + ".partial")
        if place < keep and not os.path.lexists(partial):
            continue
        fd = lock(f"{kind}-{name}")
        if fd is None:
            continue
        remove(partial)
        path = os.path.join(base, name)
        if place >= keep:
            remove(path)
        if not os.path.lexists(path):
            os.unlink(os.path.join(directory("locks"), f"{kind}-{name}"))
        os.close(fd)


def run_directory():
    """A directory for this process alone, removed at its end or by a later run."""
    base = directory("run")
    guard = os.open(base, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(guard, fcntl.LOCK_EX)
    for entry in os.scandir(base):
        try:
            fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue    # its process has just removed it
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(entry.path)
        except BlockingIOError:
            pass
        os.close(fd)
    path = tempfile.mkdtemp(dir=base)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_EX)
    _held.append(fd)
    os.close(guard)
    return path


def command(argv, fail, fd=None, status=FAILED, quiet=False, **keywords):
    """Run a program to its end; it dies with this process. Returns its output.

    fail: the sentence for a failure. Its last lines are shown before that; or, if
    quiet, the first line in which it says "E:" is part of the sentence.
    """
    if fd is not None:
        keywords["pass_fds"] = (fd,)
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", "--", *argv], text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **keywords)
    if done.returncode == 0:
        return done.stdout
    lines = done.stdout.splitlines()
    if quiet:
        reason = next((line[2:].strip() for line in lines if line.startswith("E:")),
                      f"{argv[0]} ended with status {done.returncode}")
        raise LabError(f"{fail} ({reason})", status)
    text = "\n".join(lines[-40:])
    say(f"{os.path.basename(argv[0])} ended with status {done.returncode}:\n{text}")
    raise LabError(fail, status)
