"""What a simulated sign and siren answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from kumihimo.base.jsontext import dumps, loads
from kumihimo.base.ports import MqttLink
from kumihimo.device.actuation.capability import ABILITIES
from kumihimo.device.simulate.player import Account
from kumihimo.device.simulate.sign import Kind, SimulatedActor, answer

EXAMPLES = {"show": {"text": "x", "level": 2}, "sound": {"pattern": "danger", "seconds": 60}}
KNOWN = [("sign", "show"), ("sign", "clear"), ("siren", "sound"), ("siren", "stop"), ("light", "on"), ("light", "off")]


@pytest.mark.parametrize(("kind", "name"), KNOWN)
def test_every_ability_of_the_arbiter_is_understood(kind: Kind, name: str) -> None:
    assert answer(kind, {"name": name, "arguments": EXAMPLES.get(name, {})}).state == "confirmed"
    assert set(ABILITIES[kind]) >= {name}


def test_what_it_cannot_do_it_says() -> None:
    assert answer("sign", {"name": "sound"}).state == "failed"
    assert answer("sign", {"name": "show", "arguments": None}).state == "failed"
    assert answer("siren", {}).report is None


class Link:
    def __init__(self, arriving: list[bytes]) -> None:
        self.arriving = arriving
        self.sent: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        await self.sent.put((topic, payload))

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        for payload in self.arriving:
            yield "kumihimo/town/sign-1/down/command", payload
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.arriving = []


async def test_a_command_is_confirmed_and_the_state_told() -> None:
    link = Link([b"no json", dumps({"id": "c1", "name": "show", "arguments": {"text": "川から離れて"}})])
    subscribed: list[str] = []

    async def connect(*, client_id: str, username: str, password: str, subscribe: Sequence[str] = ()) -> MqttLink:
        subscribed.extend(subscribe)
        return link

    actor = SimulatedActor(connect, Account("town", "sign-1", "key"), "sign", lambda: 0)
    task = asyncio.create_task(actor.run())
    async with asyncio.timeout(5):
        (result_topic, result), (state_topic, state) = await link.sent.get(), await link.sent.get()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert subscribed == ["kumihimo/town/sign-1/down/command"]
    assert result_topic == "kumihimo/town/sign-1/up/result"
    assert loads(result) == {"id": "c1", "state": "confirmed", "detail": "川から離れて"}
    assert state_topic == "kumihimo/town/sign-1/up"
    assert loads(state) == {"state": "showing", "text": "川から離れて", "observedAt": "1970-01-01T00:00:00.000Z"}
