"""What a caller may see of alerts, on both engines: the subject's rows and attributes decide, before any limit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from tests.contracts.test_alerts import Arbiter, NoBus
from tests.fakes import DatabaseFactory, FakeClock
from tests.rights import all_but, only, rows

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import ResourceNotFound
from kumihimo.base.ports import CommandOutcome
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, ALL_ROWS, EVERYTHING, NOTHING, Grant, Restriction, Visible
from kumihimo.platform.access.models import ALL_NAMES, EVERY_ROW, Clause, Names, Rights, RowIds, TypeOr
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.mirror import ALERT
from kumihimo.service.alerts.models import Content, Evidence, Proposal, Sighting
from kumihimo.service.alerts.sights import ALL_OF_IT, Rests, Sights
from kumihimo.service.alerts.store import SCHEMA
from kumihimo.service.alerts.whole import Whole

SYSTEM = Call("town", Actor("system", "watch"))
GAUGE, LEVEL, LIMIT, NAME, PLACE = (f"https://x/{name}" for name in ("Gauge", "level", "limit", "name", "place"))
CANARY = "CANARY"
CONTENT = Content(
    title={"ja": f"{CANARY}川", "en": f"{CANARY} river"},
    place=f"{CANARY} street",
    attribute=LEVEL,
    evidence=(Evidence(5, 777.25),),
    facts={"height": 777.25, "word": CANARY},
    proposals=(Proposal("sign", "show", {"text": CANARY}, {"ja": CANARY, "en": CANARY}),),
    location=(136.777, 36.0),
)


@dataclass
class House:
    alerts: Alerts
    sights: Sights


def gauge(number: int) -> str:
    return f"urn:gauge:{number}"


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    """Five gauges with an alert each, the higher the number the graver, and one decision, on the third."""
    database = await any_database_factory([BROKER, HISTORY, SCHEMA])
    await database.add_tenant("town")
    broker = Broker(database, fake_clock, MemoryBus(), remember_tx)
    alerts = Alerts(database, fake_clock, NoBus(), Arbiter(CommandOutcome("c1", "sent", CANARY)), broker.apply)
    for number in range(1, 5):
        await broker.apply(SYSTEM, [Change(Op.UPSERT, gauge(number), doc(number))])
        await alerts.sight(SYSTEM, Sighting("x", gauge(number), number, number, CONTENT))
    await alerts.sight(SYSTEM, Sighting("x", gauge(5), 2, 5, CONTENT))  # of which nothing stands any more
    [third] = await alerts.list("town", subject=gauge(3))
    officer = Call("town", Actor("person", f"{CANARY} Sato"))
    await alerts.decide(officer, third.id, third.version, "accepted", f"{CANARY} rises", {"height": 777.25})
    return House(alerts, Sights(alerts, broker, "x", Rests((LEVEL,), (LIMIT,), (NAME,), (PLACE,)), entitled))


def doc(number: int) -> EntityDoc:
    attrs: dict[str, list[Instance]] = {
        name: [{"type": "Property", "value": f"{name[-5:]} {number}"}] for name in (LEVEL, LIMIT, NAME, PLACE)
    }
    return {"id": gauge(number), "type": [GAUGE], "attrs": attrs}


def narrowed(restriction: Restriction) -> Grant:
    """All of these rows, as policies make it."""
    return Grant.of(Rights((Clause(restriction.rows, ALL_NAMES),)))


def entitled(doc: EntityDoc) -> dict[str, str]:
    name = str(doc["attrs"][NAME][0]["value"]) if NAME in doc["attrs"] else doc["id"]
    return {"ja": f"警報 {name}", "en": f"alert {name}"}


async def test_who_reads_everything_sees_alerts_as_they_are(house: House) -> None:
    seen = await house.sights.list("town", EVERYTHING)
    assert [one.alert for one in seen] == await house.alerts.list("town")
    assert len(seen) == 5
    assert {one.sight for one in seen} == {ALL_OF_IT}
    found = await house.sights.decisions("town", EVERYTHING)
    assert [one.decision for one in found] == list(await house.alerts.decisions("town"))
    assert (await house.sights.get("town", EVERYTHING, seen[0].alert.id)).alert == seen[0].alert


async def test_an_alert_is_there_where_its_subject_may_be_read(house: House) -> None:
    grant = Grant(rows(ids=[gauge(1), gauge(3)]), ALL_ATTRIBUTES)
    seen = await house.sights.list("town", grant, limit=2)
    assert [one.alert.subject for one in seen] == [gauge(1), gauge(3)], "graver ones of others take no place"
    assert [one.alert.severity for one in seen] == [1, 3]
    assert await house.sights.list("town", NOTHING) == []
    assert await house.sights.decisions("town", NOTHING) == []
    other = (await house.alerts.list("town", subject=gauge(2)))[0].id
    for given in (grant, NOTHING):
        with pytest.raises(ResourceNotFound) as said:
            await house.sights.get("town", given, other)
        with pytest.raises(ResourceNotFound) as unknown:
            await house.sights.get("town", given, "urn:none")
        assert said.value.detail.replace(other, "x") == unknown.value.detail.replace("urn:none", "x")
    assert await house.sights.decisions("town", Grant(rows(ids=[gauge(1)]), ALL_ATTRIBUTES)) == []


async def test_what_is_gone_is_seen_by_who_reads_every_row_alone(house: House) -> None:
    every = await house.sights.list("town", Grant(ALL_ROWS, all_but("https://x/other")), subject=gauge(5))
    assert [one.alert.severity for one in every] == [2]
    assert await house.sights.list("town", Grant(rows(types=GAUGE), ALL_ATTRIBUTES), subject=gauge(5)) == []


@pytest.mark.parametrize("hidden", [LEVEL, LIMIT])
async def test_what_is_hidden_neither_orders_nor_shows(house: House, hidden: str) -> None:
    """The gauge of the gravest alert hides its level, or a threshold: its alert comes last of those undecided."""
    visible = Visible(
        (Clause(EVERY_ROW, ALL_NAMES),), (Clause(RowIds(frozenset({gauge(4)})), Names(frozenset({hidden}))),)
    )
    grant = Grant(rows(types=GAUGE), visible)
    seen = await house.sights.list("town", grant)
    assert [one.alert.subject for one in seen] == [gauge(2), gauge(1), gauge(4), gauge(3)]
    blind = seen[2]
    assert not blind.sight.level
    assert (blind.alert.severity, blind.alert.peak, blind.alert.stage) == (0, 0, 0)
    assert CANARY not in str(replace(blind.alert, content=replace(blind.alert.content, place="", evidence=())))
    assert blind.alert.content.title["en"] == f"alert {NAME[-5:]} 4"
    assert bool(blind.alert.content.evidence) is (hidden == LIMIT), "readings are seen as anywhere else"
    assert blind.alert.content.place == f"{CANARY} street"
    assert await house.sights.events("town", blind) == []
    assert await house.sights.events("town", seen[0])


async def test_the_order_of_what_is_hidden_tells_nothing_also_at_the_limit(house: House) -> None:
    grant = Grant(rows(types=GAUGE), all_but(LEVEL))
    whole = await house.sights.list("town", grant)
    undecided = [one.alert.id for one in whole if one.alert.verdict == "undecided"]
    assert undecided == sorted(undecided)
    assert [one.alert.id for one in await house.sights.list("town", grant, limit=2)] == undecided[:2]
    assert {one.alert.severity for one in whole} == {0}


PARTS: list[tuple[Visible, set[str]]] = [
    (all_but(LEVEL), {"place", "people"}),
    (all_but(LIMIT), {"evidence", "place", "people"}),
    (all_but(NAME), {"evidence", "level", "place", "people"}),
    (all_but(PLACE), {"evidence", "level", "title", "people"}),
    (only(NAME), set()),
    (only(LEVEL, LIMIT, NAME, PLACE), {"evidence", "level", "title", "place", "steps"}),
]
"""What of gauges and alerts may be seen, and which parts of a decision are shown then."""


async def test_of_a_decision_is_shown_what_rests_on_what_is_seen(house: House) -> None:
    for visible, shown in PARTS:
        [one] = await house.sights.decisions("town", Grant(ALL_ROWS, visible))
        told, content = one.decision, one.decision.content
        found = {
            "evidence": bool(content.evidence),
            "level": told.severity == 3,
            "title": CANARY in content.title["ja"],
            "place": CANARY in content.place,
            "steps": bool(told.steps) and bool(content.proposals),
            "people": CANARY in told.who,
        }
        assert {name for name, is_shown in found.items() if is_shown} == shown, visible
        assert told.reason == "", "what people wrote is for who sees all of it"
        assert bool(content.facts) is ("level" in shown)
        assert told.verdict == "accepted"


async def test_who_may_not_read_alerts_themselves_is_not_told_who_decided(house: House) -> None:
    """Rights to a gauge are none to the names of officers: these go with the alert's own entity."""
    [one] = await house.sights.decisions("town", narrowed(rows(types=GAUGE)))
    assert (one.decision.who, one.decision.reason, one.sight.people) == ("", "", False)
    assert one.decision.steps
    [other] = await house.sights.decisions("town", narrowed(rows(ids=[gauge(3)])))
    assert other.decision.who == ""
    [whole] = await house.sights.decisions("town", narrowed(rows(types=TypeOr((GAUGE, ALERT)))))
    assert (whole.decision.who, whole.decision.reason) == (f"{CANARY} Sato", f"{CANARY} rises")


async def test_alerts_of_another_wing_are_not_among_them(house: House) -> None:
    other = await house.alerts.sight(SYSTEM, Sighting("y", gauge(1), 4, 9, CONTENT))
    assert other is not None
    await house.alerts.decide(Call("town", Actor("person", "Sato")), other.id, other.version, "rejected", "x")
    part = Grant(rows(ids=[gauge(1)]), all_but(PLACE))
    for grant in (EVERYTHING, part):
        assert other.id not in {one.alert.id for one in await house.sights.list("town", grant)}
        assert other.id not in {one.decision.alert_id for one in await house.sights.decisions("town", grant)}
        with pytest.raises(ResourceNotFound):
            await house.sights.get("town", grant, other.id)
    assert [one.alert.subject for one in await house.sights.list("town", part)] == [gauge(1)]


async def test_alerts_of_no_wing_are_shown_whole_or_not_at_all(house: House) -> None:
    """Of two about gauges 1 and 2, the second graver and decided on; the attribute of its place is hidden."""
    alerts, broker = house.alerts, house.sights._broker
    for number in (1, 2):
        subject = f"{gauge(number)}#set/rule"
        made = await alerts.sight(SYSTEM, Sighting("rules", subject, number, number, CONTENT))
        assert made is not None
        await alerts.decide(Call("town", Actor("person", "Sato")), made.id, made.version, "rejected", "x")

    async def beside(tenant: str) -> tuple[str]:
        return ("x",)

    whole = Whole(alerts, broker, beside, lambda subject: subject.rpartition("#")[0])
    everything = await whole.list("town", EVERYTHING)
    assert [one.alert.subject[:11] for one in everything] == [gauge(2), gauge(1)], "none of the wing x"
    assert len(await whole.decisions("town", EVERYTHING)) == 2
    hidden = Clause(RowIds(frozenset({gauge(2)})), Names(frozenset({PLACE})))
    part = Grant.of(Rights((Clause(EVERY_ROW, ALL_NAMES),), (hidden,)))
    assert [one.alert for one in await whole.list("town", part, limit=1)] == [everything[1].alert]
    assert [one.decision.alert_id for one in await whole.decisions("town", part, limit=1)] == [everything[1].alert.id]
    for grant in (part, NOTHING, Grant(ALL_ROWS, all_but(LEVEL)), Grant(ALL_ROWS, only(LEVEL, LIMIT, NAME, PLACE))):
        with pytest.raises(ResourceNotFound):
            await whole.get("town", grant, everything[0].alert.id)
    assert (await whole.get("town", part, everything[1].alert.id)).alert == everything[1].alert
