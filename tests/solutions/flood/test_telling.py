"""A river that rises to a level is told to people by area: which level to whom, once, in plain words, and how soon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.solutions.flood.test_share import Rooms, call, level

from kumihimo.base.errors import StorageRefused
from kumihimo.platform.access.grants import ALL_ROWS, EVERYTHING
from kumihimo.platform.broker.log import set_position_tx
from kumihimo.service.notices.models import Notice, Took
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.models import Level, Thresholds
from kumihimo.solutions.flood.noticed import NoticeSeconds
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.telling import LEVEL, STAFF, TOPICS, Telling, areas_of
from kumihimo.solutions.flood.thresholds import HOUR
from kumihimo.solutions.flood.training import TRAINING_GAUGE
from kumihimo.solutions.flood.watch import Watch

TOWN = "fukui-pref"
NONE: Any = None


class Told:
    """The rooms of a prefecture whose gauge 90 stands by at 1 m, is watched at 2 m and dangerous at 4 m."""

    def __init__(self, rooms: Rooms, clock: FakeClock) -> None:
        self.rooms, self.clock, self.told, self.known = rooms, clock, list[Notice](), dict[str, Took]()
        self.trouble: BaseException | None = None
        self.urgent_from = 4
        self.doors = FloodDoors(
            rooms.database, clock, rooms.bus, rooms.broker, rooms.history, NONE, NONE, NONE, rooms.alerts, NONE, NONE,
            lambda: "", tell=self.tell, took=self.took, urgent=self.urgent,
        )  # fmt: skip
        self.watch = self.made()

    def made(self) -> Watch:
        rooms, teller = self.rooms, Telling(self.doors, TOWN)
        self.watch = Watch(rooms.database, rooms.bus, rooms.history, rooms.alerts, propose, TOWN, None, teller)
        return self.watch

    async def tell(self, tenant: str, notice: Notice) -> int:
        if self.trouble is not None:
            raise self.trouble
        if notice.id in {one.id for one in self.told}:
            return 0
        self.told.append(notice)
        return 1

    async def took(self, tenant: str, only: str) -> dict[str, Took]:
        return {name: one for name, one in self.known.items() if only in ("", name)}

    async def urgent(self, tenant: str) -> int:
        return self.urgent_from

    async def river(self, *heights: float, hour: int = 1, number: str = "90") -> list[Notice]:
        """Readings of an hour each; what was told since."""
        before = len(self.told)
        await self.rooms.ingest(
            call(TOWN), [level(number, hour + after, height) for after, height in enumerate(heights)]
        )
        await self.watch.reader.catch_up()
        return self.told[before:]


@pytest.fixture
async def told(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Told:
    return Told(await Rooms.make(database_factory, fake_clock), fake_clock)


async def test_each_rise_is_told_once_to_whom_it_concerns_and_a_fall_to_nobody(told: Told) -> None:
    standby, caution, danger = await told.river(0.5, 1.5, 2.5, 2.4, 4.5)
    assert [one.topic for one in (standby, caution, danger)] == [STAFF, LEVEL, LEVEL]
    assert [one.urgent for one in (standby, caution, danger)] == [False, False, True]
    assert (caution.place, caution.area["ja"], caution.at) == ((136.2, 36.0), "越前市", 3 * HOUR)
    assert caution.title["ja"] == "川 g90：はん濫注意水位に到達"
    assert (caution.link, caution.since > 0) == ("/flood/gauges/90", True)
    assert await told.river(2.5, 1.5, 0.5, hour=6) == []
    assert [one.topic for one in await told.river(2.5, hour=9)] == [LEVEL], "another rise is told anew"
    await told.rooms.database.write(TOWN, lambda tx: set_position_tx(tx, "flood.watch", 0))
    await told.made().reader.catch_up()
    assert len(told.told) == 4, "the same log again"
    docs = await told.doors.docs(TOWN, entities.NOTICE, EVERYTHING)
    assert sorted(doc["id"] for doc in docs) == sorted(one.id for one in told.told)


@pytest.mark.parametrize("height", [2.5, 4.5])
async def test_a_notice_is_information_in_easy_words_too_and_announces_no_evacuation(told: Told, height: float) -> None:
    [notice] = await told.river(0.5, height)
    assert set(notice.title) == set(notice.text) == {"ja", "en", "ja-easy"}
    assert "避難の指示ではありません。避難情報は市町村が出します。" in notice.text["ja"]
    assert "no evacuation order" in notice.text["en"]
    assert "お知（し）らせでは ありません" in notice.text["ja-easy"]
    assert f"水位 {height:.2f} m" in notice.text["ja"]
    assert "避難してください" not in notice.text["ja"]


async def test_the_town_says_from_which_level_quiet_hours_do_not_hold(told: Told) -> None:
    told.urgent_from = 2
    [caution] = await told.river(0.5, 2.5)
    told.urgent_from = 5
    [danger] = await told.river(4.5, hour=3)
    assert (caution.urgent, danger.urgent) == (True, False)


async def test_a_drill_is_told_to_staff_alone_says_so_and_is_never_urgent(told: Told) -> None:
    drill = replace(TRAINING_GAUGE, thresholds=Thresholds(1.0, 2.0, None, 4.0))
    await told.rooms.broker.apply(call(TOWN), [entities.gauge_change(drill, TOWN)])
    [notice] = await told.river(0.5, 4.5, number=drill.id)
    assert (notice.topic, notice.urgent, notice.title["ja"][:4]) == (STAFF, False, "【訓練】")
    assert ("訓練です" in notice.text["ja"], "a drill" in notice.text["en"]) == (True, True)
    assert next(one for one in TOPICS if one.id == STAFF).is_closed
    [kept] = await told.doors.docs(TOWN, entities.NOTICE, EVERYTHING)
    assert entities.value_of(kept, entities.SIMULATED) is True, "by which the pack's right leaves it out"


async def test_people_who_cannot_be_told_keep_no_alert_away_and_are_told_later(told: Told) -> None:
    for trouble, height, hour in ((RuntimeError("a fault"), 1.5, 1), (StorageRefused("away"), 2.5, 2)):
        told.trouble = trouble
        assert await told.river(height, hour=hour) == []
    [alert] = await told.rooms.alerts.list(TOWN)
    assert alert.severity == Level.CAUTION
    told.trouble = None
    assert [one.topic for one in await told.river(2.6, hour=4)] == [LEVEL], "what the store refused, not what failed"


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@pytest.mark.parametrize("where", ["telling", "before the alert", "after the alert"])
async def test_a_kill_anywhere_loses_no_rise_and_tells_of_it_once(
    told: Told, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    sight = told.rooms.alerts.sight

    async def killed(*given: Any) -> None:
        if where == "after the alert":
            await sight(*given)
        raise Killed

    if where == "telling":
        told.trouble = Killed()
    else:
        monkeypatch.setattr(told.rooms.alerts, "sight", killed)
    with pytest.raises(Killed):
        await told.river(0.5, 2.5)
    monkeypatch.undo()
    told.trouble = None
    await told.made().reader.catch_up()
    assert len(told.told) == 1
    assert len(await told.rooms.alerts.list(TOWN)) == 1


async def test_how_soon_people_were_told_counts_to_the_handing_over(told: Told) -> None:
    figures = NoticeSeconds(told.doors)
    await told.river(0.5, 1.5)
    [none] = await figures(TOWN, ALL_ROWS)
    assert (none.state, none.value) == ("not-reached", None)
    assert none.note == {"ja": "お知らせ 1 件。引き渡しの記録はない", "en": "notices: 1; none of them handed over"}
    told.known[told.told[0].id] = Took(told.told[0].at, 2.5)  # handed over, then the process was killed
    told.made()
    await told.river(2.5, hour=3)
    [one] = await figures(TOWN, ALL_ROWS)
    assert (one.value, one.lineage[0].term) == (2.5, "handedSeconds")
    assert one.note == {
        "ja": "お知らせ 2 件。引き渡しの記録がないもの 1 件",
        "en": "notices: 2; not handed over: 1",
    }


async def test_towns_can_be_chosen_by_the_names_that_gauges_have(told: Told) -> None:
    assert [(one.name, one.lon) for one in await areas_of(told.doors, TOWN)] == [("福井市", 136.2), ("越前市", 136.2)]
