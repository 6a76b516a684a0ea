"""A credential that was made for tenant a is refused at every door of tenant b, whatever may be done without one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.service.console.asgi_client import Client

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.base.call import Caller
from kumihimo.base.ports import Credentials

pytestmark = pytest.mark.enable_socket


class Shown:
    """In place of the listener's middleware: whoever sends a bearer token stands in the request's state."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._bearer = platform.provider.bearer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode() for name, value in scope["headers"]}
        shown = Credentials(scope["method"], scope["path"], authorization=headers.get(b"authorization", ""))
        caller: Caller | None = await self._bearer(shown)
        state: dict[str, Any] = {} if caller is None else {"caller": caller}
        await self._app({**scope, "state": state}, receive, send)


DOORS = (
    ("GET", "/ngsi-ld/v1/entities?type=T", ""),
    ("GET", "/ngsi-ld/v1/entities/urn:x:1", ""),
    ("POST", "/ngsi-ld/v1/entities", '{"id":"urn:x:1","type":"T"}'),
    ("POST", "/ngsi-ld/v1/entityOperations/upsert", '[{"id":"urn:x:1","type":"T"}]'),
    ("GET", "/ngsi-ld/v1/temporal/entities?type=T&timerel=before&timeAt=2030-01-01T00:00:00Z", ""),
    ("GET", "/ngsi-ld/v1/subscriptions", ""),
    ("GET", "/feeds/v1/b/entities?type=T", ""),
    ("GET", "/t/b/entities", ""),
    ("GET", "/t/b/applications", ""),
    ("POST", "/t/b/applications", "action=disable&application=a-1"),
    ("GET", "/t/b/live", ""),
    ("GET", "/", ""),
)


async def test_at_no_door_of_another_tenant_is_it_taken(platform: Platform) -> None:
    for tenant in ("a", "b"):
        await platform.database.add_tenant(tenant)
    key = await platform.provider.applications.add("a", "k", "key", scopes=["ngsi-ld:read"])
    client = Client(Shown(build_http(platform), platform))
    for method, path, body in DOORS:
        kind = "application/x-www-form-urlencoded" if path.startswith("/t/") else "application/json"
        headers = {"ngsild-tenant": "b", "content-type": kind, "sec-fetch-site": "same-origin"}
        headers |= {"authorization": f"Bearer {key.secret}"}
        if method == "GET":
            del headers["content-type"]
        reply = await client.send(method, path, headers, body.encode())
        assert reply.status == 403, (method, path, reply)
    own = {"authorization": f"Bearer {key.secret}", "ngsild-tenant": "a"}
    reply = await client.get("/ngsi-ld/v1/entities?type=T", own)
    assert (reply.status, json.loads(reply.body)) == (200, [])
    assert (await client.get("/t/a/entities", own)).status == 200
