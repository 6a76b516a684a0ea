"""The alert room's own pages bound: alerts of every source but the wings that run in the town, which have pages of
their own; and the log of decisions over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from kumihimo.app.flood import flood_doors
from kumihimo.app.platform import Platform
from kumihimo.app.rules import about
from kumihimo.app.wings import sources_of
from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.service.alerts.chain import DecisionLog, Logged, Seat
from kumihimo.service.alerts.decision_pages import Happening, LogDoors
from kumihimo.service.alerts.screens import AlertDoors
from kumihimo.service.alerts.whole import Whole
from kumihimo.service.kpi.models import temporal_path
from kumihimo.solutions.flood.alert_sights import sights_of
from kumihimo.solutions.flood.watch import SOURCE as FLOOD
from kumihimo.solutions.flood.words import fact_titles as flood_titles
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.encounters import notice_id
from kumihimo.solutions.wildlife.watch import SOURCE as WILDLIFE
from kumihimo.solutions.wildlife.words import AUDIENCES
from kumihimo.solutions.wildlife.words import fact_titles as wildlife_titles
from kumihimo.solutions.wildlife.words import words as wildlife_words

_FLOOD: Final = {"ja": "洪水", "en": "Floods"}
_WILDLIFE: Final = {"ja": "獣害", "en": "Wildlife"}
_RULES: Final = {"ja": "規則", "en": "Rules"}
GRAVEST: Final = 4


def alert_doors(platform: Platform) -> AlertDoors:
    """What the pages go through."""

    async def may_decide(call: Call) -> bool:
        try:
            await platform.access.decide(call, "approve")
        except Problem:
            return False
        return True

    whole = Whole(platform.alerts, platform.broker, partial(sources_of, platform), about)
    return AlertDoors(
        alerts=platform.alerts,
        broker=platform.broker,
        whole=whole,
        rights=lambda call: platform.access.decide(call, "read"),
        may_decide=may_decide,
        compact=platform.contexts.core.compact,
        decisions=log_doors(platform, whole),
    )


def log_doors(platform: Platform, others: Whole) -> LogDoors:
    """What the log goes through: each wing's decisions by its own sights, animals' where all of it may be seen."""
    seats = (
        Seat(FLOOD, _FLOOD, "/flood/alerts/{id}", sights_of(flood_doors(platform)), flood_titles()),
        Seat(
            WILDLIFE,
            _WILDLIFE,
            "/wildlife/alerts/{id}",
            Whole(platform.alerts, platform.broker, _no_other, str),
            wildlife_titles(),
        ),
        Seat("", _RULES, "/alerts/{id}", others),
    )
    return LogDoors(
        alerts=platform.alerts,
        log=DecisionLog(platform.alerts, platform.broker, seats, partial(sources_of, platform)),
        rights=lambda call: platform.access.decide(call, "read"),
        followed=Followed(platform),
        compact=platform.contexts.core.compact,
        temporal=temporal_path,
        titles=platform.packs.attribute_titles,
    )


async def _no_other(tenant: str) -> Sequence[str]:  # noqa: ARG001 - the wing's own log leaves nothing aside
    return ()


class Followed:
    """What the arbiter, the rules and the wings know of what came of a decision."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def __call__(self, call: Call, logged: Logged) -> list[Happening]:
        """As service.alerts.decision_pages.Followed."""
        return [
            *await self._commands(call, logged),
            *await self._tasks(call, logged),
            *(await self._notices(call, logged) if logged.alert.source == WILDLIFE else ()),
        ]

    async def _commands(self, call: Call, logged: Logged) -> list[Happening]:
        """The arbiter's own record of each step that the reader may see."""
        found = []
        for step in logged.decision.steps:
            record = await self._platform.arbiter.get(call.tenant, step.command_id) if step.command_id else None
            if record is not None:
                words = {lang: step.proposal.label.get(lang, record.device) for lang in ("ja", "en")}
                detail = {"ja": record.detail.ja, "en": record.detail.en}
                found.append(Happening(record.asked_at, "command", words, record.state, detail, record.ended_at))
        return found

    async def _tasks(self, call: Call, logged: Logged) -> Sequence[Happening]:
        """The tasks that the same rule gave about the same entity since the alert was raised."""
        made = next((one for one in logged.decision.content.makers if one.kind == "rule"), None)
        if made is None:
            return ()
        try:
            tasks = await self._platform.rule_sets.tasks(call)
        except Problem:  # who may not see tasks sees none
            return ()
        wanted = (made.name, made.facts.get("rule"), about(logged.alert.subject))
        return [
            Happening(
                one.made_at,
                "task",
                _both(one.text),
                "open" if one.done_at is None else "done",
                _both(f"{one.done_by} {one.note}".strip()),
                one.done_at,
                "/tasks",
            )
            for one in tasks
            if (one.rule_set, one.rule, one.entity_id) == wanted and one.made_at >= made.at
        ]

    async def _notices(self, call: Call, logged: Logged) -> list[Happening]:
        """The wing's notices about the encounter, as far as the reader may see them."""
        grant = await self._platform.access.decide(call, "read")
        found = []
        for severity in range(1, GRAVEST + 1):
            id_ = notice_id(logged.alert.subject, severity)
            doc = await self._platform.broker.get(call.tenant, id_, grant.restriction, grant.visible)
            if doc is not None:
                title = entities.value_of(doc, entities.TITLE)
                audience = entities.value_of(doc, entities.AUDIENCE)
                words = title if isinstance(title, Mapping) else _both(id_)
                told = {lang: _told(audience, lang) for lang in ("ja", "en")}
                at = times.micros(times.parse(doc["createdAt"])) if "createdAt" in doc else logged.decision.at
                found.append(Happening(at, "notice", dict(words), detail=told, link=f"/entities/{id_}"))
        return found


def _told(audience: object, lang: str) -> str:
    """Whom a notice is for, as the wing's own pages say it."""
    many = audience if isinstance(audience, list) else []
    names = [wildlife_words(lang)(f"wildlife.audience.{one}") if one in AUDIENCES else str(one) for one in many]
    return ("、" if lang == "ja" else ", ").join(names)


def _both(words: str) -> dict[str, str]:
    return {"ja": words, "en": words}
