"""Chromium and a served application for the browser tests."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright
from tests.browser.watch import AXE, Watch, open_watch
from tests.service.console.console_town import SCHEMAS, Factory, Town

Serve = Callable[..., Awaitable["Served"]]
Open = Callable[..., Awaitable[Watch]]


class Served:
    """An application behind a real socket on loopback."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://localhost:{self.port}"
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        async with asyncio.timeout(10):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn offers a flag, no event
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
            self._task = None
        self._socket.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves applications on free ports of loopback."""
    running: list[Served] = []

    async def start(app: Any, port: int = 0) -> Served:
        served = Served(app, port)
        await served.start()
        running.append(served)
        return served

    yield start
    for served in running:
        await served.stop()


@pytest.fixture
async def town(database_factory: Factory) -> Town:
    """A small town on the real rooms with the console in front."""
    town = Town(await database_factory(SCHEMAS), ping=1.0)
    await town.fill()
    return town


@pytest.fixture
def chromium_path() -> str:
    """Where Chromium is; the reason in one line where it, or axe, is missing."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    reason = "" if found else "Chromium is missing: apt-get install chromium"
    reason = reason or ("" if _has_japanese() else "no Japanese font is there: apt-get install fonts-noto-cjk")
    reason = reason or ("" if AXE.is_file() else "axe-core is missing: make peers")
    if not reason:
        return found
    pytest.skip(reason)


def _has_japanese() -> bool:
    """Whether a font of this machine can write Japanese (asked of fontconfig, as Chromium does)."""
    listed = subprocess.run(["fc-list", ":lang=ja", "family"], capture_output=True, text=True, check=False)
    return bool(listed.stdout.strip())


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """A headless Chromium with software drawing, so that maps draw on any machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        yield browser
        await browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Open:
    """Opens watched pages: `watch = await open_page(url, lang="en", width=360)`."""

    async def visit(url: str, **window: Any) -> Watch:
        watch = await open_watch(browser, **window)
        await watch.page.goto(url, wait_until="load")
        return watch

    return visit


@pytest.fixture
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for screenshots; KUMIHIMO_TEST_SHOTS keeps them elsewhere."""
    kept = os.environ.get("KUMIHIMO_TEST_SHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
