"""Subscriptions: what there is, how sending goes, and a form that makes one to the webhook page."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.service.console.doors import Doors
from kumihimo.service.console.webhook import is_webhook, webhook_url
from kumihimo.service.console.words import OWN_PACKAGE

SHOWN = 50
_USER = re.compile(r"//[^/@]*@")
"""User and password of an MQTT endpoint, which a list of addresses need not tell."""


def subscription_screens(doors: Doors) -> list[Screen]:
    """The list with the form, and the page of one subscription with its attempts and what was given up."""
    pages = _Subscriptions(doors)
    return [
        Screen(
            "/subscriptions",
            pages.list,
            pages.create,
            nav="nav.subscriptions",
            order=910,
            package=OWN_PACKAGE,
            needs="subscribe",
            takes="subscribe",
        ),
        Screen(
            "/subscriptions/{id:path}",
            pages.one,
            pages.change,
            package=OWN_PACKAGE,
            needs="subscribe",
            takes="subscribe",
        ),
    ]


class _Subscriptions:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def list(self, ask: Ask) -> Page:
        """The subscriptions, and a form for a new one."""
        return await self._list(ask)

    async def _list(self, ask: Ask, problem: Problem | None = None) -> Page:
        found, total = await self._doors.delivery.list(ask.call, SHOWN, 0, self._doors.context)
        grant = await self._doors.access.decide(ask.call, "read")
        types = await self._doors.broker.types(ask.tenant, grant.restriction, grant.visible)
        data = {
            "rows": [summary(one) for one in found],
            "total": total,
            "types": sorted(self._doors.context.compact(name) for name, _, _ in types),
            "webhook": await webhook_url(self._doors, ask),
            "form": {"type": "", "watched": "", "q": "", "endpoint": "", "description": "", **ask.form},
            "problem": problem,
            "field": _field(problem) if problem else "",
        }
        status, headers = (problem.status, problem.headers()) if problem else (200, {})
        return Page(f"{OWN_PACKAGE}:subscriptions.html", "subscriptions.title", data, status=status, headers=headers)

    async def create(self, ask: Ask) -> Answer:
        """Takes the form: type, watched, q, endpoint, description."""
        try:
            body = document_of(ask.form, await webhook_url(self._doors, ask))
            made = await self._doors.delivery.create(ask.call, body, self._doors.context)
        except Problem as problem:
            return await self._list(ask, problem)
        is_doubtful = _is_inward(body["notification"]["endpoint"]["uri"])
        return Redirect(f"/subscriptions/{made}" if is_doubtful else "/subscriptions")

    async def one(self, ask: Ask) -> Page:
        """One subscription with its latest attempts, and the notifications that were given up."""
        found = await self._doors.delivery.get(ask.call, ask.path["id"], self._doors.context)
        attempts = await self._doors.delivery.attempts(ask.tenant, ask.path["id"])
        one = summary(found)
        data = {
            "one": one,
            "attempts": attempts[:SHOWN],
            "dead": await self._doors.delivery.dead_letters(ask.tenant, ask.path["id"], SHOWN),
            "document": json.dumps(found, ensure_ascii=False, indent=2),
        }
        return Page(f"{OWN_PACKAGE}:subscription.html", one["description"] or "subscription.title", data)

    async def change(self, ask: Ask) -> Redirect:
        """Takes the form: action is pause, resume, delete, or replay with the notification that was given up."""
        call, one, action = ask.call, ask.path["id"], ask.form.get("action", "")
        if action == "delete":
            await self._doors.delivery.delete(call, one)
            return Redirect("/subscriptions")
        if action == "replay":
            await self._doors.delivery.replay(call, one, ask.form.get("notification", ""))
            return Redirect(f"/subscriptions/{one}")
        if action not in ("pause", "resume"):
            raise BadRequestData(f"there is no action {action[:32]!r}; use pause, resume, delete or replay")
        await self._doors.delivery.update(call, one, {"isActive": action == "resume"}, self._doors.context)
        return Redirect("/subscriptions")


def _field(problem: Problem) -> str:
    """The field of the form that the refusal is about; the delivery room names the member of the document."""
    member = problem.detail.partition(":")[0]
    fields = {"entities": "type", "watchedAttributes": "watched", "notification.endpoint": "endpoint", "q": "q"}
    return next((field for name, field in fields.items() if re.match(rf"{re.escape(name)}(?![\w-])", member)), "other")


def document_of(form: Mapping[str, str], webhook: str) -> dict[str, Any]:
    """The subscription that the form describes (ETSI GS CIM 009 clause 5.2.12); no endpoint means the webhook page."""
    body: dict[str, Any] = {"type": "Subscription"}
    if form.get("description", "").strip():
        body["description"] = form["description"].strip()
    if form.get("type", "").strip():
        body["entities"] = [{"type": form["type"].strip()}]
    watched = [name.strip() for name in form.get("watched", "").replace("、", ",").split(",") if name.strip()]
    if watched:
        body["watchedAttributes"] = watched
    if form.get("q", "").strip():
        body["q"] = form["q"].strip()
    uri = form.get("endpoint", "").strip() or webhook
    body["notification"] = {"endpoint": {"uri": uri, "accept": "application/json"}}
    return body


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the table shows of a subscription in its NGSI-LD form."""
    notification: Mapping[str, Any] = found.get("notification", {})
    active = found.get("isActive", True)
    return {
        "id": found["id"],
        "description": found.get("description") or found.get("subscriptionName", ""),
        "types": [str(one["type"]) for one in found.get("entities", ()) if one.get("type")],
        "watched": found.get("watchedAttributes", []),
        "q": found.get("q", ""),
        "endpoint": _USER.sub("//", notification.get("endpoint", {}).get("uri", "")),
        "throttling": found.get("throttling", 0),
        "inward": _is_inward(notification.get("endpoint", {}).get("uri", "")),
        "active": active,
        "status": _status(found),
        "sent": notification.get("timesSent", 0),
        "failed": notification.get("timesFailed", 0),
        "last": notification.get("lastNotification", ""),
        "last_failure": notification.get("lastFailure", ""),
    }


def _is_inward(uri: str) -> bool:
    """Whether the address leads into a private network, or to this machine, but not to a webhook page of ours: it is
    reached only where the operator allowed it (decision 17).
    """
    parts = urlsplit(uri)
    host = parts.hostname or ""
    if is_webhook(parts.path):
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _status(found: Mapping[str, Any]) -> str:
    """active, paused or expired (clause 5.2.12); failed where an active one's last notification was not taken."""
    status = str(found.get("status", "active"))
    return "failed" if status == "active" and found.get("notification", {}).get("status") == "failed" else status
