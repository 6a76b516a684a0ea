"""A whole platform in this process: every room real, listening on loopback at free ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.flows.trace import Trace, traced

from kumihimo.app.platform import Platform
from kumihimo.app.start import run
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    settings = Settings(
        data=str(tmp_path / "data"), host="127.0.0.1", port=0, mqtt_port=0, open=True, outbound_private=True
    )
    made = wire(settings, SystemClock())
    started = asyncio.Event()
    running = asyncio.create_task(run(made, started=started.set))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=30)
    waiting.cancel()
    if running.done():
        await running
    yield made
    made.stop.set()
    assert await running, "a part of the platform failed"


@pytest.fixture
def trace() -> Iterator[Trace]:
    """Set `on` while the story is told."""
    with traced() as made:
        yield made
