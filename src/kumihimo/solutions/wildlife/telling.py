"""What the wing tells people, by area: which topics there are, and what a notice says that is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kumihimo.service.notices import handed
from kumihimo.service.notices.models import Area, Notice, Took, Topic
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.doors import WildlifeDoors, own_call
from kumihimo.solutions.wildlife.encounters import Scene
from kumihimo.solutions.wildlife.words import BEARS

BEAR: Final = "wildlife.bear"
ANIMAL: Final = "wildlife.animal"
TRAP: Final = "wildlife.trap"
TOPICS: Final = (
    Topic(BEAR, {"ja": "クマの出没", "en": "Bears", "ja-easy": "クマが いた とき"}),
    Topic(
        ANIMAL,
        {
            "ja": "イノシシ・シカ・サルなど",
            "en": "Wild boar, deer, macaques and others",
            "ja-easy": "イノシシ・シカ・サルなどが いた とき",
        },
    ),
    # Where traps stand and that one is closed is for those who tend them alone.
    Topic(TRAP, {"ja": "わなの作動", "en": "Traps that closed"}, is_closed=True),
)
"""A bear is told apart because it endangers people; the others endanger fields."""
_DO: Final = {
    BEAR: {
        "ja": "近づかず、屋内に入ってください。外にいる人は、音を出しながら離れてください。"
        "見かけたら 110 番か市町村に知らせてください。",
        "en": "Stay away and go indoors. If you are outside, make noise and move off. "
        "If you see it, call 110 or the town.",
        "ja-easy": "近（ちか）くに 行（い）かないで ください。家（いえ）に 入（はい）って ください。"
        "クマを 見（み）たら 110に 電話（でんわ）して ください。",
    },
    ANIMAL: {
        "ja": "畑の柵と電気柵を確かめてください。動物には近づかないでください。",
        "en": "Check fences and electric fences. Keep away from the animal.",
        "ja-easy": "はたけの さくを 見（み）て ください。動物（どうぶつ）の 近（ちか）くに 行（い）かないで ください。",
    },
    TRAP: {
        "ja": "二人以上で見回りに行き、結果を報告してください。",
        "en": "Visit it, two people at least, and report what you found.",
    },
}


def of_scene(notice_id: str, scene: Scene, since: int) -> Notice:
    """The notice about an encounter: a bear beside houses goes in quiet hours too. since: as models.Notice."""
    surest = scene.encounter.surest
    topic = BEAR if surest.species in BEARS else ANIMAL
    return Notice(
        notice_id,
        topic,
        scene.title(),
        _DO[topic],
        scene.encounter.last,
        (surest.lon, surest.lat),
        {"ja": scene.area, "en": scene.area},
        urgent=scene.severity >= 4,
        since=since,
    )


def of_trap(
    notice_id: str, title: dict[str, str], area: str, at: int, place: tuple[float, float] | None, since: int
) -> Notice:
    """The notice about a trap that closed. since: as models.Notice."""
    return Notice(
        notice_id,
        TRAP,
        title,
        _DO[TRAP],
        at,
        place,
        {"ja": area, "en": area},
        link="/wildlife/patrol",
        good_for=24 * 3600,
        since=since,
    )


async def note_handed(doors: WildlifeDoors, tenant: str, took: Mapping[str, Took]) -> None:
    """Writes onto the wing's notices what they took until they were handed over."""
    await handed.note_handed(doors.broker, own_call(tenant, "handed"), entities.HANDED, took)


async def settle(doors: WildlifeDoors, tenant: str, only: str = "") -> None:
    """As handed.settle, of the wing's notices."""
    call = own_call(tenant, "handed")
    await handed.settle(doors.broker, call, entities.NOTICE, entities.HANDED, doors.took, only)


async def areas_of(doors: WildlifeDoors, tenant: str) -> Sequence[Area]:
    """The areas that the tenant's sensors name, each in the middle of those that do, by name."""
    places: dict[str, list[tuple[float, float]]] = {}
    for doc in await doors.docs(tenant, entities.SENSOR):
        name, place = entities.text_at(doc, entities.AREA_NAME), entities.place_of(doc)
        if name and place is not None:
            places.setdefault(name, []).append(place)
    return [
        Area(name, sum(lon for lon, _ in found) / len(found), sum(lat for _, lat in found) / len(found), 0)
        for name, found in sorted(places.items())
    ]
