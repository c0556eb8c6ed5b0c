"""Runs a shell that can do no harm: `confined.py SCRATCH SHELL SCRIPT`. It is a program of its own, started by `commands`.

Before the shell starts, the process drops root, is limited in processor time, open files and file sizes, leaves no core dump, and
(where Linux has Landlock) loses access to everything but the system's programs and its scratch directory, to TCP, and to
processes outside of it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_UNPRIVILEGED = 65534
_LIMITS = {
    resource.RLIMIT_CPU: 20,  # seconds
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 16 * 1024 * 1024,  # bytes, of the output too
    resource.RLIMIT_NOFILE: 256,
}
# Numbers and bits of <linux/landlock.h>; the system calls have the same numbers on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _PATH_BENEATH = 444, 445, 446, 1
_SET_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE, _READ, _READ_DIRECTORY = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_ALL_TCP, _ALL_SCOPES = 0b11, 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("directory", ctypes.c_int32))


def _restrict(scratch: str) -> None:
    """Restrict this process by Landlock; without effect on a kernel that has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    everything = _ALL_BY_VERSION[min(version, 5)]
    ruleset = _Ruleset(everything, _ALL_TCP if version >= 4 else 0, _ALL_SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    handle = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), 0)
    programs = dict.fromkeys(("/usr", "/bin", "/sbin", "/lib", "/lib64"), _EXECUTE | _READ | _READ_DIRECTORY)
    allowed = {**programs, "/dev/null": _READ | _WRITE, "/dev/zero": _READ, "/dev/urandom": _READ, scratch: everything}
    for path, access in allowed.items():
        if os.path.exists(path):
            rule = _PathRule(access, os.open(path, os.O_PATH | os.O_CLOEXEC))
            if libc.syscall(_ADD_RULE, handle, _PATH_BENEATH, ctypes.byref(rule), 0):
                raise OSError(ctypes.get_errno(), "Landlock refuses the rule", path)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(_RESTRICT_SELF, handle, 0):
        raise OSError(ctypes.get_errno(), "Landlock cannot restrict the process")


def _leave_root(scratch: Path) -> None:
    """Become an unprivileged user, who then owns the scratch directory."""
    for path in (scratch, *scratch.rglob("*")):
        os.chown(path, _UNPRIVILEGED, _UNPRIVILEGED, follow_symlinks=False)
    os.setgroups([])
    os.setgid(_UNPRIVILEGED)
    os.setuid(_UNPRIVILEGED)


def main(scratch: str, shell: str, script: str) -> None:
    """Confine this process and make it the shell."""
    if os.geteuid() == 0:
        _leave_root(Path(scratch))
    for limit, value in _LIMITS.items():
        resource.setrlimit(limit, (value, value))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
        signal.signal(number, signal.SIG_DFL)
    _restrict(scratch)
    os.execv(shell, [Path(shell).name, "-c", script])  # noqa: S606 - the shell is what is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
