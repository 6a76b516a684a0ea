"""The gateway behind the real listener, spoken to by real clients."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from tests.fakes import DatabaseFactory

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import SystemClock
from kumihimo.base.jsontext import dumps, parse
from kumihimo.base.ports import Command, CommandOutcome, MqttLink, Reading, ReadingOutcome
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.gateway import Gateway
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.network.mqtt.client import MqttConnector
from kumihimo.network.mqtt.listener import MqttListener

pytestmark = pytest.mark.enable_socket
TENANTS = ("a", "b")
OFFICER = Call("a", Actor("person", "officer"))


@dataclass
class House:
    registry: Registry
    keys: dict[str, str] = field(default_factory=dict)
    readings: list[tuple[str, Reading]] = field(default_factory=list)
    listener: MqttListener | None = None
    arbiter: Arbiter | None = None
    port: int = 0

    async def ingest(self, call: Call, readings: Sequence[Reading]) -> list[ReadingOutcome]:
        self.readings += [(call.tenant, one) for one in readings]
        return [ReadingOutcome("stored") for _ in readings]

    async def down(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        assert self.listener is not None
        return await self.listener.publish(topic, payload, qos=qos, retain=retain)

    async def link(self, device: str = "", *subscribe: str) -> MqttLink:
        username, key = device or "guest", self.keys.get(device, "")
        connect = MqttConnector("127.0.0.1", self.port)
        return await connect(client_id=f"c-{username}", username=username, password=key, subscribe=subscribe)


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    database = await database_factory([REGISTRY, ACTUATION])
    clock = SystemClock()
    made = House(Registry(database, clock))
    made.arbiter = Arbiter(database, made.registry, made.down, clock)
    gateway = Gateway(made.registry, made.ingest, clock, True, made.arbiter.result)
    made.listener = MqttListener(gateway, clock)
    made.registry.on_revoked = made.listener.cut
    for tenant in TENANTS:
        await database.add_tenant(tenant)
        for name, family in (("g1", "river-gauge"), ("sign-1", "sign")):
            device = Device(name, family, name, f"urn:ngsi-ld:X:{name}", "t")
            made.keys[f"{tenant}/{name}"] = await made.registry.add(tenant, device)
    made.port = await made.listener.start("127.0.0.1", 0)
    yield made
    await made.listener.stop()


async def test_a_reading_climbs_to_the_ingest(house: House) -> None:
    link = await house.link("a/g1")
    body = {"observedAt": times.text(SystemClock().now()), "level": 3.5}
    await link.publish("kumihimo/a/g1/up", dumps(body))
    assert [(tenant, one.value) for tenant, one in house.readings] == [("a", 3.5)]
    with pytest.raises(ConnectionError, match="Payload format invalid"):
        await link.publish("kumihimo/a/g1/up", dumps({**body, "level": "3.5"}))
    with pytest.raises(ConnectionError, match="Not authorized"):
        await link.publish("kumihimo/b/g1/up", dumps(body))
    await link.close()


async def test_a_command_goes_down_and_its_answer_comes_up(house: House) -> None:
    assert house.arbiter is not None
    ended: asyncio.Future[CommandOutcome] = asyncio.get_running_loop().create_future()
    house.arbiter.on_change = lambda tenant, outcome: ended.set_result(outcome)
    sign = await house.link("a/sign-1", "kumihimo/a/sign-1/down/#")
    outcome = await house.arbiter(OFFICER, Command("a", "sign-1", "show", {"text": "避難", "level": 4}, "水位上昇"))
    assert outcome.state == "sent"
    topic, payload = await anext(sign.messages())
    command = parse(payload)
    assert (topic, command["arguments"]["text"]) == ("kumihimo/a/sign-1/down/command", "避難")
    result = {"id": command["id"], "state": "confirmed", "detail": "shown"}
    await sign.publish("kumihimo/a/sign-1/up/result", dumps(result))
    assert (await asyncio.wait_for(ended, 10)).state == "confirmed"
    await sign.close()


async def test_nobody_hears_a_device_but_the_device(house: House) -> None:
    """The canary: under an open house a guest listens to everything, and hears the free topics only."""
    guest = await house.link("", "#", "+/+/+/up", "+/+/+/down/+")
    with pytest.raises(ConnectionError):
        await house.link("", "kumihimo/#")
    with pytest.raises(ConnectionError):
        await house.link("b/sign-1", "kumihimo/a/sign-1/down/#")
    with pytest.raises(ConnectionError):
        await house.link("b/sign-1", "#")
    gauge = await house.link("a/g1")
    canary = {"observedAt": times.text(SystemClock().now()), "level": 4.242}
    await gauge.publish("kumihimo/a/g1/up", dumps(canary))
    await house.down("kumihimo/a/sign-1/down/command", b"canary", retain=True)
    late = await house.link("", "#")  # same client id: takes the first guest's place
    other = await house.link("b/g1")
    await other.close()
    writer = MqttConnector("127.0.0.1", house.port)
    free = await writer(client_id="free", username="free", password="")
    await free.publish("free/topic", b"for all")
    assert await anext(late.messages()) == ("free/topic", b"for all")
    with pytest.raises(StopAsyncIteration):
        await anext(guest.messages())
    for link in (late, free, gauge, guest):
        await link.close()


async def test_a_removed_device_is_cut_off_at_once(house: House) -> None:
    link = await house.link("a/g1")
    assert await house.registry.remove("a", "g1")
    with pytest.raises(StopAsyncIteration):
        await anext(link.messages())
    with pytest.raises(ConnectionError):
        await house.link("a/g1")
    await link.close()


async def test_no_key_is_in_the_log_be_it_right_or_wrong(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    right, new = house.keys["a/g1"], await house.registry.rotate("a", "g1", keep=60)
    await (await house.link("a/g1")).close()
    house.keys["a/g1"] = new
    await (await house.link("a/g1")).close()
    for wrong in (f"wrong-{new}", new[:-1], "wrong-and-typed-by-hand"):
        house.keys["a/g1"] = wrong
        with pytest.raises(ConnectionError):
            await house.link("a/g1")
    await house.registry.revoke_key("a", "g1")
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert "mqtt" in logged
    assert [secret for secret in (right, new, new[:-1], "typed-by-hand") if secret in logged] == []


async def test_a_key_that_is_rotated_between_its_check_and_the_session_lets_nobody_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, checked, go_on = house.registry.authenticate, asyncio.Event(), asyncio.Event()

    async def authenticate(tenant: str, device: str, key: str, *, way: str = "connect") -> Device | None:
        found = await plain(tenant, device, key, way=way)
        checked.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(house.registry, "authenticate", authenticate)
    joining = asyncio.create_task(house.link("a/g1"))
    await checked.wait()
    new = await house.registry.rotate("a", "g1")
    go_on.set()
    with pytest.raises(ConnectionError):
        await joining
    assert house.listener is not None
    assert house.listener.stats()["sessions"] == 0
    house.keys["a/g1"] = new
    await (await house.link("a/g1")).close()
