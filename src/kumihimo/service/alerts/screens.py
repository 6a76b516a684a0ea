"""The room's own pages: alerts that no wing has pages for, such as those that rules raise; the decision on each, the
log of decisions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kumihimo.base import jsontext
from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Page, Redirect, Screen
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.jsonld.models import VALUE_MEMBER, EntityDoc, Instance
from kumihimo.service.alerts.decision_pages import AT_DECISION, DecisionPages, LogDoors
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.log import called as called_in
from kumihimo.service.alerts.log import spoken
from kumihimo.service.alerts.models import AlreadyDecided, Verdict
from kumihimo.service.alerts.sights import Seen
from kumihimo.service.alerts.whole import Whole

PACKAGE: Final = "kumihimo.service.alerts"
LIVE: Final = ("Alert",)
MAX_VALUE, MAX_STANDING = 300, 100


@dataclass(frozen=True, slots=True)
class AlertDoors:
    """What the pages go through. rights: what a caller may see, a Problem for nothing at all; may_decide: whether a
    caller may decide; compact: an attribute's or a type's short name; decisions: what
    the log goes through.
    """

    alerts: Alerts
    broker: Broker
    whole: Whole
    rights: Callable[[Call], Awaitable[Grant]]
    may_decide: Callable[[Call], Awaitable[bool]]
    compact: Callable[[str], str]
    decisions: LogDoors


@dataclass(frozen=True, slots=True)
class Standing:
    """An attribute as it is now; observed_at as NGSI-LD writes it, "" where it is not known."""

    name: str
    value: str
    unit: str
    observed_at: str


def alert_screens(doors: AlertDoors) -> list[Screen]:
    """/alerts, /alerts/{id}, /alerts/decisions, each decision and the log's exports; who may not decide reads."""
    pages, log = _Pages(doors), DecisionPages(doors.decisions)

    def screen(path: str, show: Any, post: Any = None, **more: Any) -> Screen:
        return Screen(path, show, post, package=PACKAGE, needs="read", takes="approve", **more)

    return [
        screen("/alerts", pages.index, nav="alerts.nav", order=64, menu="nav.manage"),
        screen("/alerts/decisions", log.index),
        screen("/alerts/decisions.csv", log.table),
        screen("/alerts/decisions.json", log.json),
        screen("/alerts/decisions/{id}", log.show),
        screen("/alerts/{id}", pages.show, pages.decide),
    ]


class _Pages:
    def __init__(self, doors: AlertDoors) -> None:
        self._doors = doors

    async def index(self, ask: Ask) -> Answer:
        """All alerts that the caller may see: open ones first, of these the undecided first."""
        seen = await self._doors.whole.list(ask.tenant, await self._doors.rights(ask.call))
        groups = [(state, [one.alert for one in seen if one.alert.state == state]) for state in ("open", "closed")]
        data = {"groups": [(state, alerts) for state, alerts in groups if alerts]}
        return Page(f"{PACKAGE}:alert_list.html", "alerts.title", data, live=LIVE)

    async def show(self, ask: Ask) -> Answer:
        """One alert."""
        return await self._page(ask)

    async def _page(self, ask: Ask, problem: Problem | None = None) -> Page:
        doors, grant = self._doors, await self._doors.rights(ask.call)
        called = called_in(ask.lang, await doors.decisions.titles(ask.tenant))
        seen = await doors.whole.get(ask.tenant, grant, ask.path["id"])
        entity, doc = doors.whole.entity(seen.alert), await self._doc(ask, grant, seen)
        data = {
            "alert": seen.alert,
            "entity": entity,
            "facts": called.figures(seen.alert.content.facts),
            "standing": None if doc is None else self._standing(doc, ask.lang),
            "events": await doors.whole.events(ask.tenant, seen),
            "decisions": spoken(await doors.whole.decisions(ask.tenant, grant, seen), ask.lang),
            "at_decision": AT_DECISION,
            "called": called,
            "problem": problem,
            "may_decide": await doors.may_decide(ask.call),
            "form": {name: ask.form.get(name, "") for name in ("reason", "who")},
        }
        live = LIVE if doc is None else (*LIVE, *map(doors.compact, doc["type"]))
        status, headers = (200, {}) if problem is None else (problem.status, problem.headers())
        title = seen.alert.content.title[ask.lang]
        return Page(f"{PACKAGE}:alert_one.html", title, data, status=status, live=live, headers=headers)

    async def decide(self, ask: Ask) -> Answer:
        """Takes the form: verdict and version, with reason and, where nobody is logged in, who."""
        seen = await self._doors.whole.get(ask.tenant, await self._doors.rights(ask.call), ask.path["id"])
        try:
            await self._decide(ask, seen)
        except (AlreadyDecided, BadRequestData) as problem:
            return await self._page(ask, problem)
        return Redirect(f"/alerts/{seen.alert.id}")

    async def _decide(self, ask: Ask, seen: Seen) -> None:
        """What stands at this moment is kept with the decision, as far as it is a plain value."""
        verdicts: dict[str, Verdict] = {"accepted": "accepted", "rejected": "rejected"}
        verdict = verdicts.get(ask.form.get("verdict", ""), "undecided")
        doc = await self._doc(ask, await self._doors.rights(ask.call), seen)
        facts = None if doc is None else {one.name: one.value for one in self._standing(doc, ask.lang)}
        call = replace(ask.call, actor=_decider(ask), purpose="decide")
        reason = ask.form.get("reason", "")
        await self._doors.alerts.decide(call, seen.alert.id, _version(ask), verdict, reason, facts)

    async def _doc(self, ask: Ask, grant: Grant, seen: Seen) -> EntityDoc | None:
        """The entity that the alert is about, as it is now."""
        entity = self._doors.whole.entity(seen.alert)
        if not entity:
            return None
        return await self._doors.broker.get(ask.tenant, entity, grant.restriction, grant.visible)

    def _standing(self, doc: EntityDoc, lang: str) -> Sequence[Standing]:
        """Its attributes as they are now, MAX_STANDING at most, each by the instance that has no dataset. Places are
        for the map of the entity's own page.
        """
        found = [
            Standing(self._doors.compact(name), _shown(one, lang), one.get("unitCode", ""), one.get("observedAt", ""))
            for name, many in doc["attrs"].items()
            for one in many
            if not one.get("datasetId") and one["type"] != "GeoProperty"
        ]
        return sorted(found, key=lambda one: one.name)[:MAX_STANDING]


def _shown(instance: Instance, lang: str) -> str:
    value = instance.get(VALUE_MEMBER[instance["type"]])
    if instance["type"] == "LanguageProperty" and isinstance(value, dict):
        value = value.get(lang, value)
    return _words(value)


def _words(value: Any) -> str:
    return (value if isinstance(value, str) else jsontext.text(value))[:MAX_VALUE]


def _decider(ask: Ask) -> Actor:
    """Who decides: whoever logged in, by name and account; in an open house who the form says."""
    if ask.call.actor.kind == "person":
        return Actor("person", f"{ask.person} ({ask.call.actor.id})"[:200])
    if ask.call.actor != ANONYMOUS:  # a program or a device signs nothing in a person's name
        return ask.call.actor
    return Actor("person", ask.form.get("who", "").strip()[:200])


def _version(ask: Ask) -> int:
    text = ask.form.get("version", "")
    if not text.isascii() or not text.isdigit():
        raise BadRequestData("the form lacks its version; open the page again")
    return int(text[:18])
