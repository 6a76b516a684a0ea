"""Performs operations in this process, on the files, where no platform runs; importing it imports the platform."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from kumihimo.app.http import doors_of
from kumihimo.app.start import open_database, open_outbound
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.cli.operations.perform import perform
from kumihimo.cli.reach import Perform


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Perform]:
    """The way to perform operations on the files, which are open inside."""
    platform = wire(settings, SystemClock())
    async with open_database(platform), open_outbound(platform):
        yield partial(perform, doors_of(platform))
