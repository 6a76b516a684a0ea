"""What the command line says where the platform that it asks goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kumihimo.base.errors import InternalError
from kumihimo.cli import socket as module
from kumihimo.cli.socket import Remote, ask, socket_path


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


@asynccontextmanager
async def answered(folder: Path, *pieces: bytes) -> AsyncIterator[None]:
    """A platform that answers each question with the pieces, one after the other, and reads no body before."""

    closed = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with await asyncio.start_unix_server(answer, socket_path(folder)):
        yield
        await closed.wait()


async def test_an_answer_in_pieces_is_put_together(tmp_path: Path) -> None:
    long = b'{"rows": "' + b"x" * 300_000 + b'"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(long)
    async with answered(tmp_path, head[:20], head[20:], long[:100_000], long[100_000:]):
        assert await ask(tmp_path, "metrics", {}) == {"rows": "x" * 300_000}
    async with answered(
        tmp_path, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n"
    ):
        assert await ask(tmp_path, "metrics", {}) == [1]


@pytest.mark.parametrize(
    ("answer", "problem", "words"),
    [
        (b'HTTP/1.1 404 N\r\nContent-Length: 29\r\n\r\n{"detail":"there is no such"}', Remote, "there is no such"),
        (b"HTTP/1.1 409 C\r\nContent-Length: 2\r\n\r\n{}", Remote, "refused without a reason"),
        (b"HTTP/1.1 500 I\r\nContent-Length: 0\r\n\r\n", InternalError, "see its log"),
        (b"220 mail.example ESMTP\r\n", ConnectionError, "went away"),
    ],
    ids=["refused", "without-words", "failed", "no-http"],
)
async def test_what_a_platform_refuses_keeps_its_words(
    tmp_path: Path, answer: bytes, problem: type[Exception], words: str
) -> None:
    async with answered(tmp_path, answer):
        with pytest.raises(problem, match=words):
            await ask(tmp_path, "tenant-add", {"tenant": "t"})


async def test_a_platform_that_does_not_answer_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.01)
    async with answered(tmp_path):
        with pytest.raises(ConnectionError, match="did not answer"):
            await ask(tmp_path, "tenant-add", {"tenant": "t"})


async def test_a_question_longer_than_the_socket_holds_arrives_whole(tmp_path: Path) -> None:
    taken: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        taken.append(len(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull")
        writer.close()

    async with await asyncio.start_unix_server(answer, socket_path(tmp_path)):
        assert await ask(tmp_path, "solution-install", {"archive": "x" * 3_000_000}) is None
    assert taken == [3_000_014]
