"""A page on which a developer sees notifications arrive, and the address that takes them.

`POST /webhooks/{tenant}/{token}`: 204 once kept; the token is random per tenant, the last hundred are kept.
"""

from __future__ import annotations

import json
import re
import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kumihimo.base import times
from kumihimo.base.errors import NonexistentTenant, PayloadTooLarge, Problem
from kumihimo.base.ports import screens_topic
from kumihimo.base.problems import told
from kumihimo.base.screens import WHOLE, Ask, Page, Redirect, Screen
from kumihimo.service.console.doors import Doors
from kumihimo.service.console.store import (
    clear_messages_tx,
    keep_message_tx,
    make_token_tx,
    messages_tx,
    token_tx,
)
from kumihimo.service.console.words import OWN_PACKAGE
from kumihimo.storage.database import Database, Tx

MAX_BODY = 256 * 1024
MAX_HEADERS = 40
SHOWN = 20
NEEDS = f"{WHOLE} subscribe"
"""What arrived is shown as it is, to whoever might have subscribed to it."""
_ADDRESS = re.compile(r"/webhooks/[a-z0-9_-]+/[0-9a-f]+\Z")
_HIDDEN = {"authorization", "cookie", "proxy-authorization", "x-auth-token"}


def webhook_routes(doors: Doors) -> list[Route]:
    """The address that takes notifications; no page, hence outside the shell."""

    async def take(request: Request) -> Response:
        """Keeps a notification for the webhook page; 204, or 404 for a token that is not the tenant's."""
        try:
            return await _take(doors, request)
        except Problem as problem:
            return Response(*told(problem))

    return [Route("/webhooks/{tenant}/{token}", take, methods=["POST"])]


async def _take(doors: Doors, request: Request) -> Response:
    tenant, token = str(request.path_params["tenant"]), str(request.path_params["token"])
    try:
        known = await doors.database.read(tenant, token_tx)
    except NonexistentTenant:
        known = ""
    if not known or not secrets.compare_digest(known.encode(), token.encode()):
        return Response(status_code=404)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise PayloadTooLarge(f"at most {MAX_BODY} bytes are kept here")
    text = body.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    headers = _shown_headers(request)
    at = times.micros(doors.clock.now())

    async def keep(tx: Tx) -> None:
        await keep_message_tx(tx, at, headers, text)

    await doors.database.write(tenant, keep)
    doors.bus.publish(screens_topic(tenant))
    return Response(status_code=204)


def _shown_headers(request: Request) -> dict[str, str]:
    kept = list(request.headers.items())[:MAX_HEADERS]
    return {name[:200]: "•••" if name in _HIDDEN else value[:1000] for name, value in kept}


async def webhook_url(doors: Doors, ask: Ask) -> str:
    """The tenant's address for notifications, as the asking page would reach it."""
    return await webhook_address(doors.database, ask.tenant, ask.base_url)


async def webhook_address(database: Database, tenant: str, base_url: str) -> str:
    """The tenant's address for notifications, made when it is first asked for."""
    token = await database.read(tenant, token_tx) or await database.write(tenant, make_token_tx)
    return f"{base_url}/webhooks/{tenant}/{token}"


def is_webhook(path: str) -> bool:
    """Whether this path is that of a webhook page, to the letter: a client that resolves "..", which a prefix lets
    by, would reach anything of ours.
    """
    return _ADDRESS.match(path) is not None


def webhook_screens(doors: Doors) -> list[Screen]:
    """The page of arrived notifications."""

    async def show(ask: Ask) -> Page:
        """The notifications that arrived at the tenant's own address for trying."""
        await doors.access.decide(ask.call, "subscribe")
        address = await webhook_url(doors, ask)

        async def newest(tx: Tx) -> list[dict[str, object]]:
            return [
                {"seq": one.seq, "at": one.at, "headers": one.headers, "body": _pretty(one.body)}
                for one in await messages_tx(tx, SHOWN)
            ]

        messages = await doors.database.read(ask.tenant, newest)
        data = {"address": address, "messages": messages, "may_clear": await may_clear(ask)}
        return Page(f"{OWN_PACKAGE}:webhook.html", "webhook.title", data)

    async def may_clear(ask: Ask) -> bool:
        try:
            await doors.access.decide(ask.call, "administer")
        except Problem:
            return False
        return True

    async def clear(ask: Ask) -> Redirect:
        """Takes the form (no fields): forgets what arrived."""
        await doors.access.decide(ask.call, "administer")
        await doors.database.write(ask.tenant, clear_messages_tx)
        doors.bus.publish(screens_topic(ask.tenant))
        return Redirect("/webhook")

    return [Screen("/webhook", show, clear, nav="nav.webhook", order=920, package=OWN_PACKAGE, needs=NEEDS)]


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body
