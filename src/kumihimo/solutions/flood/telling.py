"""What the wing tells people, by area, when a river rises to a level: information about the river, no evacuation order.

Whether to evacuate is announced by the town, which decides; a notice says so, and is no step of any decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, ALL_ROWS, EVERYTHING
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.service.notices import handed
from kumihimo.service.notices.models import Area, Notice, Took, Topic
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.models import LEVEL_NAMES, Level
from kumihimo.solutions.flood.watch import sighting_of, title

LEVEL: Final = "flood.level"
STAFF: Final = "flood.staff"
TOPICS: Final = (
    Topic(
        LEVEL,
        {
            "ja": "川の水位（はん濫注意水位から上）",
            "en": "River levels (from flood watch up)",
            "ja-easy": "川（かわ）の 水（みず）が 高（たか）い とき",
        },
    ),
    # The stand-by level calls the flood-fighting corps; a drill must not be taken for a flood.
    Topic(STAFF, {"ja": "川の水位（水防団待機・訓練）", "en": "River levels (stand-by, training)"}, is_closed=True),
)
NEVER_URGENT: Final = max(Level) + 1
_EASY: Final = {
    Level.CAUTION: "川（かわ）の 水（みず）が 高（たか）く なりました",
    Level.EVACUATION: "川（かわ）の 水（みず）が とても 高（たか）く なりました",
    Level.DANGER: "川（かわ）の 水（みず）が あぶない 高（たか）さです",
}
_DO: Final = {
    Level.STANDBY: {
        "ja": "配備と連絡先を確かめてください。",
        "en": "Check who stands by and how they are reached.",
    },
    Level.CAUTION: {
        "ja": "川や用水路に近づかないでください。",
        "en": "Keep away from rivers and canals.",
        "ja-easy": "川（かわ）の 近（ちか）くに 行（い）かないで ください。",
    },
    Level.EVACUATION: {
        "ja": "川から離れ、市町村が出す避難情報を確かめてください。",
        "en": "Keep away from the river, and look for what the town announces about evacuation.",
        "ja-easy": "川（かわ）から はなれて ください。町（まち）の お知（し）らせを 見（み）て ください。",
    },
    Level.DANGER: {
        "ja": "すぐに川から離れ、市町村が出す避難情報を確かめてください。"
        "危険を感じたら、自分の判断で身を守ってください。",
        "en": "Get away from the river now, and look for what the town announces about evacuation. Where you feel in "
        "danger, protect yourself by your own judgement.",
        "ja-easy": "すぐに 川（かわ）から はなれて ください。町（まち）の お知（し）らせを 見（み）て ください。"
        "あぶないと 思（おも）ったら、安全（あんぜん）な ところへ 行（い）って ください。",
    },
}
_ONLY: Final = {
    "ja": "これは水位のお知らせで、避難の指示ではありません。避難情報は市町村が出します。",
    "en": "This is information about the river's level, no evacuation order: those come from the town.",
    "ja-easy": "これは 川（かわ）の 水（みず）の お知（し）らせです。"
    "「逃（に）げなさい」の お知（し）らせでは ありません。"
    "それは 町（まち）が 出（だ）します。",
}
_TRAINING: Final = {
    "ja": "訓練です。実際の川の水位ではありません。",
    "en": "This is a drill; no river stands so.",
}


def notice_id(gauge: str, at: int, level: int) -> str:
    """One notice for each rise of a gauge to a level."""
    return f"urn:ngsi-ld:FloodNotice:{gauge.rpartition(':')[2]}-{at}-{level}"


def notice_of(record: LogRecord, level: Level, urgent_from: int) -> Notice | None:
    """The notice about a gauge that rose to a level; None where its reading is none. A drill is for staff, and never
    urgent.
    """
    doc, seen = record.entity, sighting_of(record.entity)
    if seen is None:
        return None
    at, height = seen
    drill = _is_drill(doc)
    name = entities.text_at(doc, entities.NAME) or record.entity_id
    river = entities.text_at(doc, entities.RIVER)
    said = dict(title(river, name, level))
    if level in _EASY:
        said["ja-easy"] = f"{river} {name}：{_EASY[level]}".strip()
    place = entities.address_of(doc, "addressLocality")
    number = quote(entities.number_of(record.entity_id), safe="")
    return Notice(
        notice_id(record.entity_id, at, level),
        LEVEL if level >= Level.CAUTION and not drill else STAFF,
        {lang: f"【訓練】{one}" if drill else one for lang, one in said.items()},
        _text(level, height, entities.thresholds_of(doc).height(level), drill=drill),
        at,
        entities.place_of(doc),
        {"ja": place, "en": place} if place else {},
        urgent=level >= urgent_from and not drill,
        link=f"/flood/gauges/{number}",
        since=record.at,
    )


def _is_drill(doc: EntityDoc | dict[str, Any]) -> bool:
    return entities.value_of(doc, entities.SIMULATED) is True


def _text(level: Level, height: float, limit: float | None, *, drill: bool) -> dict[str, str]:
    ja, en = LEVEL_NAMES[level]
    least = height if limit is None else limit
    figures = {
        "ja": f"水位 {height:.2f} m（{ja} {least:.2f} m）。",
        "en": f"Level {height:.2f} m ({en}: {least:.2f} m). ",
        "ja-easy": f"水（みず）の 高（たか）さは {height:.2f} メートルです。",
    }
    last = _TRAINING if drill else _ONLY
    return {
        lang: figures[lang] + do + (" " if lang == "en" else "") + last.get(lang, last["ja"])
        for lang, do in _DO[level].items()
    }


class Telling:
    """Implements watch.Teller: tells people of a tenant, and writes the notice down, to which programs subscribe."""

    def __init__(self, doors: FloodDoors, tenant: str) -> None:
        self._doors = doors
        self._tenant = tenant
        self._settled = False

    async def __call__(self, record: LogRecord, level: Level) -> None:
        """As Teller."""
        doors, tenant = self._doors, self._tenant
        if doors.tell is None:
            return
        if not self._settled:
            await settle(doors, tenant)
            self._settled = True
        urgent_from = NEVER_URGENT if doors.urgent is None else await doors.urgent(tenant)
        notice = notice_of(record, level, urgent_from)
        if notice is None or await doors.broker.get(tenant, notice.id, ALL_ROWS, ALL_ATTRIBUTES) is not None:
            return
        # Told before it is written down, so that a kill between the two tells it again, which is once for people.
        await doors.tell(tenant, notice)
        taken = max(0, times.micros(doors.clock.now()) - record.at) / 1_000_000
        call = Call(tenant, Actor("system", "flood.watch"), "watch", cause=f"log:{tenant}:{record.seq}")
        for outcome in await doors.broker.apply(call, [_change(notice, record, level, taken)]):
            if outcome.problem is not None:
                raise outcome.problem
        await settle(doors, tenant, notice.id)


def _change(notice: Notice, record: LogRecord, level: Level, taken: float) -> Change:
    attrs: dict[str, list[Instance]] = {
        entities.HEADLINE: [{"type": "Property", "value": dict(notice.title)}],
        entities.SEVERITY: [{"type": "Property", "value": int(level)}],
        entities.ABOUT: [{"type": "Relationship", "object": record.entity_id}],
        entities.TAKEN: _seconds(taken, notice.at),
    }
    if notice.area:
        attrs[entities.AREA_NAME] = [{"type": "Property", "value": notice.area["ja"]}]
    if _is_drill(record.entity):
        attrs[entities.SIMULATED] = [{"type": "Property", "value": True}]
    return Change(Op.UPSERT_UPDATE, notice.id, {"id": notice.id, "type": [entities.NOTICE], "attrs": attrs})


def _seconds(value: float, at: int) -> list[Instance]:
    moment = times.text(times.from_micros(at))
    return [{"type": "Property", "value": value, "unitCode": entities.SECOND, "observedAt": moment}]


async def note_handed(doors: FloodDoors, tenant: str, took: Mapping[str, Took]) -> None:
    """Writes onto the wing's notices what they took until they were handed over."""
    await handed.note_handed(doors.broker, _handed_call(tenant), entities.HANDED, took)


async def settle(doors: FloodDoors, tenant: str, only: str = "") -> None:
    """As handed.settle, of the wing's notices."""
    await handed.settle(doors.broker, _handed_call(tenant), entities.NOTICE, entities.HANDED, doors.took, only)


def _handed_call(tenant: str) -> Call:
    return Call(tenant, Actor("system", "flood.watch"), "handed")


async def areas_of(doors: FloodDoors, tenant: str) -> Sequence[Area]:
    """The towns that the tenant's gauges name, each in the middle of those that do, by name."""
    places: dict[str, list[tuple[float, float]]] = {}
    for doc in await doors.docs(tenant, entities.GAUGE, EVERYTHING):
        name, place = entities.address_of(doc, "addressLocality"), entities.place_of(doc)
        if name and place is not None and entities.value_of(doc, entities.SIMULATED) is not True:
            places.setdefault(name, []).append(place)
    return [
        Area(name, sum(lon for lon, _ in found) / len(found), sum(lat for _, lat in found) / len(found), 0)
        for name, found in sorted(places.items())
    ]
