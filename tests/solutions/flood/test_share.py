"""Readings handed to a city: its own gauges only, once, with the cause; nothing missed over a restart."""

from __future__ import annotations

from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Command, CommandOutcome, Reading
from kumihimo.network.bus.memory import MemoryBus
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.log import read_log_tx, set_position_tx
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Query
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.query import History
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.mirror import ALERT
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.models import Gauge, Thresholds
from kumihimo.solutions.flood.share import Share
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.thresholds import HOUR
from kumihimo.solutions.flood.watch import Watch
from kumihimo.storage.database import Database

STATUS = DEFAULT_VOCAB + "status"


def gauge(number: str, town: str) -> Gauge:
    return Gauge(number, f"g{number}", "川", town, town, "", Thresholds(1.0, 2.0, None, 4.0), 136.2, 36.0, "official")


def level(number: str, hour: int, value: float) -> Reading:
    return Reading(entities.gauge_id(number), entities.GAUGE, entities.LEVEL, value, hour * HOUR, "MTR")


def call(tenant: str) -> Call:
    return Call(tenant, Actor("system", "test"))


async def no_command(call: Call, command: Command) -> CommandOutcome:
    raise AssertionError


class Rooms:
    database: Database
    bus: MemoryBus
    broker: Broker
    ingest: BrokerIngest
    history: History
    alerts: Alerts

    @classmethod
    async def make(cls, factory: DatabaseFactory, clock: FakeClock) -> Rooms:
        rooms = cls()
        rooms.database = await factory([BROKER, HISTORY, ALERTS])
        rooms.bus = MemoryBus()
        rooms.broker = Broker(rooms.database, clock, rooms.bus, remember_tx)
        rooms.ingest = BrokerIngest(rooms.broker)
        rooms.history = History(rooms.database)
        rooms.alerts = Alerts(rooms.database, clock, rooms.bus, no_command, rooms.broker.apply)
        for tenant in ("fukui-pref", "fukui-city"):
            await rooms.database.add_tenant(tenant)
        gauges = [(gauge("1", "福井市"), "fukui-city"), (gauge("90", "越前市"), "fukui-pref")]
        await rooms.broker.apply(call("fukui-pref"), [entities.gauge_change(one, who) for one, who in gauges])
        await rooms.broker.apply(call("fukui-city"), [entities.gauge_change(*gauges[0])])
        return rooms

    def share(self) -> Share:
        return Share(self.database, self.bus, self.ingest, "fukui-pref", "fukui-city")

    def watch(self, tenant: str) -> Watch:
        return Watch(self.database, self.bus, self.history, self.alerts, propose, tenant)

    async def city_log(self) -> list[tuple[str, str]]:
        records = await self.database.read("fukui-city", lambda tx: read_log_tx(tx, 0, 100, "fukui-city"))
        return [(one.entity_id, one.cause) for one in records if entities.LEVEL in one.changed and one.cause]


async def test_only_the_citys_gauges_are_handed_over_and_once(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    rooms = await Rooms.make(any_database_factory, fake_clock)
    await rooms.ingest(call("fukui-pref"), [level("1", 1, 0.5), level("90", 1, 0.6), level("1", 2, 0.7)])
    assert await rooms.share().reader.catch_up() > 0
    found = await rooms.city_log()
    assert [entity for entity, _ in found] == [entities.gauge_id("1")] * 2
    assert all(cause.startswith("log:fukui-pref:") for _, cause in found)
    # A reader that lost its position reads all again: the city's log stays as it is.
    await rooms.database.write("fukui-pref", lambda tx: set_position_tx(tx, "flood.share.fukui-city", 0))
    await rooms.share().reader.catch_up()
    assert await rooms.city_log() == found
    points = await rooms.history.points("fukui-city", entities.gauge_id("1"), entities.LEVEL, 0, 9 * HOUR)
    assert points == [(HOUR, 0.5), (2 * HOUR, 0.7)]


async def test_each_tenant_watches_its_own_gauges_and_misses_nothing_over_a_restart(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    rooms = await Rooms.make(any_database_factory, fake_clock)
    await rooms.ingest(call("fukui-pref"), [level("1", 1, 0.5), level("90", 1, 0.5)])
    await rooms.watch("fukui-pref").reader.catch_up()
    # The watch is away while the rivers rise; a new one finds it in the log.
    await rooms.ingest(call("fukui-pref"), [level("1", 2, 2.5), level("90", 2, 1.5), level("90", 3, 4.2)])
    await rooms.share().reader.catch_up()
    for tenant in ("fukui-pref", "fukui-city"):
        await rooms.watch(tenant).reader.catch_up()
    [pref] = await rooms.alerts.list("fukui-pref")
    [city] = await rooms.alerts.list("fukui-city")
    assert (pref.subject, pref.severity, pref.stage) == (entities.gauge_id("90"), 4, 2)
    assert (city.subject, city.severity, city.stage) == (entities.gauge_id("1"), 2, 1)
    assert [one.value for one in pref.content.evidence] == [1.5, 4.2]
    assert pref.content.facts["rate"] == 2.7
    assert [one.device for one in pref.content.proposals] == ["sign-echizen-city", "siren-echizen-city"]
    # Reading the whole log again raises nothing anew.
    await rooms.database.write("fukui-pref", lambda tx: set_position_tx(tx, "flood.watch", 0))
    await rooms.watch("fukui-pref").reader.catch_up()
    assert await rooms.alerts.list("fukui-pref") == [pref]
    assert len(await rooms.alerts.events("fukui-pref")) == 2


async def test_a_river_that_falls_closes_the_alert(
    any_database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    rooms = await Rooms.make(any_database_factory, fake_clock)
    rising = [level("90", 1, 0.5), level("90", 2, 1.0), level("90", 3, 0.95), level("90", 4, 0.9)]
    await rooms.ingest(call("fukui-pref"), rising)
    await rooms.watch("fukui-pref").reader.catch_up()
    [alert] = await rooms.alerts.list("fukui-pref")
    assert (alert.state, alert.observed_at) == ("closed", 4 * HOUR)
    doc = (await rooms.broker.find("fukui-pref", Query(ALL_ROWS, ALL_ATTRIBUTES, types=ALERT))).entities
    assert [entities.value_of(one, STATUS) for one in doc] == ["closed"]
