"""Readings from the device floor become changes of entities; binds the port `Ingest` to the broker.

What a device may write is decided as for everybody (decision 13): by the tenant's policies, down to the attribute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden
from kumihimo.base.ids import is_uri
from kumihimo.base.ports import Reading, ReadingOutcome
from kumihimo.platform.access.decide import Access
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import ANYTHING, NOTHING, Allowed, Change, Op, Outcome
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, EntityDoc, Instance

PROVIDED_BY = DEFAULT_VOCAB + "providedBy"
_FIRST = times.micros(datetime.min.replace(tzinfo=UTC))
_LAST = times.micros(datetime.max.replace(tzinfo=UTC))


class BrokerIngest:
    """Takes readings into the broker, all of a call in one transaction.

    access: decides what the caller may write. Without it the caller is a part of the platform, which may write all.
    """

    def __init__(self, broker: Broker, access: Access | None = None) -> None:
        self._broker = broker
        self._access = access

    async def __call__(self, call: Call, readings: Sequence[Reading]) -> list[ReadingOutcome]:
        """Returns once the readings are committed, one outcome each, in the order given.

        A reading that cannot be kept (no entity id, no number, a moment outside the years 1 to 9999), or that the
        caller may not write, is refused alone.
        """
        try:
            allowed = await self._allowed(call)
        except Forbidden as problem:
            return [_unpermitted(reading, problem) for reading in readings]
        answers = [_refused(reading) for reading in readings]
        sound = [reading for reading, answer in zip(readings, answers, strict=True) if answer is None]
        if not sound:
            return [answer for answer in answers if answer is not None]
        outcomes = iter(await self._broker.apply(call, [as_change(reading, allowed) for reading in sound]))
        return [
            answer if answer is not None else _told(reading, next(outcomes))
            for reading, answer in zip(readings, answers, strict=True)
        ]

    async def _allowed(self, call: Call) -> Allowed:
        """What may be written; nothing is known of what may be read. Forbidden where nothing may be written at all."""
        if self._access is None:
            return ANYTHING
        grant = await self._access.decide(call, "write")
        return ANYTHING if grant.is_all else Allowed(grant, NOTHING)


def _refused(reading: Reading) -> ReadingOutcome | None:
    """The answer to a reading that cannot be stored; None for one that can."""
    value = reading.value
    if not is_uri(reading.entity_id):
        return ReadingOutcome("refused", f"{reading.entity_id[:80]!r} is no entity id; it must be a URI")
    if not _FIRST <= reading.observed_at <= _LAST:
        return ReadingOutcome("refused", "the moment of observation lies outside the years 1 to 9999")
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ReadingOutcome("refused", "the value is null, not a number, or infinite")
    if isinstance(value, str) and "\0" in value:
        return ReadingOutcome("refused", "the value holds the character U+0000, which is not stored")
    return None


def as_change(reading: Reading, allowed: Allowed = ANYTHING) -> Change:
    """The change that writes the reading."""
    instance: Instance = {
        "type": "Property",
        "value": reading.value,
        "observedAt": times.text(times.from_micros(reading.observed_at)),
    }
    if reading.unit_code:
        instance["unitCode"] = reading.unit_code
    if reading.provided_by:
        device = reading.provided_by
        target = device if is_uri(device) else f"urn:ngsi-ld:Device:{device}"
        instance["attrs"] = {PROVIDED_BY: [{"type": "Relationship", "object": target}]}
    doc = cast(
        "EntityDoc",
        {"id": reading.entity_id, "type": [reading.entity_type], "attrs": {reading.attribute: [instance]}},
    )
    return Change(Op.READING, reading.entity_id, doc, allowed=allowed)


def _unpermitted(reading: Reading, problem: Forbidden) -> ReadingOutcome:
    """Which policies would have to change is for the town to see, so the reason names who and what."""
    return ReadingOutcome(
        "refused",
        f"{problem.detail}; a policy of the tenant would have to permit it (action write)",
        f"属性 {reading.attribute} を書き込む権利がありません。テナントのポリシー (write) を確かめてください。",
    )


def _told(reading: Reading, outcome: Outcome) -> ReadingOutcome:
    if isinstance(outcome.problem, Forbidden):
        return _unpermitted(reading, outcome.problem)
    if outcome.problem is not None:
        return ReadingOutcome("refused", outcome.problem.detail)
    if outcome.duplicate:
        return ReadingOutcome("duplicate", "the same reading stands there already")
    if outcome.stale:
        return ReadingOutcome("late", "kept in history; a newer reading stands")
    return ReadingOutcome("stored")
