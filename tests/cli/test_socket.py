"""What the command line says where the platform that it asks goes away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kumihimo.cli.socket import ask, socket_path


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=repr
)
async def test_a_platform_that_is_killed_in_its_answer_went_away(tmp_path: Path, said: bytes) -> None:
    async def killed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    path = socket_path(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    async with await asyncio.start_unix_server(killed, path):
        with pytest.raises(ConnectionError, match="went away"):
            await ask(tmp_path, "metrics", {})


async def test_where_none_runs(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="no platform is running"):
        await ask(tmp_path, "metrics", {})
