"""What MQTT clients may count on when the process is killed: sessions, QoS 2 in both directions, retained messages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.network.mqtt.conftest import Raw
from tests.processes import Served, free_port

from kumihimo.network.mqtt.packets import (
    Connack,
    Connect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Wanted,
)

pytestmark = pytest.mark.enable_socket
KEPT = {"session_expiry_interval": 3600}
MESSAGES = 60
ROUNDS = 2


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    one = Served(tmp_path / "data", mqtt_port=free_port())
    if request.param == "postgres":
        one.environ["KUMIHIMO_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    with one:
        yield one


class Client:
    """A client that keeps its session, and the rules of QoS 2, across connections."""

    def __init__(self, port: int, name: str) -> None:
        self.port = port
        self.name = name
        self.raw: Raw | None = None
        self.known: set[int] = set()
        self.heard: list[bytes] = []

    async def join(self) -> bool:
        """Whether the session was there before."""
        self.raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port))
        answer = await self.raw.ask(Connect(5, self.name, False, properties=KEPT))
        assert isinstance(answer, Connack)
        assert answer.code == 0
        return answer.session_present

    async def ask(self, packet: Packet) -> Packet | None:
        assert self.raw is not None
        return await self.raw.ask(packet)

    async def hear(self, last: bytes) -> None:
        """Takes what arrives until this message, each message once; returns early where the line breaks."""
        assert self.raw is not None
        while last not in self.heard:
            packet = await self.raw.receive()
            if packet is None:
                return
            if isinstance(packet, Publish):
                if packet.packet_id not in self.known:
                    self.known.add(packet.packet_id)
                    self.heard.append(packet.payload)
                self.raw.send(Pubrec(packet.packet_id))
            elif isinstance(packet, Pubrel):
                self.known.discard(packet.packet_id)
                self.raw.send(Pubcomp(packet.packet_id))

    def close(self) -> None:
        if self.raw is not None:
            self.raw.close()


async def say(client: Client, payloads: list[bytes], state: dict[str, Any], acknowledged: asyncio.Event) -> None:
    """Publishes at QoS 2, one after another; goes on where the last connection broke off."""
    while state["next"] < len(payloads):
        payload = payloads[state["next"]]
        if state["step"] == "publish":
            answer = await client.ask(Publish("town/river", payload, 2, dup=state["tried"], packet_id=9))
            state["tried"] = True
            if answer != Pubrec(9):
                return
            state["step"] = "release"
        answer = await client.ask(Pubrel(9))
        if not isinstance(answer, Pubcomp):
            return
        state.update(next=state["next"] + 1, step="publish", tried=False)
        if state["next"] % (MESSAGES // (ROUNDS + 1)) == 0:
            acknowledged.set()


async def test_a_kill_loses_no_message_and_doubles_none(served: Served) -> None:
    writer, reader = Client(served.mqtt_port, "writer"), Client(served.mqtt_port, "reader")
    assert not await reader.join()
    assert await reader.ask(Subscribe(1, (Wanted("town/#", 2),))) == Suback(1, (2,))
    assert not await writer.join()
    assert await writer.ask(Publish("kept", b"retained", 1, True, packet_id=1)) == Puback(1)
    payloads = [str(number).encode() for number in range(MESSAGES)]
    state: dict[str, Any] = {"next": 0, "step": "publish", "tried": False}
    try:
        for number in range(ROUNDS + 1):
            acknowledged = asyncio.Event()
            saying = asyncio.create_task(say(writer, payloads, state, acknowledged))
            hearing = asyncio.create_task(reader.hear(payloads[-1]))
            if number == ROUNDS:
                await asyncio.wait_for(asyncio.gather(saying, hearing), 60)
                break
            await asyncio.wait_for(acknowledged.wait(), 60)  # in the midst of it
            await asyncio.to_thread(served.kill)
            await asyncio.gather(saying, hearing)
            writer.close()
            reader.close()
            await asyncio.to_thread(served.start)
            assert await reader.join()
            assert await writer.join()
        assert reader.heard == payloads
        late = Client(served.mqtt_port, "late")
        await late.join()
        answer = await late.ask(Subscribe(1, (Wanted("kept", 1),)))
        assert isinstance(answer, Suback)
        assert late.raw is not None
        found = await late.raw.receive()
        assert isinstance(found, Publish)
        assert (found.payload, found.retain) == (b"retained", True)
        late.close()
    finally:
        writer.close()
        reader.close()
