"""What is counted of an answer: once, for whoever was found to call, and its bytes."""

from __future__ import annotations

from typing import Any

import pytest

from kumihimo.base.call import ANONYMOUS, Actor
from kumihimo.network.http.metered import Metered

PERSON = Actor("person", "p-1")


class Notes:
    def __init__(self) -> None:
        self.noted: list[tuple[str, str, Actor, int]] = []

    def count(self, tenant: str, what: Any, who: Actor, amount: int = 1) -> None:
        self.noted.append((tenant, what, who, amount))


async def answered(*messages: dict[str, Any], tenant: str = "a", kind: Any = "read", type_: str = "http") -> Notes:
    """What is counted of an application that answers so; its caller is found out inside of the layer."""
    notes, sent = Notes(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["caller"] = PERSON
        for message in messages:
            await send(message)

    async def send(message: Any) -> None:
        sent.append(message)

    metered = Metered(
        app, notes, whose=lambda _: tenant, kind=lambda _: kind, who=lambda scope: scope.get("caller", ANONYMOUS)
    )
    receive: Any = None
    await metered({"type": type_}, receive, send)
    assert sent == list(messages), "all goes on as it was"
    return notes


def start(status: int) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": []}


def body(part: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 409])
async def test_an_answer_is_counted_once_with_its_bytes(status: int) -> None:
    notes = await answered(start(status), body(b"12", more=True), body(b"345"))
    assert notes.noted == [("a", "read", PERSON, 1), ("a", "bytes", PERSON, 2), ("a", "bytes", PERSON, 3)]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_who_is_turned_away_used_nothing(status: int) -> None:
    assert (await answered(start(status), body(b"12"))).noted == []


async def test_an_empty_body_and_no_kind_and_no_tenant_count_nothing() -> None:
    assert (await answered(start(204), body(b""))).noted == [("a", "read", PERSON, 1)]
    assert (await answered(start(200), body(b"1"), kind=None)).noted == [("a", "bytes", PERSON, 1)]
    assert (await answered(start(200), body(b"1"), tenant="")).noted == []
    assert (await answered(type_="lifespan")).noted == []


async def test_a_websocket_is_counted_when_it_is_accepted() -> None:
    sent: list[dict[str, Any]] = [{"type": "websocket.send", "text": "水"}, {"type": "websocket.send", "bytes": b"12"}]
    closed = {"type": "websocket.close", "code": 1000}
    notes = await answered({"type": "websocket.accept"}, *sent, closed, type_="websocket", kind="feed")
    assert notes.noted == [("a", "feed", PERSON, 1), ("a", "bytes", PERSON, 3), ("a", "bytes", PERSON, 2)]
    assert (await answered(closed, type_="websocket", kind="feed")).noted == []
