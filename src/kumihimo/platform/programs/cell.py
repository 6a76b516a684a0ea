"""The inside of a program's process. It is run by its path, by a bare interpreter, and knows nothing of the platform.

First line in: the program, the modules that it imports, the filter and the limits. The modules are imported, the limits
set and the filter put around the process; only then is anything of the program read or run. From there on the process
can read its calls, write its answers, reckon, and end.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from types import CodeType
from typing import Any, NoReturn

REQUESTS, ANSWERS = 0, 3
NAME = "program.py"
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
LAZY = {"datetime": ("_strptime",), "collections": ("collections.abc",)}
"""Modules that a module imports only when it is used, which would be too late."""


class _Fence(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


class _Nowhere:
    """Where print() writes."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Nothing is kept."""
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


class _Undeclared:
    """Says in words what the filter would end: an import of what was not imported before."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """ImportError, always."""
        del path, target
        raise ImportError(f"{name} was not declared")


class _Lines:
    """The lines that come in."""

    def __init__(self) -> None:
        self._held = b""

    def next(self) -> bytes:
        """The next line; b"" where there are no more."""
        while b"\n" not in self._held:
            more = os.read(REQUESTS, 65536)
            if not more:
                return b""
            self._held += more
        line, _, self._held = self._held.partition(b"\n")
        return line


def _write(message: dict[str, Any]) -> None:
    rest = json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
    while rest:
        rest = rest[os.write(ANSWERS, rest) :]


def _descriptors() -> None:
    """Leaves the two pipes alone: the answers go where no print() reaches."""
    os.dup2(1, ANSWERS)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for one in (1, 2):
        os.dup2(nowhere, one)
    os.closerange(ANSWERS + 1, 1024)
    sys.stdin = None
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = _Nowhere()  # type: ignore[assignment, misc]


def _limits(cpu: int, memory: int) -> None:
    """Sets them for good: cpu in seconds, memory in bytes."""
    wanted = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_NOFILE: ANSWERS + 1,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in wanted.items():
        resource.setrlimit(what, (most, most))


def _enclose(steps: bytes, parent: int) -> None:
    """Puts the filter around the process, for good. OSError where the system does not take it."""
    held = ctypes.create_string_buffer(steps, len(steps))
    fence = _Fence(len(steps) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    for what, value, more in (
        (PR_SET_PDEATHSIG, signal.SIGKILL, 0),
        (PR_SET_DUMPABLE, 0, 0),
        (PR_SET_NO_NEW_PRIVS, 1, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(fence)),
    ):
        if libc.prctl(what, value, more, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {what}")
        if what == PR_SET_PDEATHSIG and os.getppid() != parent:
            os._exit(0)


def _prepare(order: dict[str, Any]) -> None:
    _descriptors()
    for name in order["imports"]:
        importlib.import_module(name)
        for lazy in LAZY.get(name, ()):
            importlib.import_module(lazy)
    sys.path[:] = []
    sys.path_importer_cache.clear()
    _limits(order["cpu"], order["memory"])
    _enclose(base64.b64decode(order["fence"]), order["parent"])
    sys.meta_path[:] = [_Undeclared]


def _told(problem: BaseException) -> str:
    """What went wrong and in which line of the program; nothing of what it was given, and no words of its own."""
    line, trace = 0, problem.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(problem, SyntaxError) and problem.filename == NAME:
        line = problem.lineno or 0
    name = next((one.__name__ for one in type(problem).__mro__ if one.__module__ == "builtins"), "error")
    return f"{name} in line {line}" if line else name


def _namespace(code: CodeType) -> dict[str, Any]:
    """The program run from its first line: no call finds what another left."""
    found: dict[str, Any] = {"__name__": "program", "__builtins__": builtins}
    exec(code, found)  # noqa: S102 - what is run here is what the fence is for
    return found


def _answer(code: CodeType, call: dict[str, Any]) -> None:
    try:
        found = _namespace(code)[call["function"]](**call["arguments"])
        _write({"id": call["id"], "gives": found})
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is told
        _write({"id": call["id"], "failed": _told(problem)})


def _begin(order: dict[str, Any]) -> CodeType | None:
    try:
        code = compile(order["source"], NAME, "exec", dont_inherit=True)
        found = _namespace(code)
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is told
        _write({"id": order["id"], "failed": _told(problem)})
        return None
    missing = [name for name in order["functions"] if not callable(found.get(name))]
    _write({"id": order["id"], **({"failed": f"no function {missing[0]}"} if missing else {"gives": {}})})
    return None if missing else code


def main() -> NoReturn:
    """Reads the program, encloses itself, and answers calls until there are no more."""
    lines = _Lines()
    order = json.loads(lines.next())
    try:
        _prepare(order)
    except (OSError, ValueError, ImportError) as problem:
        with contextlib.suppress(OSError):
            _write({"id": order["id"], "unsafe": f"{type(problem).__name__}: {problem}"})
        os._exit(1)
    code = _begin(order)
    while code is not None and (line := lines.next()):
        _answer(code, json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main()
