"""From a detection to an alert, a notice and a decision, on real rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import DatabaseFactory
from tests.solutions.wildlife.wildlife_house import TOWN, House, opened

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import StorageRefused
from kumihimo.base.jsontext import dumps
from kumihimo.platform.access.grants import ALL_ROWS
from kumihimo.platform.broker.log import read_log_tx
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.models import Alert
from kumihimo.service.notices.models import Notice, Took
from kumihimo.solutions.wildlife import encounters, entities, telling
from kumihimo.solutions.wildlife.doors import WildlifeDoors, own_call
from kumihimo.solutions.wildlife.kpis import Figures
from kumihimo.solutions.wildlife.limits import SirenRule
from kumihimo.solutions.wildlife.reports import report_of
from kumihimo.solutions.wildlife.rule import rule_change
from kumihimo.solutions.wildlife.watch import Watch

pytestmark = pytest.mark.enable_socket
BEAR, BOAR = "Ursus thibetanus", "Sus scrofa"
EVENING = "2024-10-05T18:{:02}:00+09:00"
NIGHT = "2024-10-06T03:00:00+09:00"


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory) as found:
        yield found


async def alerts(house: House, state: str = "open") -> list[Alert]:
    return await house.doors.alerts.list(TOWN, state=state)


async def notices(house: House) -> list[EntityDoc]:
    return await house.doors.docs(TOWN, entities.NOTICE)


async def detections(house: House) -> dict[str, Any]:
    """What stands in each encounter."""
    docs = await house.doors.docs(TOWN, entities.ENCOUNTER)
    return {doc["id"]: entities.value_of(doc, entities.DETECTIONS) for doc in docs}


async def permit(house: House, rule: SirenRule) -> None:
    await house.doors.apply(own_call(TOWN, "test"), [rule_change(rule)])


async def test_a_bear_raises_one_alert_with_what_is_proposed_and_tells_by_area(house: House) -> None:
    await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    await house.send("sensor-field", EVENING.format(2), species=BEAR, confidence=0.7)
    await house.send("sensor-field2", EVENING.format(3), species=BEAR, confidence=0.8)
    [alert] = await alerts(house)
    assert (alert.severity, alert.source) == (3, "wildlife")
    assert alert.content.title == {"ja": "畑：クマを検知", "en": "畑: bear detected"}
    assert [(one.device, one.name) for one in alert.content.proposals] == [
        ("siren-field", "sound"),
        ("light-field", "on"),
    ]
    assert alert.content.evidence[0].value == 0.9  # how sure it was comes right after what it saw
    [encounter] = await house.doors.docs(TOWN, entities.ENCOUNTER)
    assert encounter["id"] == alert.subject
    assert len(entities.value_of(encounter, entities.DETECTIONS)) == 3
    [notice] = await notices(house)
    assert entities.value_of(notice, entities.AREA_NAME) == "畑"
    assert entities.value_of(notice, entities.AUDIENCE) == ["farmers", "residents", "hunters"]
    assert 0 <= entities.value_of(notice, entities.SECONDS) < 60
    [told] = house.told
    assert (told.id, told.topic, told.area["ja"], told.urgent) == (notice["id"], telling.BEAR, "畑", False)
    assert told.place == entities.place_of(encounter)


async def test_how_sure_a_sensor_was_is_that_of_its_own_moment(house: House) -> None:
    """Two messages before the watch looks: the first is not taken for as sure as the second."""
    for minute, sure in ((0, 0.9), (1, 0.4)):
        at = EVENING.format(minute)
        body = dumps({"observedAt": at, "species": BEAR, "confidence": sure})
        await house.gateway.take(TOWN, "sensor-field", house.keys["sensor-field"], body)
    await house.watch.reader.catch_up()
    [encounter] = await house.doors.docs(TOWN, entities.ENCOUNTER)
    assert [one["confidence"] for one in entities.value_of(encounter, entities.DETECTIONS)] == [0.9, 0.4]


async def test_who_decides_sounds_the_siren_and_the_log_tells(house: House) -> None:
    await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    [alert] = await alerts(house)
    call = replace(own_call(TOWN, "decide"), actor=Actor("person", "山田"))
    decision = await house.doors.alerts.decide(call, alert.id, alert.version, "accepted", "児童の下校")
    assert (decision.who, [step.proposal.name for step in decision.steps]) == ("山田", ["sound", "on"])
    # no siren is connected here: the decision says so
    assert {step.state for step in decision.steps} == {"failed"}


async def test_at_night_beside_houses_none_is_proposed_and_the_alert_says_why(house: House) -> None:
    await house.send("sensor-school", NIGHT, species=BEAR, confidence=0.9)
    [alert] = await alerts(house)
    assert alert.severity == 4
    assert alert.content.proposals == ()
    assert "22:00-6:00" in alert.content.facts["sirenRefused"]["ja"]
    await permit(house, SirenRule(night_beside_houses=True))
    await house.send("sensor-school", "2024-10-07T03:00:00+09:00", species=BEAR, confidence=0.9)
    [alert] = await alerts(house)
    assert [one.name for one in alert.content.proposals] == ["sound"]


async def test_a_standing_permission_decides_in_the_name_of_who_gave_it(house: House) -> None:
    await permit(house, SirenRule(automatic=True, allowed_by="田中", reason="通学路", per_night=1))
    await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    [decision] = await house.doors.alerts.decisions(TOWN)
    assert (decision.who, decision.reason, decision.is_permitted) == ("田中", "通学路", True)
    await house.send("sensor-field", EVENING.format(40), species=BEAR, confidence=0.9)
    newest = max(await alerts(house), key=lambda one: one.observed_at)
    assert newest.verdict == "undecided"
    assert "1 times this night" in newest.content.facts["sirenRefused"]["en"]
    assert len(await house.doors.alerts.decisions(TOWN)) == 1


async def test_a_graver_animal_makes_it_a_new_stage_and_one_more_notice(house: House) -> None:
    await house.send("sensor-field", EVENING.format(0), species="unknown")
    await house.send("sensor-field", EVENING.format(4), species=BEAR, confidence=0.9)
    [alert] = await alerts(house)
    assert (alert.severity, alert.stage) == (3, 2)
    assert len(await notices(house)) == 2


async def test_an_alert_closes_an_hour_after_its_animal_was_last_seen(house: House) -> None:
    for minute in (0, 9, 18, 27, 36, 45, 54):
        await house.send("sensor-field", EVENING.format(minute), species=BOAR)
    await house.send("sensor-school", "2024-10-05T19:50:00+09:00", species=BOAR)
    assert len(await alerts(house)) == 2  # the boar in the field was there until 18:54
    await house.send("sensor-school", "2024-10-05T19:58:00+09:00", species=BOAR)
    [left] = await alerts(house)
    assert left.content.facts["area"] == "学校"
    [closed] = await alerts(house, "closed")
    assert closed.content.title["en"].startswith("畑")


async def test_what_is_seen_twice_is_written_once_also_after_a_restart(house: House) -> None:
    await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    again = Watch(house.doors, TOWN)
    records = await house.doors.database.read(TOWN, again.reader._next_tx)
    assert records == []  # the position outlasts the watch
    await house.send("sensor-field", EVENING.format(1), species=BEAR, confidence=0.8)
    house.watch = Watch(house.doors, TOWN)
    await house.send("sensor-field", EVENING.format(5), species=BEAR, confidence=0.8)
    [encounter] = await house.doors.docs(TOWN, entities.ENCOUNTER)
    assert len(entities.value_of(encounter, entities.DETECTIONS)) == 3
    assert len(await alerts(house)) == 1
    assert len(await notices(house)) == 1


async def test_what_a_kill_shows_again_joins_the_encounter_that_it_had_however_much_came_after_it(house: House) -> None:
    for moment in (EVENING.format(0), EVENING.format(1), "2024-10-07T18:00:00+09:00"):
        await house.send("sensor-field", moment, species=BEAR, confidence=0.9)
    before = await detections(house)
    records = await house.doors.database.read(TOWN, lambda tx: read_log_tx(tx, 0, 500, TOWN))
    first, *later = [one for one in records if entities.DETECTED in one.changed]
    await Watch(house.doors, TOWN).see(later)  # the position stood behind the first
    assert await detections(house) == before
    assert (len(await alerts(house)), len(await alerts(house, "closed")), len(await notices(house))) == (1, 1, 2)
    await house.watch.see([first, *later])  # nor does a watch mind that has forgotten that day
    assert await detections(house) == before


async def test_what_is_killed_between_telling_and_writing_it_down_is_told_again(house: House) -> None:
    """By the same id, which makes it one notice for people."""
    apply, told = house.doors.apply, house.told

    async def killed(self: Any, call: Call, changes: Any) -> None:
        if any(entities.NOTICE in change.doc["type"] for change in changes):
            raise StorageRefused("killed here")
        await apply(call, changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WildlifeDoors, "apply", killed)
        with pytest.raises(StorageRefused):
            await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    assert (len(told), await notices(house)) == (1, [])
    await house.watch.reader.catch_up()
    assert len(told) == 2
    assert told[0].id == told[1].id == (await notices(house))[0]["id"]


async def test_an_earlier_detection_that_comes_later_joins_the_encounter_that_is_there(house: House) -> None:
    await house.send("sensor-field", EVENING.format(5), species=BEAR, confidence=0.9)
    await house.send("sensor-field2", EVENING.format(1), species=BEAR, confidence=0.9)
    [encounter] = await house.doors.docs(TOWN, entities.ENCOUNTER)
    assert len(entities.value_of(encounter, entities.DETECTIONS)) == 2
    assert [one.subject for one in await alerts(house)] == [encounter["id"]]
    assert len(await notices(house)) == 1


async def test_a_closed_trap_is_told_to_hunters_once(house: House) -> None:
    await house.send("trap-field", EVENING.format(0), closed=True)
    await house.send("trap-field", EVENING.format(30), closed=False)
    [notice] = await notices(house)
    assert entities.value_of(notice, entities.AUDIENCE) == ["hunters"]
    assert [(one.id, one.topic, one.place is not None) for one in house.told] == [(notice["id"], telling.TRAP, True)]
    assert await alerts(house) == []


async def test_figures_come_from_what_stands_in_the_entities(house: House) -> None:
    await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    now = times.micros(times.parse(EVENING.format(30)))
    common = {"at": EVENING.format(20), "species": BOAR, "trap": "urn:ngsi-ld:WildlifeTrap:trap-field"}
    damage = {**common, "kind": "damage", "crop": "稲", "lon": "136.6", "lat": "36.4"}
    forms = [
        {**common, "kind": "visit", "id": "0f8fad5b-d9cb-469f-a165-708677289501", "found": "caught"},
        {**common, "kind": "visit", "id": "0f8fad5b-d9cb-469f-a165-708677289502", "found": "nothing"},
        {**common, "kind": "visit", "id": "0f8fad5b-d9cb-469f-a165-708677289503", "found": "nothing"},
        {**common, "kind": "catch", "id": "0f8fad5b-d9cb-469f-a165-708677289504", "count": "2"},
        {**damage, "id": "0f8fad5b-d9cb-469f-a165-708677289505", "area": "30"},
        {**damage, "id": "0f8fad5b-d9cb-469f-a165-708677289506", "area": "12.5"},
    ]
    await house.doors.apply(own_call(TOWN, "test"), [report_of(form, now).change for form in forms])
    figures = Figures(house.doors)
    [visits] = await figures.visits_per_catch(TOWN, ALL_ROWS)
    [area] = await figures.damaged_area(TOWN, ALL_ROWS)
    [seconds] = await figures.notice_seconds(TOWN, ALL_ROWS)
    assert (visits.id, visits.value) == ("wildlife.visits-per-catch.2024-10", 1.5)
    assert (area.value, len(area.lineage)) == (42.5, 2)
    assert seconds.lineage[0].entity_id.startswith("urn:ngsi-ld:WildlifeNotice:")
    assert (seconds.state, seconds.value) == ("not-reached", None), "it was taken, and handed over to nobody"
    assert seconds.note is not None
    assert ("none of them handed over" in seconds.note["en"], "引き渡しの記録はない" in seconds.note["ja"]) == (
        True,
        True,
    )


async def test_a_notice_counts_once_it_was_handed_over_also_where_that_came_first_or_a_kill_between(
    house: House,
) -> None:
    known: dict[str, Took] = {}

    async def took(_: str, only: str) -> dict[str, Took]:
        return {name: one for name, one in known.items() if only in ("", name)}

    async def tell(_: str, notice: Notice) -> int:
        """Handed over before the wing has written its notice down."""
        if len(known) < 1:
            known[notice.id] = Took(notice.at, 1.5)
        house.told.append(notice)
        return 1

    doors = replace(house.doors, took=took, tell=tell)
    house.watch = Watch(doors, TOWN)
    await house.send("sensor-field", EVENING.format(0), species=BEAR, confidence=0.9)
    figures = Figures(doors)
    [first] = await figures.notice_seconds(TOWN, ALL_ROWS)
    assert (first.value, first.lineage[0].term) == (1.5, "handedSeconds")
    await house.send("sensor-school", EVENING.format(1), species=BEAR, confidence=0.9)
    [second] = await figures.notice_seconds(TOWN, ALL_ROWS)
    assert second.note is not None
    assert (second.value, "; not handed over: 1" in second.note["en"]) == (1.5, True)
    known[house.told[1].id] = Took(house.told[1].at, 2.5)
    house.watch = Watch(doors, TOWN)  # the process that handed it over was killed; another begins
    await house.send("sensor-field", EVENING.format(2), species=BEAR, confidence=0.9)
    [third] = await figures.notice_seconds(TOWN, ALL_ROWS)
    assert third.note is not None
    assert (third.value, "; not handed over: 0" in third.note["en"]) == (2.0, True)
    since = [one.since for one in house.told]
    assert all(0 <= times.micros(doors.clock.now()) - one < 60_000_000 for one in since), since


async def test_of_a_long_encounter_the_first_and_the_newest_detections_are_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encounters, "MAX_KEPT", 3)
    for minute in range(0, 25, 5):
        await house.send("sensor-field", EVENING.format(minute), species=BEAR, confidence=0.8)
    [kept] = (await detections(house)).values()
    begin = times.micros(times.parse("2024-10-05T09:00:00Z"))
    assert [(one["at"] - begin) // 60_000_000 for one in kept] == [0, 15, 20]
