from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette

from kumihimo.base.errors import Overloaded, PayloadTooLarge, StorageRefused, Unauthenticated
from kumihimo.base.ports import ReadingOutcome
from kumihimo.device.http import routes


class Door:
    """A gateway that answers as it was told."""

    max_payload = 100

    def __init__(self, *statuses: Any) -> None:
        self.statuses = statuses
        self.given: tuple[Any, ...] = ()

    async def take(
        self, tenant: str, device: str, key: str, body: bytes, media: str = "", certificate: bytes = b""
    ) -> list[ReadingOutcome]:
        self.given = (tenant, device, key, body)
        self.media = media
        if isinstance(self.statuses[0], Exception):
            raise self.statuses[0]
        if key != "right":
            raise Unauthenticated("no")
        if len(body) > self.max_payload:
            raise PayloadTooLarge("too much")
        return [ReadingOutcome(status, "") for status in self.statuses]


async def post(
    door: Any, *chunks: bytes, key: str = "Bearer right", media: str = ""
) -> tuple[int, dict[str, str], Any]:
    app, sent = Starlette(routes=routes(door)), []
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or chunk == b"<cut>"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", key.encode())] if key else []
    headers += [(b"content-type", media.encode())] if media else []
    path = "/devices/v1/a/g1/readings"
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("statuses", "status"),
    [(("stored",), 201), (("stored", "duplicate", "late"), 201), (("stored", "refused"), 207), (("refused",), 400)],
)
async def test_the_answer_says_what_became_of_each_reading(statuses: tuple[str, ...], status: int) -> None:
    door = Door(*statuses)
    found, headers, body = await post(door, b'{"a"', b":1}")
    assert found == status
    assert [one["status"] for one in body["outcomes"]] == list(statuses)
    assert door.given == ("a", "g1", "right", b'{"a":1}')
    assert headers["content-type"] == ("application/problem+json" if status == 400 else "application/json")


@pytest.mark.parametrize("key", ["", "Basic right", "Bearer ", "Bearer wrong"])
async def test_a_key_is_needed(key: str) -> None:
    door = Door("stored")
    status, headers, body = await post(door, b"{}", key=key)
    assert (status, headers["www-authenticate"], body["status"]) == (401, "Bearer", 401)
    assert door.given, "the gateway counts the attempt"


async def test_a_body_over_the_limit_is_refused_while_it_comes() -> None:
    door = Door("stored")
    status, _, body = await post(door, b"x" * 60, b"x" * 60, b"x" * 60)
    assert (status, body["title"]) == (413, "Payload too large")
    assert door.given == ("a", "g1", "right", b"x" * 120), "the gateway counts it, and needs no more of it"


async def test_a_body_that_ends_too_early_is_a_bad_request() -> None:
    status, _, _ = await post(Door("stored"), b"<cut>")
    assert status == 400


@pytest.mark.parametrize(
    ("trouble", "seconds"), [(Overloaded("busy", retry_after=7), "7"), (StorageRefused("full"), "5")]
)
async def test_a_device_is_told_when_to_come_back(trouble: Exception, seconds: str) -> None:
    status, headers, body = await post(Door(trouble), b"{}")
    assert (status, headers["retry-after"]) == (503, seconds)
    assert body["detail"]


async def test_lines_are_known_by_their_media_type() -> None:
    door = Door("stored")
    await post(door, b"level\n1", media="Text/CSV; charset=utf-8")
    assert door.media == "text/csv"
