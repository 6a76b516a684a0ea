"""Metering bound: what a request over HTTP counts as and whose it is, and who may see what was used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from starlette.types import ASGIApp, Scope

from kumihimo.app.platform import Platform
from kumihimo.base.call import NOBODY, Actor, Call, Caller
from kumihimo.base.ports import Measure
from kumihimo.base.screens import Screen
from kumihimo.network.http.metered import Metered
from kumihimo.platform.access.decide import Action
from kumihimo.platform.metering.screens import usage_screens
from kumihimo.platform.ngsild import api as ngsild

SEES_USAGE: Final[Action] = "usage"
"""What one must be allowed to do in a tenant to see what it used, and platform-wide to see what it costs whom."""

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_QUERY: Final = "entityOperations/query"
_DEVICES: Final = "/devices/"
_DEVICE: Final = Actor("device")
_KINDS: Final[tuple[tuple[str, Measure], ...]] = (("/feeds/", "feed"), ("/signing/", "read"), ("/t/", "screen"))


def metered(platform: Platform, app: ASGIApp, whose: Callable[[Scope], str]) -> Metered:
    """The application with its answers counted."""
    return Metered(app, platform.metering.counters, whose=whose, kind=kind_of, who=who_of)


def kind_of(scope: Scope) -> Measure | None:
    """What a request counts as; None for what is counted elsewhere (readings) or is no call (a webhook's page)."""
    path: str = scope["path"]
    if not path.startswith(ngsild.PREFIX):
        return next((kind for start, kind in _KINDS if path.startswith(start)), None)
    resource, _, rest = path[len(ngsild.PREFIX) + 1 :].partition("/")
    if resource == "subscriptions":
        return "subscribe"
    is_past = resource == "temporal"
    asked = rest if is_past else f"{resource}/{rest}"
    if scope["method"] in _READS or asked == _QUERY:
        return "past" if is_past else "read"
    return "write"


def who_of(scope: Scope) -> Actor:
    """Who sent the request; at the devices' own door it was a device, which the gateway knows by its key."""
    if scope["path"].startswith(_DEVICES):
        return _DEVICE
    caller: Caller = scope.get("state", {}).get("caller", NOBODY)
    return caller.actor


def usage_pages(platform: Platform) -> list[Screen]:
    """The pages of usage and cost."""

    def allow(call: Call) -> Awaitable[object]:
        return platform.access.decide(call, SEES_USAGE)

    return usage_screens(platform.metering, allow, lambda call: allow(replace(call, tenant="")))
