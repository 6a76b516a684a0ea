from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, PayloadTooLarge, TooManyRequests, Unauthenticated
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import MqttPeer, MqttRefused, Reading, ReadingOutcome
from kumihimo.device.gateway import Gateway, GatewayLimits
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA

UP = "kumihimo/a/g1/up"


@dataclass
class Scene:
    registry: Registry
    clock: FakeClock
    key: str = ""
    taken: list[tuple[Call, list[Reading]]] = field(default_factory=list)
    results: list[tuple[str, ...]] = field(default_factory=list)
    refuse: str = ""

    async def ingest(self, call: Call, readings: Sequence[Reading]) -> list[ReadingOutcome]:
        self.taken.append((call, list(readings)))
        return [ReadingOutcome("refused" if self.refuse else "stored", self.refuse) for _ in readings]

    async def result(self, *given: str) -> bool:
        self.results.append(given)
        return given[2] == "known"

    def gateway(self, open_house: bool = False, closed: Sequence[str] = ()) -> Gateway:
        return Gateway(self.registry, self.ingest, self.clock, open_house, self.result, closed_topics=closed)

    def body(self, level: Any = 1.5, ahead: float = 0) -> dict[str, Any]:
        moment = times.from_micros(times.micros(self.clock.now()) + int(ahead * 1_000_000))
        return {"observedAt": times.text(moment), "level": level}

    async def counts(self) -> tuple[int, int, str]:
        found = await self.registry.get("a", "g1")
        assert found is not None
        return found.accepted, found.refused, found.last_refusal


@pytest.fixture
async def scene(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Scene:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("a")
    await database.add_tenant("b")
    made = Scene(Registry(database, fake_clock), fake_clock)
    made.key = await made.registry.add("a", Device("g1", "river-gauge", "g", "urn:ngsi-ld:RiverGauge:1", "https://x/G"))
    return made


async def test_a_device_logs_in_by_tenant_device_and_key(scene: Scene) -> None:
    gateway = scene.gateway()
    assert await gateway.connect("c", "a/g1", scene.key.encode()) == MqttPeer("c", "a", "g1")
    for username, password, code in (
        ("a/g1", b"wrong", 0x86),
        ("a/g1", None, 0x86),
        ("a/g1", b"\xff", 0x86),
        ("b/g1", scene.key.encode(), 0x86),
        ("a/g1/x", scene.key.encode(), 0x86),
        ("g1", scene.key.encode(), 0x87),
        (None, None, 0x87),
    ):
        with pytest.raises(MqttRefused) as caught:
            await gateway.connect("c", username, password)
        assert caught.value.code == code
    assert gateway.counters() == {"refused_anonymous_total": 2, "refused_elsewhere_total": 0}
    assert len(await scene.registry.refusals("a")) == 4
    assert len(await scene.registry.refusals("b")) == 1


@pytest.mark.parametrize("open_house", [False, True])
async def test_a_device_speaks_and_hears_for_itself_alone(scene: Scene, open_house: bool) -> None:
    gateway, peer = scene.gateway(open_house), MqttPeer("c", "a", "g1")
    assert gateway.may_publish(peer, UP)
    assert gateway.may_publish(peer, f"{UP}/result")
    for topic in ("kumihimo/a/g2/up", "kumihimo/b/g1/up", "kumihimo/a/g1/down/command", f"{UP}/x", "free", "$SYS/x"):
        assert not gateway.may_publish(peer, topic)
    assert gateway.may_subscribe(peer, "kumihimo/a/g1/down/#")
    assert gateway.may_subscribe(peer, "kumihimo/a/g1/down/command")
    for topic in ("#", "+/a/g1/down/#", "kumihimo/#", "kumihimo/a/+/down/#", "kumihimo/a/g2/down/#", "free"):
        assert not gateway.may_subscribe(peer, topic)
    assert (await scene.counts())[1] == 6


async def test_an_open_house_is_open_outside_device_topics_only(scene: Scene) -> None:
    gateway = scene.gateway(open_house=True)
    peer = await gateway.connect("c", None, None)
    assert peer == MqttPeer("c")
    assert await gateway.connect("c", "somebody", b"x") == MqttPeer("c")
    with pytest.raises(MqttRefused):
        await gateway.connect("c", "a/g1", b"wrong")
    for topic in ("free/topic", "kumihimo2", "/kumihimo/a"):
        assert gateway.may_publish(peer, topic)
        assert gateway.may_subscribe(peer, topic)
    for topic in (UP, "kumihimo", "kumihimo/#", "$SYS/x"):
        assert not gateway.may_publish(peer, topic)
        assert not gateway.may_subscribe(peer, topic)
    await gateway.publish(peer, "free/topic", b"x", {})
    assert not scene.taken


async def test_an_open_house_may_have_closed_rooms(scene: Scene) -> None:
    gateway, peer = scene.gateway(open_house=True, closed=("office/#", "+/private")), MqttPeer("c")
    for topic in ("office", "office/a/b", "office/#", "town/private", "+/private"):
        assert not gateway.may_publish(peer, topic)
        assert not gateway.may_subscribe(peer, topic)
    for topic in ("offices", "town/private/more", "private", "#", "+/#", "town/public"):
        assert gateway.may_subscribe(peer, topic)


async def test_a_reading_is_ingested_with_actor_and_purpose(scene: Scene) -> None:
    await scene.gateway().publish(MqttPeer("c", "a", "g1"), UP, dumps([scene.body(), scene.body(2)]), {})
    ((call, readings),) = scene.taken
    assert (call.tenant, str(call.actor), call.purpose) == ("a", "device:g1", "device-reading")
    assert [(one.entity_id, one.value, one.provided_by) for one in readings] == [
        ("urn:ngsi-ld:RiverGauge:1", 1.5, "g1"),
        ("urn:ngsi-ld:RiverGauge:1", 2, "g1"),
    ]
    assert await scene.counts() == (2, 0, "")


async def test_what_is_not_taken_is_refused_counted_and_visible(scene: Scene) -> None:
    gateway, peer = scene.gateway(), MqttPeer("c", "a", "g1")
    bad = [
        (b"{", "JSON"),
        (dumps(scene.body("３")), "is a text"),
        (dumps([scene.body(), scene.body("*")]), "missing value"),
        (dumps(scene.body(1, ahead=3601)), "future"),
        (b" " * 65537, "more than 65536 bytes"),
    ]
    for number, (body, words) in enumerate(bad, 1):
        with pytest.raises(MqttRefused, match=words) as caught:
            await gateway.publish(peer, UP, body, {})
        assert caught.value.code == 0x99
        accepted, refused, last = await scene.counts()
        assert (accepted, refused) == (0, number)
        assert words in last
    assert not scene.taken
    await gateway.publish(peer, UP, dumps(scene.body(1, ahead=3599)), {})
    scene.refuse = "the store says no"
    with pytest.raises(MqttRefused, match="the store says no"):
        await gateway.publish(peer, UP, dumps(scene.body()), {})


async def test_what_the_listener_refuses_by_itself_is_counted_on_the_device(scene: Scene) -> None:
    gateway = scene.gateway(open_house=True)
    for number, code in enumerate((0x95, 0x99, 0x93, 0x97, 0x81, 0x82), 1):
        gateway.refused(MqttPeer("c", "a", "g1"), code, f"words {code}")
        assert await scene.counts() == (0, number, f"words {code}.")
    gateway.refused(MqttPeer("guest"), 0x95, "of nobody")
    refusals = await scene.registry.refusals("a")
    assert [one.way for one in refusals] == ["mqtt"] * 6
    assert len({one.ja for one in refusals}) == 5


@pytest.mark.parametrize("way", ["up", "http"])
async def test_a_reading_that_the_store_refuses_is_counted_though_its_neighbour_is_taken(
    scene: Scene, way: str
) -> None:
    gateway = scene.gateway()

    async def ingest(call: Call, readings: Sequence[Reading]) -> list[ReadingOutcome]:
        return [ReadingOutcome("refused", "no") if one.value == 2 else ReadingOutcome("stored") for one in readings]

    gateway._ingest = ingest
    body = dumps([scene.body(1), scene.body(2)])
    if way == "up":
        await gateway.publish(MqttPeer("c", "a", "g1"), UP, body, {})
    else:
        await gateway.take("a", "g1", scene.key, body)
    assert await scene.counts() == (1, 1, "no")
    [refusal] = await scene.registry.refusals("a")
    assert refusal.way == way


async def test_a_removed_device_is_refused_though_it_is_still_connected(scene: Scene) -> None:
    gateway = scene.gateway()
    peer = await gateway.connect("c", "a/g1", scene.key.encode())
    await scene.registry.remove("a", "g1")
    with pytest.raises(MqttRefused) as caught:
        await gateway.publish(peer, UP, dumps(scene.body()), {})
    assert caught.value.code == 0x87
    await gateway.disconnect(peer)


async def test_an_outside_broker_speaks_for_the_device_of_its_topic(scene: Scene) -> None:
    gateway = scene.gateway()
    await gateway.take_from_outside(UP, dumps(scene.body()), {})
    await gateway.take_from_outside(f"{UP}/result", dumps({"id": "known", "state": "confirmed"}), {})
    assert [(call.tenant, str(call.actor)) for call, _ in scene.taken] == [("a", "device:g1")]
    assert scene.results == [("a", "g1", "known", "confirmed", "")]
    for topic in ("kumihimo/a/nobody/up", "kumihimo/nowhere/g1/up", "kumihimo/a/g1/down/command", "other/a/g1/up"):
        with pytest.raises(MqttRefused) as caught:
            await gateway.take_from_outside(topic, dumps(scene.body()), {})
        assert caught.value.code == 0x87
    with pytest.raises(MqttRefused, match="JSON"):
        await gateway.take_from_outside(UP, b"{", {})
    assert (await scene.counts())[:2] == (1, 1)
    assert [(one.device, one.way) for one in await scene.registry.refusals("a")] == [
        ("g1", "up"),
        ("nobody", "outside"),
    ]


async def test_results_go_to_the_arbiter(scene: Scene) -> None:
    gateway, peer = scene.gateway(), MqttPeer("c", "a", "g1")
    await gateway.publish(peer, f"{UP}/result", dumps({"id": "known", "state": "confirmed", "detail": "ok"}), {})
    assert scene.results == [("a", "g1", "known", "confirmed", "ok")]
    for body in (b"[]", b"{", dumps({"id": "known", "state": "sent"}), dumps({"id": "other", "state": "failed"})):
        with pytest.raises(MqttRefused):
            await gateway.publish(peer, f"{UP}/result", body, {})
    assert (await scene.counts())[1] == 4


async def test_over_http_each_reading_has_its_own_outcome(scene: Scene) -> None:
    gateway = scene.gateway()
    body = dumps([scene.body(1), scene.body("*"), scene.body(2)])
    outcomes = await gateway.take("a", "g1", scene.key, body)
    assert [one.status for one in outcomes] == ["stored", "refused", "stored"]
    assert "missing value" in outcomes[1].detail
    assert (await scene.counts())[:2] == (2, 1)


async def test_over_http_what_is_refused_whole(scene: Scene) -> None:
    gateway = scene.gateway(open_house=True)
    with pytest.raises(Unauthenticated):
        await gateway.take("a", "g1", "wrong", dumps(scene.body()))
    with pytest.raises(Unauthenticated):
        await gateway.take("a", "g1", "", b"")
    with pytest.raises(BadRequestData):
        await gateway.take("a", "g1", scene.key, b"{")
    with pytest.raises(PayloadTooLarge):
        await gateway.take("a", "g1", scene.key, b" " * 65537)
    assert not scene.taken
    assert [one.way for one in await scene.registry.refusals("a")] == ["http"] * 4
    assert (await scene.counts())[1] == 4


async def test_lines_of_csv_are_judged_as_json_is(scene: Scene) -> None:
    first, second = scene.body(1.5), scene.body("high")
    lines = f"observedAt,level\n{first['observedAt']},1.5\n{second['observedAt']},high\n"
    outcomes = await scene.gateway().take("a", "g1", scene.key, lines.encode(), "text/csv")
    assert [one.status for one in outcomes] == ["stored", "refused"]
    assert scene.taken[0][1][0].value == 1.5
    with pytest.raises(BadRequestData, match="name the fields"):
        await scene.gateway().take("a", "g1", scene.key, b"", "text/csv")


async def test_a_device_that_sends_too_often_is_told_when_to_come_again(scene: Scene) -> None:
    limits = GatewayLimits(http_rate=0.2)  # ten seconds' worth are two
    gateway = Gateway(scene.registry, scene.ingest, scene.clock, False, scene.result, limits)
    body = dumps(scene.body())
    for _ in range(50):
        with pytest.raises(Unauthenticated):  # whoever guesses keys takes nothing of the device's
            await gateway.take("a", "g1", "x" * 40, body)
    for _ in range(2):
        await gateway.take("a", "g1", scene.key, body)
    with pytest.raises(TooManyRequests) as caught:
        await gateway.take("a", "g1", scene.key, body)
    assert caught.value.retry_after == 5
    assert len(scene.taken) == 2, "nothing of it was taken"
    scene.clock.advance(5)
    await gateway.take("a", "g1", scene.key, body)
    assert "too often" in (await scene.counts())[2]
