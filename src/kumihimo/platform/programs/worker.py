"""One process of one program: begun, asked, watched, ended. Nothing that it says is taken at its word."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import platform
import re
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kumihimo.base.errors import Problem
from kumihimo.base.jsontext import dumps, loads
from kumihimo.platform.programs.fence import MACHINES, fence_of
from kumihimo.platform.programs.models import (
    MAX_ANSWER,
    MAX_CALL,
    MAX_DEPTH,
    MODULES,
    Program,
    ProgramFailed,
    ProgramLate,
    ProgramReached,
    ProgramsUnsafe,
    check_given,
    check_taken,
)

CALL_SECONDS: Final = 1.0
BEGIN_SECONDS: Final = 20.0
"""Until a process is ready; a machine under load starts an interpreter slowly."""
LIFE_SECONDS: Final = 30.0
"""How long a process may reckon in all before it is replaced between two calls."""
_END_SECONDS: Final = 5.0
MEMORY: Final = 256 * 1024 * 1024
_CPU: Final = int(LIFE_SECONDS) + 10
_CELL: Final = Path(__file__).with_name("cell.py")
_SAID: Final = re.compile(r"(?:[A-Za-z]{1,40}(?: in line \d{1,6})?|no function [A-Za-z_][A-Za-z0-9_]{0,63})\Z")
_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0"}
"""All that the process finds there: so that sets have the same order at work as on the past."""


def fence_here() -> bytes:
    """The filter for this machine. ProgramsUnsafe where there is none."""
    machine = MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None or sys.maxsize < 2**32:
        raise ProgramsUnsafe(
            f"この機械（{platform.system()}、{platform.machine()}）では、パックのプログラムを安全に動かせません",
            f"programs of packs are not run on {platform.system()} with {platform.machine()}: only Linux on x86_64 and"
            " aarch64 can keep them from doing more than reckon",
        )
    return fence_of(machine)


class Worker:
    """A program's process. It answers one call at a time; whoever calls it sees to that."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._reckoned = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process, None where there is none."""
        return None if self._process is None else self._process.pid

    async def begin(self) -> None:
        """Starts the process, with the filter around it. ProgramFailed, ProgramsUnsafe."""
        await self.end()
        fence = fence_here()
        order = {
            "source": self._program.source,
            "imports": sorted(MODULES.intersection(self._program.imports)),
            "functions": [one.name for one in self._program.functions],
            "fence": base64.b64encode(fence).decode(),
            "cpu": _CPU,
            "memory": MEMORY,
            "parent": os.getpid(),
        }
        with tempfile.TemporaryDirectory(prefix="kumihimo-program-") as empty:
            self._process = await _started(empty)
            await self._asked(order, BEGIN_SECONDS)
        self._reckoned = 0.0

    async def call(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a function gives for what it is given, both held against what it declares. ProgramFailed.

        A process that died, was ended, or has lived long enough is begun anew.
        """
        function = self._program.function(name)
        if function is None:
            raise ProgramFailed(
                f"プログラムに関数 {name[:64]!r} はありません", f"no function {name[:64]!r} is declared"
            )
        check_taken(function, given)
        if self._process is None or self._process.returncode is not None or self._reckoned > LIFE_SECONDS:
            await self.begin()
        found = await self._asked({"function": name, "arguments": dict(given)}, CALL_SECONDS)
        return check_given(function, found)

    async def end(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())

    async def _asked(self, message: dict[str, Any], seconds: float) -> Any:
        """One question and its answer. Whatever goes wrong ends the process, so that nothing late is taken for the next
        answer; a program that says itself that it failed goes on.
        """
        process, mark = self._process, secrets.token_hex(16)
        if process is None:
            raise ProgramFailed("プログラムが動いていません", "the program does not run")
        line = dumps({"id": mark, **message})
        if len(line) > MAX_CALL:
            raise ProgramFailed(
                f"関数に渡す値が大きすぎます（{MAX_CALL} バイトまで）",
                f"what the function is given has more than {MAX_CALL} bytes",
            )
        answered, begun = False, asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds):
                answer = await _exchanged(process, line)
            found = _read(answer, mark)
            answered = True
        except TimeoutError as problem:
            raise ProgramLate(
                f"プログラムが {seconds:g} 秒以内に答えませんでした", f"the program gave no answer within {seconds:g} s"
            ) from problem
        except (EOFError, OSError) as problem:
            raise await _died(process) from problem
        finally:
            self._reckoned += asyncio.get_running_loop().time() - begun
            if not answered:
                await self.end()
        return _gives(found)


async def _started(empty: str) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-s", "-P", "-S", "-B", str(_CELL)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=empty,
            env=_ENVIRONMENT,
            limit=MAX_ANSWER,
        )
    except OSError as problem:
        why = type(problem).__name__
        raise ProgramFailed(
            f"プログラムのプロセスを始められません（{why}）", f"no process can be started for the program: {why}"
        ) from problem


async def _exchanged(process: asyncio.subprocess.Process, line: bytes) -> bytes:
    """The line that comes back. EOFError, OSError where the process is gone; ProgramFailed for one that is too long."""
    writer, reader = process.stdin, process.stdout
    if writer is None or reader is None:
        raise EOFError
    writer.write(line + b"\n")
    await writer.drain()
    try:
        answer = await reader.readline()
    except ValueError as problem:
        raise ProgramFailed(
            f"プログラムの答えが大きすぎます（{MAX_ANSWER} バイトまで）",
            f"the program's answer has more than {MAX_ANSWER} bytes",
        ) from problem
    if not answer.endswith(b"\n"):
        raise EOFError
    return answer


def _read(answer: bytes, mark: str) -> dict[str, Any]:
    try:
        found = loads(answer, max_bytes=MAX_ANSWER, max_depth=MAX_DEPTH)
    except Problem as problem:
        raise ProgramFailed("プログラムの答えを読めません", "the program's answer cannot be read") from problem
    if not isinstance(found, dict) or found.get("id") != mark:
        raise ProgramFailed(
            "プログラムが、聞かれていない答えを出しました", "the program gave an answer nobody asked for"
        )
    return found


def _gives(found: Mapping[str, Any]) -> Any:
    if "unsafe" in found:
        raise ProgramsUnsafe(
            "この基盤では、プログラムを囲うフィルターを設定できないため、パックのプログラムは動きません",
            "the filter around programs cannot be set here, so programs of packs are not run",
        )
    if "failed" in found:
        said = str(found["failed"])
        said = said if _SAID.match(said) else "error"
        raise ProgramFailed(f"プログラムが失敗しました（{said}）", f"the program failed: {said}")
    return found.get("gives")


async def _died(process: asyncio.subprocess.Process) -> ProgramFailed:
    """What became of a process that closed its pipe: the kernel has ended it, or is about to."""
    try:
        async with asyncio.timeout(_END_SECONDS):
            code = await process.wait()
    except TimeoutError:
        return ProgramFailed("プログラムが答えずに通信を閉じました", "the program closed its pipe without an answer")
    if code == -signal.SIGSYS:
        return ProgramReached(
            "プログラムが計算以外のこと（ファイル、通信、ほかのプロセスなど）をしようとしたため、終わらせました",
            "the program tried to do more than reckon (files, network, other processes or the like) and was ended",
        )
    return ProgramFailed(
        f"プログラムのプロセスが答える前に終わりました（{code}）",
        f"the program's process ended before it answered ({code})",
    )
