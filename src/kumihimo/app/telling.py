"""Notices that rules tell people, by area, with the rights of whoever owns the rule set; and of what they can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import TooManyRequests
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.jsonld.models import NGSI_LD
from kumihimo.service.notices.door import Notices
from kumihimo.service.notices.models import Most, Notice, Topic
from kumihimo.service.rules.models import Done, Order
from kumihimo.service.rules.refusal import Words

PURPOSE: Final = "rules"
OF_TOWN: Final = "town.information"
OF_STAFF: Final = "town.staff"
TOPICS: Final = (
    Topic(
        OF_TOWN,
        {"ja": "町からのお知らせ", "en": "Notices of the town", "ja-easy": "町（まち）からの お知（し）らせ"},
    ),
    Topic(OF_STAFF, {"ja": "職員へのお知らせ", "en": "Notices to staff"}, is_closed=True),
)
"""What rules can tell of in every town, beside the topics of its packs; it is offered once a rule set does."""
PER_HOUR: Final = 20
"""Notices to people that one rule tells in an hour."""
STALE: Final = 12 * 3600 * 1_000_000
"""Microseconds after its firing at which a notice that could not be told is given up."""
MAX_TITLE: Final = 200
MAX_TEXT: Final = 2000
_LOCATION: Final = NGSI_LD + "location"
_LANGUAGES: Final = (("ja", "ja"), ("en", "en"), ("ja-easy", "easy"))


async def topics_for_rules(notices: Notices, tenant: str) -> Mapping[str, Mapping[str, str]]:
    """As service.rules.models.Topics: those of the packs that run in the town, and those of every town."""
    here = {one.id: one.title for one in await notices.topics_of(tenant)}
    return {one.id: one.title for one in TOPICS} | here


class Telling:
    """Tells people: the notice's id is the action's key, so that it is told once, however often it is tried."""

    def __init__(self, access: Access, notices: Notices, broker: Broker, clock: Clock) -> None:
        self._access = access
        self._notices = notices
        self._broker = broker
        self._clock = clock

    async def __call__(self, tenant: str, order: Order) -> Done:
        """As Perform; the words say how many were told."""
        owner = Call(tenant, order.owner, PURPOSE)
        grant = await self._access.decide(owner, "read")
        await self._access.decide(owner, "notices")
        content = order.content
        if content["topic"] not in await topics_for_rules(self._notices, tenant):
            return Done("refused", _NO_TOPIC)
        now = times.micros(self._clock.now())
        if now - order.made_at >= STALE:
            return Done("failed", _LATE)
        place = await self._place(tenant, content, grant)
        if place is None and not content["whole_town"]:
            return Done("refused", _NO_PLACE)
        most = Most(f"rule:{order.rule_set}/{order.rule}/", PER_HOUR)
        notice = notice_of(order, place)
        try:
            await self._notices.tell(tenant, notice, most)
        except TooManyRequests:
            return Done("refused", _TOO_MANY)
        reached = await self._notices.reached(tenant, notice.id)
        if not reached.people:
            return Done("done", _NONE)
        ja = f"{reached.people} 人に知らせます（{reached.messages} 通）。"
        return Done("done", Words(ja, f"people told: {reached.people} (messages: {reached.messages})"))

    async def _place(self, tenant: str, content: Mapping[str, Any], grant: Grant) -> tuple[float, float] | None:
        """Where the entity is that the action names, as its owner may see it; else where the one at hand was."""
        if not content.get("entity"):
            place = content.get("place")
            return None if place is None else (place[0], place[1])
        doc = await self._broker.get(tenant, content["entity"], grant.restriction, grant.visible)
        for one in () if doc is None else doc["attrs"].get(_LOCATION, ()):
            value = one.get("value")
            if isinstance(value, dict) and value.get("type") == "Point":
                return float(value["coordinates"][0]), float(value["coordinates"][1])
        return None


def notice_of(order: Order, place: tuple[float, float] | None) -> Notice:
    """The notice as a rule's author wrote it, with what was filled in; what is too long is cut."""
    content = order.content
    title, text = _said(content, "title", MAX_TITLE), _said(content, "text", MAX_TEXT)
    area = " ".join(str(content.get("area", "")).split())[:MAX_TITLE]
    return Notice(
        f"rule:{order.key}",
        content["topic"],
        {lang: " ".join(said.split()) for lang, said in title.items()},
        text,
        order.at,
        place,
        {"ja": area, "en": area} if area else {},
        urgent=bool(content["urgent"]),
    )


def _said(content: Mapping[str, Any], name: str, most: int) -> dict[str, str]:
    found = {lang: str(content.get(f"{name}_{member}", "")).strip()[:most] for lang, member in _LANGUAGES}
    return {lang: said for lang, said in found.items() if said}


_NO_TOPIC: Final = Words(
    "この種類のお知らせは、この町では今は出せません（パックが外された場合など）。",
    "nobody is told of this topic in this town any more, as where its pack was removed",
)
_LATE: Final = Words("時間がたちすぎたため知らせませんでした。", "it was too late to tell anybody")
_NO_PLACE: Final = Words(
    "場所（点の location）が分からないため、だれにも知らせませんでした。"
    "町全体に知らせるなら whole_town を選んでください。",
    "the entity has no location that is a point, so that nobody was told; choose whole_town to tell the whole town",
)
_TOO_MANY: Final = Words(
    f"この規則からのお知らせは 1 時間に {PER_HOUR} 件までのため、知らせませんでした。",
    f"one rule tells {PER_HOUR} notices an hour; nobody was told of this one",
)
_NONE: Final = Words("希望している人がいません（0 人）。", "people told: 0; nobody there asked for it")
