"""Why a subscription was told or not: the explanation agrees with the matcher, and says what it saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.platform.delivery import test_catalogue
from tests.platform.delivery.stand import TENANT, Stand, subscription
from tests.rights import only, rows

from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.errors import BadRequestData, Forbidden, ResourceNotFound, Unauthenticated
from kumihimo.base.events import LogRecord
from kumihimo.platform.access.decide import EVERYTHING, Access, Action, Grant
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.access.models import QPath, QTerm
from kumihimo.platform.broker.models import Op
from kumihimo.platform.broker.parse import Reading, parse_q
from kumihimo.platform.delivery import explain as explaining
from kumihimo.platform.delivery import why
from kumihimo.platform.delivery.catalogue import Listing, Ready
from kumihimo.platform.delivery.compile import compile_subscription
from kumihimo.platform.delivery.explain import Explained, Explanation, Standing, explained
from kumihimo.platform.delivery.match import noticed
from kumihimo.platform.delivery.models import TRIGGERS, StoredSubscription
from kumihimo.platform.delivery.seen import Seen
from kumihimo.platform.delivery.wording import q_text

CORE = test_catalogue.CORE
X, Y = CORE.expand("x"), CORE.expand("y")
GRANTS = [
    EVERYTHING,
    Grant(ALL_ROWS, only(Y)),
    Grant(rows(ids=("urn:e:1",)), only(X)),
    Grant(rows(q=QTerm(QPath((X,)), "exists")), ALL_ATTRIBUTES),
]
NEAR = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [136.2, 36.0]}

documents = st.fixed_dictionaries(
    {},
    optional={
        "entities": st.lists(test_catalogue.selectors, min_size=1, max_size=2),
        "watchedAttributes": st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=2),
        "notificationTrigger": st.lists(st.sampled_from(TRIGGERS), min_size=1, max_size=2),
        "q": st.sampled_from(["x==1", "y", "!z", "x==1;y==2", "x==2|z"]),
        "scopeQ": st.sampled_from(["/a", "/a/#"]),
        "geoQ": st.just(NEAR),
        "datasetId": st.sampled_from([["@none"], ["urn:d:1"]]),
        "isActive": st.booleans(),
        "expiresAt": st.sampled_from(["2999-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z"]),
        "timeInterval": st.none(),
    },
)
places = st.sampled_from([[], ["/a"], ["/b"]])


@st.composite
def records(draw: st.DrawFn) -> LogRecord:
    record = draw(test_catalogue.records())
    entity = {**record.entity, "scope": draw(places), "attrs": dict(record.entity["attrs"])}
    longitude = draw(st.sampled_from([136.2, 140.0]))
    point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, 36.0]}}
    entity["attrs"][CORE.expand("location")] = entity["attrs"]["https://uri.etsi.org/ngsi-ld/location"] = [point]
    return replace(record, entity=entity, at=draw(st.sampled_from([0, 5])))


def ready_of(document: dict[str, Any], grant: Grant, start: int) -> Ready:
    whole = subscription(**{"entities": None, **document})
    if "entities" not in whole and "watchedAttributes" not in whole:
        whole["entities"] = [{"type": "*"}]
    stored = StoredSubscription("urn:s:1", whole, None, {}, ANONYMOUS, start, 0, 0)
    return Ready(compile_subscription(stored, CORE.expand), grant, CORE)


@given(documents, records(), st.sampled_from(GRANTS), st.sampled_from([0, 1]), st.sampled_from(GRANTS))
def test_the_explanation_agrees_with_the_matcher(
    document: dict[str, Any], record: LogRecord, grant: Grant, start: int, viewer: Grant
) -> None:
    """Whoever looks: what a viewer may not see changes what is said, and not the verdict."""
    one, seen = ready_of(document, grant, start), Seen(record)
    found = Listing(1, [one]).candidates(record)
    told = bool(found) and noticed(one, seen, record.at, test_catalogue.nobody) is not None
    said = explained(one, Seen(record), 9, test_catalogue.nobody, viewer, Standing(position=1))
    assert (said.outcome == "told") is told
    assert (said.first is None) is told
    assert not any(name.result == "broken" for name in said.verdicts)
    if not viewer.visible.is_all:
        assert viewer.visible.flat is not None
        assert {CORE.expand(touched.name) for touched in said.touched} <= viewer.visible.flat.names
        assert not any(name.facts for name in said.verdicts)


@pytest.mark.parametrize(
    "text", ["x==1;(y>2|!z)", 'x~="a.*"', "x.y==1..3", 'x=="a","b"', "x[a.b]!=true", "x{B:y}==1", "x{y{A,B:z}}"]
)
def test_an_expression_is_told_as_it_can_be_read_again(text: str) -> None:
    node = parse_q(text, CORE.expand, Reading(depth=2))
    assert q_text(node, CORE.compact) == text
    assert parse_q(q_text(node, CORE.compact), CORE.expand, Reading(depth=2)) == node


# --- through the door ------------------------------------------------------------------------------------------


async def explain(stand: Stand, id_: str, entity: str = "urn:x:1", **more: Any) -> Explanation:
    return await stand.delivery.explain(stand.call, id_, entity, **more)


async def newest(stand: Stand, id_: str, entity: str = "urn:x:1") -> Explained:
    return (await explain(stand, id_, entity)).changes[0]


def reason(one: Explained) -> str:
    return one.first.reason if one.first is not None else ""


NEAR_TOWN = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [136.2, 36.0]}
REASONS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"entities": [{"type": "Other"}]}, "entities.type"),
    ({"entities": [{"type": "Gauge", "id": "urn:x:2"}]}, "entities.id"),
    ({"entities": [{"type": "Gauge", "idPattern": "^urn:y"}]}, "entities.idPattern"),
    ({"entities": [{"type": "Other"}, {"type": "Third"}]}, "entities"),
    ({"timeInterval": 60}, "interval"),
    ({"isActive": False}, "status.paused"),
    ({"watchedAttributes": ["rain"]}, "trigger.unwatched"),
    ({"notificationTrigger": ["entityDeleted"]}, "trigger.other"),
    ({"q": "level>100"}, "q"),
    ({"geoQ": NEAR_TOWN}, "geoQ"),
    ({"scopeQ": "/river/#"}, "scopeQ"),
    ({"datasetId": ["urn:d:1"]}, "datasetId"),
]


@pytest.mark.parametrize(("members", "expected"), REASONS)
async def test_the_first_reason_is_named(stand: Stand, members: dict[str, Any], expected: str) -> None:
    id_ = await stand.subscribe(**members)
    await stand.put(level=1)
    sent = await stand.catch_up()
    one = await newest(stand, id_)
    assert reason(one) == expected
    assert one.outcome == ("not" if expected else "told")
    assert bool(sent) is (one.outcome == "told")


async def test_each_change_with_what_it_did_newest_first(stand: Stand) -> None:
    id_ = await stand.subscribe(watchedAttributes=["level"], q="level>1;rain<5")
    await stand.put(level=1, rain=2)
    await stand.patch("urn:x:1", level=3)
    await stand.patch("urn:x:1", level=3)
    await stand.remove_attribute("urn:x:1", "rain")
    await stand.catch_up()
    found = await explain(stand, id_)
    assert [reason(one) for one in found.changes] == ["trigger.unwatched", "trigger.same", "", "q"]
    assert [[(at.name, at.how, at.before, at.after) for at in one.touched] for one in found.changes] == [
        [("rain", "lost", "2", "")],
        [("level", "same", "3", "3")],
        [("level", "updated", "1", "3")],
        [("level", "created", "", "1"), ("rain", "created", "", "2")],
    ]
    verdict = found.changes[3].first
    assert verdict is not None
    assert verdict.facts == (("level>1", False, "1"), ("rain<5", True, "2"))
    assert len(found.attempts) == 1
    assert (found.attempts[0].status, found.attempts[0].entity) == (200, "urn:x:1")
    assert (found.is_there, found.is_aside, found.several, found.earlier) == (True, False, False, 0)


async def test_what_was_before_the_subscription_and_what_expired(stand: Stand) -> None:
    await stand.put(level=1)
    id_ = await stand.subscribe(expiresAt="2026-01-01T00:01:00Z")
    await stand.put(level=2)
    await stand.catch_up()
    stand.clock.advance(120)
    await stand.put(level=3)
    await stand.catch_up()
    found = await explain(stand, id_)
    assert [reason(one) for one in found.changes] == ["status.expired", "", "start"]


async def test_what_is_not_matched_yet_waits(stand: Stand) -> None:
    id_ = await stand.subscribe()
    await stand.put(level=1)
    assert (await newest(stand, id_)).outcome == "waiting"
    await stand.catch_up()
    assert (await newest(stand, id_)).outcome == "told"


async def test_throttling_says_until_when(stand: Stand) -> None:
    id_ = await stand.subscribe(throttling=60)
    for level in (1, 2, 3):
        await stand.put(level=level)
        await stand.catch_up()
        stand.clock.advance(1)
    found = await explain(stand, id_)
    assert [one.outcome for one in found.changes] == ["held", "merged", "told"]
    assert [reason(one) for one in found.changes] == ["throttling.held", "throttling.merged", ""]
    first = found.changes[2].at
    assert [one.until for one in found.changes] == [first + 60_000_000, first + 60_000_000, 0]
    assert not found.several
    await stand.put("urn:x:2", level=1)
    await stand.catch_up()
    stand.clock.advance(60)
    assert len(await stand.catch_up()) == 1
    found = await explain(stand, id_)
    assert found.several
    assert [one.outcome for one in found.changes] == ["told", "told", "told"]


async def test_what_was_sent_of_this_entity_alone(stand: Stand) -> None:
    async def refuse(url: str, body: bytes) -> int:
        return 500

    stand.endpoint.answer = refuse
    stand.numbers = replace(stand.numbers, attempts=1)
    stand.restart()
    id_ = await stand.subscribe()
    await stand.put(level=1)
    await stand.put("urn:x:2", level=1)
    await stand.catch_up()
    found = await explain(stand, id_)
    assert [(one.entity, one.status) for one in found.attempts] == [("urn:x:1", 500)]
    assert [one.entity for one in found.dead] == ["urn:x:1"]
    await stand.delivery.replay(stand.call, id_, found.dead[0].id)
    again = await explain(stand, id_)
    assert ([one.id for one in again.waiting], again.dead) == ([found.dead[0].id], ())


async def test_a_changed_subscription_is_said_to_be_judged_as_it_is_now(stand: Stand) -> None:
    id_ = await stand.subscribe()
    await stand.put(level=1)
    await stand.catch_up()
    stand.clock.advance(1)
    await stand.delivery.update(stand.call, id_, {"q": "level>5"}, stand.contexts.core)
    await stand.put(level=2)
    assert [(one.is_older, reason(one)) for one in (await explain(stand, id_)).changes] == [(False, "q"), (True, "q")]


async def test_linked_entities_are_asked_as_by_the_matcher(stand: Stand) -> None:
    await stand.put("urn:s:1", "Sensor", humidity=40)
    id_ = await stand.subscribe(q="sensor{Sensor:humidity}==40", notification={"join": "flat"})
    await stand.write("urn:s:1", humidity={"type": "Property", "value": 40})
    await stand.write_entity("urn:x:1", sensor={"type": "Relationship", "object": "urn:s:1"})
    assert len(await stand.catch_up()) == 1
    assert (await newest(stand, id_)).outcome == "told"


async def test_the_look_back_is_bounded_and_goes_on(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "LOOK_BACK", 2)
    id_ = await stand.subscribe()
    await stand.put(level=1)
    for level in (1, 2, 3):
        await stand.put("urn:x:2", level=level)
    found = await explain(stand, id_)
    assert found.changes == ()
    assert found.is_there
    found = await explain(stand, id_, before=found.earlier)
    assert [one.kind for one in found.changes] == ["entityCreated"]
    assert found.earlier == 0
    page = await explain(stand, id_, "urn:x:2", limit=1)
    assert (len(page.changes), page.earlier) == (1, page.changes[0].seq)


async def test_errors_say_what_is_wrong(stand: Stand) -> None:
    id_ = await stand.subscribe()
    with pytest.raises(BadRequestData, match="entity"):
        await explain(stand, id_, "no uri")
    with pytest.raises(BadRequestData, match="limit"):
        await explain(stand, id_, limit=0)
    with pytest.raises(ResourceNotFound, match="urn:s:none"):
        await explain(stand, "urn:s:none")
    found = await explain(stand, id_, "urn:x:none")
    assert (found.changes, found.is_there, found.earlier) == ((), False, 0)


class Rights(Access):
    """Grants by the caller's name; whoever is not named may nothing."""

    def __init__(self, grants: dict[str, Grant]) -> None:
        super().__init__(open_house=False)
        self.grants = grants

    async def decide(self, call: Call, action: Action) -> Grant:
        if call.actor.id not in self.grants:
            raise Forbidden(f"{call.actor} holds no right to {action} here")
        return self.grants[call.actor.id]


async def test_rights_of_maker_and_viewer(stand: Stand) -> None:
    level = CORE.expand("level")
    rights = Rights({"maker": Grant(ALL_ROWS, only(level)), "other": EVERYTHING})
    maker, other = Call(TENANT, Actor("person", "maker")), Call(TENANT, Actor("person", "other"))
    delivery = stand.restart()
    for holder in (delivery, delivery._catalogue):
        holder._access = rights
    delivery._why = replace(delivery._why, access=rights)
    id_ = await delivery.create(maker, subscription(q="rain>0"), stand.contexts.core)
    await stand.put(level=1, rain=2)
    await stand.write("urn:x:1", Op.APPEND, rain={"type": "Property", "value": 3})
    await stand.catch_up()
    hidden, created = (await delivery.explain(other, id_, "urn:x:1")).changes
    assert (reason(hidden), reason(created)) == ("trigger.hidden", "q")
    assert created.first is not None
    assert created.first.facts == (("rain>0", False, ""),)
    narrow, _ = (await delivery.explain(maker, id_, "urn:x:1")).changes
    assert (narrow.touched, narrow.first and narrow.first.facts) == ((), ())
    del rights.grants["maker"]
    await delivery.create(other, subscription(), stand.contexts.core)
    found = await delivery.explain(other, id_, "urn:x:1")
    assert found.is_aside
    assert [(one.outcome, one.verdicts) for one in found.changes] == [("not", ()), ("not", ())]
    with pytest.raises(Forbidden):
        await delivery.explain(maker, id_, "urn:x:1")
    rights.grants["maker"] = Grant(rows(ids=("urn:x:9",)), ALL_ATTRIBUTES)
    found = await delivery.explain(maker, id_, "urn:x:1")
    assert (found.changes, found.is_there) == ((), False)


async def test_a_check_that_falls_is_said_and_does_not_end_the_explanation(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await stand.subscribe(q="level>0", scopeQ="/a")
    await stand.put(level=1)

    def fall(*given: object) -> bool:
        raise RuntimeError("broken")

    monkeypatch.setattr(explaining, "conditions", fall)
    one = await newest(stand, id_)
    assert one.first is not None
    assert (one.first.name, one.first.result) == ("q", "broken")
    assert [check.result for check in one.verdicts if check.name == "scopeQ"] == ["failed"]


async def test_strangers_are_told_nothing(stand: Stand) -> None:
    id_ = await stand.subscribe()
    stand.delivery._why = replace(stand.delivery._why, access=Access(False))
    with pytest.raises(Unauthenticated):
        await explain(stand, id_)
