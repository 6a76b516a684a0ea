"""A pack's own device family: it stands in the town while the pack does, and real messages are read by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock

from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import AlreadyExists, BadRequestData
from kumihimo.base.ports import MqttPeer, MqttRefused
from kumihimo.base.settings import Settings
from kumihimo.device.registry.models import Device
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.manifest import held

FILES = dict(read_path(Path(__file__).parents[1] / "solutions" / "packs" / "air"))
CALL = Call("town", Actor("person", "p-1"))
KIND = "https://example.org/air/AirQualityObserved"
NINE = bytes.fromhex("01092F6B007D9A012E")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def platform(request: pytest.FixtureRequest, tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Platform]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1, database_url=url), fake_clock)
    await made.database.open()
    await made.database.add_tenant("town")
    yield made
    await made.database.close()


async def install(platform: Platform, old: str = "", new: str = "") -> None:
    text = FILES[MANIFEST].decode()
    assert old in text
    files = {**FILES, MANIFEST: text.replace(old, new).encode()} if old else FILES
    await platform.packs.install(CALL, held(files, "outside", {}), unsigned=True)


async def value(platform: Platform, entity: str, name: str) -> Any:
    doc = await platform.broker.get("town", entity, ALL_ROWS, ALL_ATTRIBUTES)
    return None if doc is None else doc["attrs"]["https://example.org/air/" + name][0]["value"]


def node(name: str = "school-1") -> Device:
    return Device(name, "air.node", "", f"urn:ngsi-ld:AirQualityObserved:{name}", KIND)


async def test_a_family_comes_and_goes_with_its_pack(platform: Platform) -> None:
    with pytest.raises(BadRequestData, match=r"no device family 'air\.node'"):
        await platform.registry.add("town", node())
    await install(platform)
    key = await platform.registry.add("town", node())
    peer = MqttPeer("c", "town", "school-1")
    await platform.gateway.publish(peer, "kumihimo/town/school-1/up", NINE, {})
    assert await value(platform, node().entity_id, "temperature") == 23.51
    await platform.registry.add(
        "town", Device("log-1", "air.logger", "", "urn:ngsi-ld:AirQualityObserved:log", KIND), key=key
    )
    lines = "測定日時,気温,CO2\n2020-11-20 08:00:00,12.5,420\n2020-11-20 08:10:00,***,421\n".encode("cp932")
    outcomes = await platform.gateway.take("town", "log-1", key, lines, "text/csv")
    assert [one.status for one in outcomes] == ["stored"] * 3
    assert await value(platform, "urn:ngsi-ld:AirQualityObserved:log", "co2") == 421
    removal = await platform.packs.plan_removal("town", "air")
    assert [one.en for one in removal.later] == [
        "2 of the town's own devices are not understood any more: log-1, school-1"
    ]
    await platform.packs.remove(CALL, "air")
    with pytest.raises(MqttRefused, match=r"no device family 'air\.node'"):
        await platform.gateway.publish(peer, "kumihimo/town/school-1/up", NINE, {})
    assert "air.node" not in await platform.registry.families("town")
    again = await platform.registry.get("town", "school-1")
    assert again is not None
    assert (again.accepted, again.table, "未対応" in again.last_refusal_ja) == (6, "", True)


async def test_what_is_no_message_of_the_family_is_refused_and_told(platform: Platform) -> None:
    await install(platform)
    await platform.registry.add("town", node())
    for body, why in ((NINE[:4], "it has 4 bytes"), (b"\x02" + NINE[1:], "no message of this family")):
        with pytest.raises(MqttRefused, match=why):
            await platform.gateway.publish(MqttPeer("c", "town", "school-1"), "kumihimo/town/school-1/up", body, {})
    assert await value(platform, node().entity_id, "temperature") is None


async def test_an_upgrade_reads_the_next_message_by_the_new_table(platform: Platform) -> None:
    await install(platform)
    await platform.registry.add("town", node())
    peer = MqttPeer("c", "town", "school-1")
    await platform.gateway.publish(peer, "kumihimo/town/school-1/up", NINE, {})
    newer = (
        FILES[MANIFEST]
        .decode()
        .replace('version = "1.0.0"', 'version = "1.1.0"')
        .replace("scale = 0.01", "scale = 0.02")
        .replace("temperature = 23.51", "temperature = 47.02")
    )
    assert newer.count("scale = 0.02") == 1
    await platform.packs.install(CALL, held({**FILES, MANIFEST: newer.encode()}, "outside", {}), unsigned=True)
    platform.clock.advance(60)  # type: ignore[attr-defined]  # the tests' clock
    await platform.gateway.publish(peer, "kumihimo/town/school-1/up", NINE, {})
    assert await value(platform, node().entity_id, "temperature") == 47.02


async def test_no_pack_takes_the_place_of_a_family_of_the_platform(platform: Platform) -> None:
    with pytest.raises(AlreadyExists, match="'counter' of its own"):
        await platform.registry.put_family("town", "counter", "{}")
