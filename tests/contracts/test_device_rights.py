"""What a device writes is judged by the tenant's policies, attribute by attribute, over MQTT and HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from tests.fakes import DatabaseFactory, FakeClock
from tests.model.house import Nudges

from kumihimo.base import times
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import MqttPeer, MqttRefused
from kumihimo.device.codecs.table import VOCAB
from kumihimo.device.gateway import Gateway
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.store import PLATFORM_SCHEMA as ACCESS_OF_PLATFORM
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.ingest import BrokerIngest
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.platform.broker.store import SCHEMA as BROKER
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.platform.history.store import remember_tx

GAUGE = "urn:ngsi-ld:RiverGauge:1"
LEVEL, BATTERY = VOCAB + "waterLevel", VOCAB + "batteryVoltage"
LEVEL_ALONE = f"""permit (principal in Role::"device", action == Action::"write", resource is Entity)
when {{ context.attribute == "{LEVEL}" }};"""
NOTHING = 'permit (principal in Role::"engineer", action == Action::"write", resource is Entity);'
NOT_THIS_ONE = """permit (principal in Role::"device", action == Action::"write", resource is Entity);
forbid (principal == Device::"g1", action == Action::"write", resource);"""


@dataclass
class House:
    gateway: Gateway
    registry: Registry
    rules: StoredRules
    broker: Broker
    clock: FakeClock
    key: str = ""

    def body(self) -> dict[str, object]:
        self.clock.advance(1)
        return {"observedAt": times.text(self.clock.now()), "level": 1.5, "battery": 12}

    async def policies(self, text: str) -> None:
        await self.rules.documents.put("a", "device", text, "person:p-1", "a test")

    async def names(self) -> set[str]:
        doc = await self.broker.get("a", GAUGE, ALL_ROWS, ALL_ATTRIBUTES)
        return set() if doc is None else set(doc["attrs"])

    async def counts(self) -> tuple[int, int]:
        found = await self.registry.get("a", "g1")
        assert found is not None
        return found.accepted, found.refused


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([BROKER, HISTORY, REGISTRY, ACCESS, ACCESS_OF_PLATFORM])
    await database.add_tenant("a")
    rules = StoredRules(database, fake_clock)
    access = Access(False, rules, fake_clock)
    rules.changes.told.append(access.forget)
    broker, registry = Broker(database, fake_clock, Nudges(), remember_tx), Registry(database, fake_clock)

    async def result(*_: str) -> bool:
        return False

    gateway = Gateway(registry, BrokerIngest(broker, access), fake_clock, False, result)
    made = House(gateway, registry, rules, broker, fake_clock)
    made.key = await registry.add("a", Device("g1", "river-gauge", "g", GAUGE, "https://x/RiverGauge"))
    return made


async def over_mqtt(house: House) -> None:
    await house.gateway.publish(MqttPeer("c", "a", "g1"), "kumihimo/a/g1/up", dumps(house.body()), {})


async def over_http(house: House) -> None:
    await house.gateway.take("a", "g1", house.key, dumps(house.body()))


async def as_batch(house: House) -> None:
    await house.gateway.take("a", "g1", house.key, dumps([house.body()]))


async def as_lines(house: House) -> None:
    one = house.body()
    lines = f"observedAt,level,battery\n{one['observedAt']},1.5,12\n"
    await house.gateway.take("a", "g1", house.key, lines.encode(), "text/csv")


WAYS: list[Callable[[House], Awaitable[None]]] = [over_mqtt, over_http, as_batch, as_lines]


@pytest.mark.parametrize("send", WAYS)
async def test_an_attribute_that_no_policy_permits_is_refused_and_its_neighbour_is_written(
    house: House, send: Callable[[House], Awaitable[None]]
) -> None:
    await house.policies(LEVEL_ALONE)
    for number in (1, 2):  # the entity comes to be, and then stands
        await send(house)
        assert await house.names() == {LEVEL}
        assert await house.counts() == (number, number)
    refusal = (await house.registry.refusals("a"))[0]
    assert BATTERY in refusal.en
    assert "a policy of the tenant would have to permit it" in refusal.en
    assert BATTERY in refusal.ja
    assert "権利がありません" in refusal.ja
    # A right that is given counts with the next reading.
    await house.policies(LEVEL_ALONE.replace("context.attribute ==", "context.attribute !=") + LEVEL_ALONE)
    await send(house)
    assert await house.names() == {LEVEL, BATTERY}
    assert await house.counts() == (4, 2)


@pytest.mark.parametrize("text", [NOTHING, NOT_THIS_ONE])
async def test_a_device_that_may_write_nothing_is_told_so_of_each_reading(house: House, text: str) -> None:
    await house.policies(text)
    with pytest.raises(MqttRefused, match="the device may not write in a"):
        await over_mqtt(house)
    outcomes = await house.gateway.take("a", "g1", house.key, dumps(house.body()))
    assert [one.status for one in outcomes] == ["refused", "refused"]
    assert await house.names() == set()
    assert await house.counts() == (0, 3)


async def test_what_stands_from_the_start_lets_a_device_write_all_of_its_entity(house: House) -> None:
    await over_mqtt(house)
    assert await house.names() == {LEVEL, BATTERY}
    assert await house.counts() == (2, 0)
