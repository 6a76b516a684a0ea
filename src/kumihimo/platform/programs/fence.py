"""The filter of system calls around a program: classic BPF as the kernel takes it (seccomp(2), linux/filter.h); pure.

What is not named here ends the process at once: files, sockets, other processes, signals, new threads, the lot.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

REQUESTS: Final = 0
"""The descriptor from which a program's process reads its calls."""
ANSWERS: Final = 3
"""The descriptor on which it answers: none that print() writes to."""

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_KILL: Final = 0x80000000  # SECCOMP_RET_KILL_PROCESS
_ALLOW: Final = 0x7FFF0000  # SECCOMP_RET_ALLOW
_NUMBER: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16
_EXECUTABLE: Final = 4  # PROT_EXEC
_FUTEX: Final = (128, 129, 137, 393)
"""FUTEX_WAIT, FUTEX_WAKE and FUTEX_WAIT_BITSET within the process (with either clock)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of processor: its AUDIT_ARCH value and the numbers of its system calls."""

    arch: int
    read: int
    write: int
    mmap: int
    mprotect: int
    futex: int
    plain: tuple[int, ...]
    """munmap, mremap, brk, madvise, rt_sigreturn, restart_syscall, gettimeofday, clock_gettime, clock_getres, exit,
    exit_group: they touch the process's own memory, tell the time, or end it.
    """


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(0xC000003E, 0, 1, 9, 10, 202, (11, 25, 12, 28, 15, 219, 96, 228, 229, 60, 231)),
    "aarch64": Machine(0xC00000B7, 63, 64, 222, 226, 98, (215, 216, 214, 233, 139, 128, 169, 113, 114, 93, 94)),
}
"""By the name that uname gives; numbers from the kernel's tables of system calls for 64-bit processes."""


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _argument(number: int, place: int, allowed: tuple[int, ...]) -> list[bytes]:
    """A call that is allowed only where the low half of one of its arguments has one of these values."""
    inner = [_step(_LOAD, _ARGUMENTS + 8 * place)]
    for value in allowed:
        inner += [_step(_EQUAL, value, 0, 1), _step(_RETURN, _ALLOW)]
    inner.append(_step(_RETURN, _KILL))
    return [_step(_EQUAL, number, 0, len(inner)), *inner]


def _no_code(number: int) -> list[bytes]:
    """A call about memory that is allowed where it asks for none that can be run; its third argument says that."""
    inner = [
        _step(_LOAD, _ARGUMENTS + 8 * 2),
        _step(_ANY_BIT, _EXECUTABLE, 0, 1),
        _step(_RETURN, _KILL),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_EQUAL, number, 0, len(inner)), *inner]


def fence_of(machine: Machine) -> bytes:
    """The filter, as an array of struct sock_filter."""
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.arch, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    for number in machine.plain:
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ALLOW)]
    steps += _argument(machine.read, 0, (REQUESTS,))
    steps += _argument(machine.write, 0, (ANSWERS,))
    steps += _argument(machine.futex, 1, _FUTEX)
    steps += _no_code(machine.mmap)
    steps += _no_code(machine.mprotect)
    steps.append(_step(_RETURN, _KILL))
    return b"".join(steps)
