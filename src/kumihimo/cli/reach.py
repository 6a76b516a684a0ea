"""Reaches a platform: over its socket when it runs, on its files when nobody has them open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kumihimo.base.errors import Problem
from kumihimo.base.settings import Settings, SettingsError
from kumihimo.cli.say import fail
from kumihimo.cli.socket import ask
from kumihimo.cli.words import said

Perform = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Performs an operation by name. Problem where it is refused."""


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[Perform]:
    """The way to perform operations wherever the data is; files are opened once, however many follow."""
    data = Path(settings.data)
    if await _runs(data):
        yield partial(ask, data)
        return
    from kumihimo.cli.here import opened

    async with opened(settings) as perform:
        yield perform


async def _runs(data: Path) -> bool:
    """Whether a platform answers on the folder's socket."""
    try:
        await ask(data, "status", {})
    except ConnectionError:
        return False
    return True


async def _once(settings: Settings, operation: str, given: dict[str, Any]) -> Any:
    async with reached(settings) as do:
        return await do(operation, given)


def run(settings: Settings, operation: str, **given: Any) -> Any:
    """Performs one operation for a command: a refusal ends with exit code 1 and the reason, a wrong setting with 2."""
    try:
        return asyncio.run(_once(settings, operation, given))
    except (Problem, ConnectionError) as problem:
        raise fail(said(problem)) from problem
    except SettingsError as problem:
        raise fail(str(problem), code=2) from problem


def ask_running(settings: Settings, operation: str, **given: Any) -> Any:
    """As run, for what only a platform that is running knows."""
    try:
        return asyncio.run(ask(Path(settings.data), operation, given))
    except (Problem, ConnectionError) as problem:
        raise fail(said(problem)) from problem
