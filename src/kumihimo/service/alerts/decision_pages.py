"""The log of decisions over all wings, its exports, and one decision with all that led to it and came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData
from kumihimo.base.screens import Answer, Ask, Document, Page
from kumihimo.base.times import JST
from kumihimo.platform.access.grants import Grant
from kumihimo.service.alerts.chain import DecisionLog, Logged
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.facts import Called, TitlesOf
from kumihimo.service.alerts.log import called as called_in
from kumihimo.service.alerts.log import decisions_json, decisions_table, spoken
from kumihimo.service.alerts.models import Alert, Content, Evidence, Maker, Wanted

PACKAGE: Final = "kumihimo.service.alerts"
LIVE: Final = ("Alert",)
AT_DECISION: Final = "atDecision"
"""The fact under which a decision keeps what stood when it was taken."""
MAX_LOG: Final = 100_000
ASKED: Final = ("from", "until", "wing", "who", "verdict")
_DAY: Final = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that came of a decision, in another room: a command, a task, a notice. Moments in microseconds; words
    and detail by language; link is below the tenant.
    """

    at: int
    kind: str
    words: Mapping[str, str]
    state: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    ended_at: int | None = None
    link: str = ""


Followed = Callable[[Call, Logged], Awaitable[Sequence[Happening]]]
"""What other rooms know of what came of a decision, as the caller may see it."""


@dataclass(frozen=True, slots=True)
class LogDoors:
    """What the pages go through. compact: an attribute's short name; temporal: path and query of the readings of an
    attribute (short name) of an entity from one moment to another; titles: what a tenant's attributes are called.
    """

    alerts: Alerts
    log: DecisionLog
    rights: Callable[[Call], Awaitable[Grant]]
    followed: Followed
    compact: Callable[[str], str]
    temporal: Callable[[str, str, int, int], str]
    titles: TitlesOf


class DecisionPages:
    """/alerts/decisions, /alerts/decisions/{id}, and the log as CSV and JSON."""

    def __init__(self, doors: LogDoors) -> None:
        self._doors = doors

    async def index(self, ask: Ask) -> Answer:
        """The decision log over all wings, newest first (from, until, wing, who, verdict; after: where to go on)."""
        doors = self._doors
        try:
            wanted, problem = wanted_of(ask.query), ""
        except BadRequestData as refused:
            wanted, problem = Wanted(), refused.detail
        leaf = await doors.log.leaf(ask.tenant, await doors.rights(ask.call), wanted)
        asked = {name: ask.query.get(name, "") for name in ASKED}
        said = {name: value for name, value in asked.items() if value}
        after = "" if leaf.after is None else urlencode({**said, "after": f"{leaf.after[0]}-{leaf.after[1]}"})
        data = {
            "decisions": leaf.decisions,
            "spoken": {one.decision.id: one for one in spoken([row.seen for row in leaf.decisions], ask.lang)},
            "seats": [(seat.source or "rules", seat.title[ask.lang]) for seat in doors.log.seats],
            "asked": asked,
            "problem": problem,
            "here": urlencode({**said, **({"after": ask.query["after"]} if ask.query.get("after") else {})}),
            "filters": urlencode(said),
            "after": after,
            "is_later": bool(ask.query.get("after")),
        }
        status = 400 if problem else 200
        return Page(f"{PACKAGE}:alert_decisions.html", "alerts.decisions.title", data, status=status, live=LIVE)

    async def table(self, ask: Ask) -> Answer:
        """The decision log as CSV with a byte order mark, so that Excel reads its Japanese; filters as on the page."""
        text = await asyncio.to_thread(decisions_table, await self._all(ask), ask.lang)
        return Document(text.encode("utf-8-sig"), "text/csv; charset=utf-8")

    async def json(self, ask: Ask) -> Answer:
        """The decision log as JSON, with all that each decision keeps; filters as on the page."""
        return Document(await asyncio.to_thread(decisions_json, await self._all(ask)), "application/json")

    async def _all(self, ask: Ask) -> Sequence[Logged]:
        grant = await self._doors.rights(ask.call)
        return (await self._doors.log.leaf(ask.tenant, grant, wanted_of(ask.query), MAX_LOG)).decisions

    async def show(self, ask: Ask) -> Answer:
        """One decision: what was proposed, on which readings, by which version of what; who decided; what followed."""
        doors, grant = self._doors, await self._doors.rights(ask.call)
        logged = await doors.log.one(ask.tenant, grant, ask.path["id"])
        sight, alert = logged.seen.sight, logged.alert
        [seen] = spoken([logged.seen], ask.lang)
        content = seen.decision.content
        called = called_in(ask.lang, logged.seat.facts, await doors.titles(ask.tenant))
        rested = {name: value for name, value in content.facts.items() if name != AT_DECISION}
        data = {
            "one": seen.decision,
            "sight": sight,
            "seat": logged.seat.title[ask.lang],
            "alert_page": logged.page,
            "subject": alert.subject.partition("#")[0],
            "state": alert.state,
            "facts": called.figures(rested),
            "stood": called.figures(content.facts.get(AT_DECISION)),
            "evidence": [self._reading(one, content, alert) for one in content.evidence],
            "base_url": ask.base_url,
            "temporal": self._temporal(content, alert) if sight.reading else [],
            "raised": [_shown(one, alert.subject, called) for one in content.makers],
            "decided": [_shown(one, alert.subject, called) for one in seen.decision.makers],
            "happened": sorted(await doors.followed(ask.call, logged), key=lambda one: one.at),
            "events": await self._events(ask.tenant, logged),
            "later": await self._later(ask.tenant, grant, logged),
        }
        return Page(f"{PACKAGE}:alert_decision.html", "alerts.decisions.one", data, live=LIVE)

    def _reading(self, one: Evidence, content: Content, alert: Alert) -> dict[str, Any]:
        name = one.attribute or content.attribute
        entity = one.entity or alert.subject.partition("#")[0]
        attribute = self._doors.compact(name) if name else ""
        return {"entity": entity, "attribute": attribute, "value": one.value, "unit": one.unit, "at": one.at}

    def _temporal(self, content: Content, alert: Alert) -> list[str]:
        """The temporal queries (clause 5.7.3) that give the readings again: one for each attribute of an entity."""
        spans: dict[tuple[str, str], list[int]] = {}
        for one in (self._reading(each, content, alert) for each in content.evidence):
            if one["attribute"]:
                spans.setdefault((one["entity"], one["attribute"]), []).append(one["at"])
        return [self._doors.temporal(*key, min(moments), max(moments)) for key, moments in spans.items()]

    async def _events(self, tenant: str, logged: Logged) -> list[Any]:
        """What happened to the alert after the decision; nothing where it is hidden how grave it was."""
        if not logged.seen.sight.level:
            return []
        events = await self._doors.alerts.events(tenant, logged.decision.alert_id)
        return [one for one in events if one.at >= logged.decision.at]

    async def _later(self, tenant: str, grant: Grant, logged: Logged) -> list[Any]:
        """Later decisions on the same alert, the first of them first."""
        found = await self._doors.alerts.decisions(tenant, logged.decision.alert_id)
        later = [one for one in found if (one.at, one.id) > (logged.decision.at, logged.decision.id)]
        return [one.decision for one in await logged.seat.seer.as_seen(tenant, grant, later[::-1])]


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What the query asks for: from and until are days of Japan's calendar, both included. BadRequestData."""
    since, until = _day(query, "from"), _day(query, "until")
    verdict = query.get("verdict", "")
    if verdict not in ("", "accepted", "rejected"):
        raise BadRequestData("verdict is accepted or rejected")
    at, _, id_ = query.get("after", "").partition("-")
    if at and not (at.isascii() and at.isdigit() and len(at) < 19 and id_):
        raise BadRequestData("after is no place in the log; begin at its first page")
    return Wanted(
        0 if since is None else times.micros(since),
        0 if until is None else times.micros(until) + _DAY,
        query.get("wing", "")[:64],
        query.get("who", "").strip()[:200],
        verdict,
        (int(at), id_) if at else None,
    )


def _day(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=JST)
    except ValueError as problem:
        raise BadRequestData(f"{name} is no day as 2026-11-26") from problem


def _shown(maker: Maker, subject: str, called: Called) -> dict[str, Any]:
    """A maker with where it is looked up: a rule set's text of that version and its trace, a pack's page."""
    links = {}
    if maker.kind == "rule":
        links["version"] = f"/rules/{maker.name}/versions?{urlencode({'version': maker.version})}"
        links["trace"] = f"/rules/{maker.name}/trace?{urlencode({'entity': subject.rpartition('#')[0]})}"
    return {"maker": maker, "facts": called.figures(maker.facts), "links": links}
