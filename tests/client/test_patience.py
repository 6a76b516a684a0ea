"""What a busy platform is asked again, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kumihimo.client import AsyncClient, Refused, Unreachable

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def answers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[list[web.Response], list[str], AsyncClient]]:
    """A server that gives the answers one after the other, what it was asked, and a client of it."""
    waiting: list[web.Response] = []
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        return waiting.pop(0)

    async def no_wait(seconds: float) -> None:
        asked.append(f"waited {seconds:g}")

    monkeypatch.setattr("kumihimo.client.connection.asyncio.sleep", no_wait)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    server = TestServer(app)
    await server.start_server()
    async with AsyncClient(str(server.make_url("/")), retries=2) as client:
        yield waiting, asked, client
    await server.close()


def busy(status: int, **headers: str) -> web.Response:
    return web.json_response({"title": "busy"}, status=status, headers=headers)


Made = tuple[list[web.Response], list[str], AsyncClient]


@pytest.mark.parametrize("status", [429, 503])
async def test_it_waits_as_long_as_it_is_told(answers: Made, status: int) -> None:
    waiting, asked, client = answers
    waiting += [busy(status, **{"Retry-After": "4"}), busy(status), web.json_response({"id": "urn:a:1"})]
    assert await client.entities.get("urn:a:1") == {"id": "urn:a:1"}
    path = "GET /ngsi-ld/v1/entities/urn:a:1"
    assert asked == [path, "waited 4", path, "waited 1", path]


async def test_patience_ends(answers: Made) -> None:
    waiting, asked, client = answers
    waiting += [busy(503) for _ in range(3)]
    with pytest.raises(Refused) as refused:
        await client.entities.get("urn:a:1")
    assert refused.value.status == 503
    assert len(asked) == 5


@pytest.mark.parametrize("make", [lambda: busy(500), lambda: web.Response(status=502, text="<html>no JSON")])
async def test_other_refusals_are_final(answers: Made, make: Callable[[], web.Response]) -> None:
    waiting, asked, client = answers
    waiting.append(make())
    with pytest.raises(Refused):
        await client.entities.types()
    assert len(asked) == 1


async def test_a_redirect_is_not_followed_with_the_token(answers: Made) -> None:
    waiting, asked, client = answers
    waiting.append(web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}))
    with pytest.raises((Refused, Unreachable)):
        await client.entities.types()
    assert len(asked) == 1


async def test_a_kept_connection_that_turns_out_dead_is_made_anew_for_what_may_be_repeated(answers: Made) -> None:
    waiting, asked, client = answers

    class Broken(web.Response):
        """Cuts the connection instead of answering, as a server does that was killed."""

        async def prepare(self, request: web.BaseRequest) -> None:
            assert request.transport is not None
            request.transport.abort()

    waiting += [Broken(), web.json_response({"id": "urn:a:1"})]
    await client.entities.update("urn:a:1", {"level": 1})
    assert asked == ["PATCH /ngsi-ld/v1/entities/urn:a:1"] * 2
    waiting += [Broken(), web.json_response({})]
    with pytest.raises(Unreachable):
        await client.entities.create({"id": "urn:a:1", "type": "Gauge"})
    assert len(asked) == 3
