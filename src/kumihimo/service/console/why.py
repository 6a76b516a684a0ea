"""The page that says why a subscription was told of an entity's changes or not, and what was sent of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.base.screens import Ask, Page, Redirect, Screen
from kumihimo.platform.delivery.explain import LOOK_BACK, Explanation
from kumihimo.service.console.doors import Doors
from kumihimo.service.console.words import OWN_PACKAGE

SHOWN = 20
SUGGESTED = 20


def why_screens(doors: Doors) -> list[Screen]:
    """The page below a subscription's own; it has to stand before that one, whose address takes any rest."""
    pages = _Why(doors)
    return [
        Screen(
            "/subscriptions/{id:path}/why",
            pages.show,
            pages.again,
            package=OWN_PACKAGE,
            needs="subscribe",
            takes="subscribe",
        )
    ]


class _Why:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def show(self, ask: Ask) -> Page:
        """The query has entity, and before where one goes on to what lies further back."""
        one, entity = ask.path["id"], ask.query.get("entity", "").strip()
        document = await self._doors.delivery.get(ask.call, one, self._doors.context)
        data: dict[str, Any] = {
            "one": one,
            "name": document.get("description") or document.get("subscriptionName", ""),
            "entity": entity,
            "suggested": await self.suggested(ask),
            "found": None,
            "wrong": False,
            "rows": [],
            "further": "",
            "look_back": f"{LOOK_BACK:,}",
            "now": times.micros(self._doors.clock.now()),
            "is_further": "before" in ask.query,
        }
        status = 200
        if entity:
            try:
                before = _position(ask.query.get("before", ""))
                found = await self._doors.delivery.explain(ask.call, one, entity, SHOWN, before=before)
                data |= {"found": found, "rows": found.changes, "further": _further(entity, found)}
            except BadRequestData as problem:
                if problem.extra.get("member") != "entity":
                    raise
                data["wrong"], status = True, problem.status
        return Page(f"{OWN_PACKAGE}:why.html", "why.title", data, status=status)

    async def suggested(self, ask: Ask) -> list[str]:
        """Entities of which something was sent lately."""
        attempts = await self._doors.delivery.attempts(ask.tenant, ask.path["id"])
        return list(dict.fromkeys(one.entity for one in attempts if one.entity))[:SUGGESTED]

    async def again(self, ask: Ask) -> Redirect:
        """Takes the form: action is replay, with the notification that was given up; comes back to the same entity."""
        one, action = ask.path["id"], ask.form.get("action", "")
        if action != "replay":
            raise BadRequestData(f"there is no action {action[:32]!r}; use replay")
        await self._doors.delivery.replay(ask.call, one, ask.form.get("notification", ""))
        return Redirect(f"/subscriptions/{quote(one)}/why?{urlencode({'entity': ask.query.get('entity', '')})}")


def _further(entity: str, found: Explanation) -> str:
    return urlencode({"entity": entity, "before": found.earlier}) if found.earlier else ""


def _position(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequestData("before: a position in the log is a whole number", member="before")
    return int(text)
