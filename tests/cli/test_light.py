"""A command loads what it needs: one that says how it is used, or asks a running platform, loads no platform itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kumihimo.cli.groups import GROUPS
from kumihimo.cli.socket import socket_path

HEAVY = {
    *("kumihimo.app", "kumihimo.storage", "kumihimo.cli.operations"),
    *("kumihimo.platform.jsonld.contexts", "kumihimo.platform.jsonld.expand", "kumihimo.platform.jsonld.render"),
    *("starlette", "uvicorn", "uvloop", "aiohttp", "jinja2", "cryptography", "joserfc", "webauthn", "argon2"),
    *("apsw", "asyncpg", "shapely", "pyproj", "numpy", "cedarpy", "cel_expr_python", "reportlab", "xlsxwriter", "PIL"),
}
"""What takes long to load, and no command needs that only asks."""
PROGRAM = """
import sys
from kumihimo.cli.main import app
for words in sys.stdin.read().splitlines():
    try:
        app(words.split("|"))
    except SystemExit as end:
        print(f"{words} ended with {end.code}")
print("loaded:", *sys.modules)
"""


async def told(words: list[str]) -> tuple[list[str], set[str]]:
    """What the commands said, line by line, and the modules that were loaded afterwards."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await program.communicate("\n".join(words).encode())
    *said, loaded = out.decode().splitlines()
    return said, set(loaded.split())


async def test_help_loads_no_platform_and_no_group_that_was_not_asked_for() -> None:
    said, loaded = await told(["--version", "--help", "tenant|--help"])
    assert [line for line in said if " ended with " in line] == [
        "--version ended with 0",
        "--help ended with 0",
        "tenant|--help ended with 0",
    ]
    assert "kumihimo.cli.tenant" in loaded
    assert HEAVY & loaded == set()
    assert {f"kumihimo.cli.{name}" for name in GROUPS} & loaded == {"kumihimo.cli.tenant"}


async def test_a_platform_starts_without_what_single_pages_write_with() -> None:
    program = "import sys, kumihimo.app.start; print(*{name.partition('.')[0] for name in sys.modules})"
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    loaded = set((await started.communicate())[0].decode().split())
    assert "starlette" in loaded
    assert {"reportlab", "xlsxwriter", "networkx"} & loaded == set()


async def test_no_group_of_commands_loads_a_platform() -> None:
    said, loaded = await told([f"{name}|--help" for name in GROUPS])
    assert [line for line in said if " ended with " in line] == [f"{name}|--help ended with 0" for name in GROUPS]
    assert HEAVY & loaded == set()


@pytest.mark.usefixtures("answering")
async def test_a_command_that_asks_a_running_platform_loads_none_itself(tmp_path: Path) -> None:
    asked = ["tenant|list", "tenant|add|小さな町", "rule|on|a|--tenant|t", "policy|list", "solution|list", "metrics"]
    said, loaded = await told([f"{words}|--data|{tmp_path}" for words in asked])
    assert [line for line in said if " ended with " in line] == [
        f"{one}|--data|{tmp_path} ended with 0" for one in asked
    ]
    assert "tenant 小さな町 made" in said
    assert HEAVY & loaded == set()


@pytest.fixture
async def answering(tmp_path: Path) -> AsyncIterator[None]:
    """A platform in the folder that has an answer for everything."""
    answers = {
        b"/tenant-add": '{"tenant": "小さな町", "made": true}'.encode(),
        b"/solution-list": b'{"packs": [], "broken": []}',
        b"/metrics": b"{}",
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = answers.get(head.split()[1], b"[]")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, socket_path(tmp_path)):
        yield
