"""The player on a fake listener: every reading once, in order, over its own link; lost links are opened again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from kumihimo.base.ports import HttpAnswer, MqttLink
from kumihimo.device.simulate import player as module
from kumihimo.device.simulate.player import Account, Player, Step

MINUTE = 60_000_000


class Listener:
    """Takes connections; `faults` are raised by the next publishes."""

    def __init__(self) -> None:
        self.users: list[str] = []
        self.taken: list[tuple[str, bytes]] = []
        self.faults: list[Exception] = []
        self.closed = 0
        self.last = asyncio.Event()

    async def connect(self, *, client_id: str, username: str, password: str, subscribe: Sequence[str] = ()) -> MqttLink:
        assert password == f"key-{username}"
        self.users.append(username)
        return Link(self)


class Link:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        if self._listener.faults:
            raise self._listener.faults.pop(0)
        self._listener.taken.append((topic, payload))
        if payload == STEPS[-1].body:
            self._listener.last.set()

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        nothing: list[tuple[str, bytes]] = []
        for message in nothing:
            yield message

    async def close(self) -> None:
        self._listener.closed += 1


class Web:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status = 201
        self.then: int | None = None

    async def fetch(self, method: str, url: str, *, headers: Any = None, body: bytes = b"", **_: Any) -> HttpAnswer:
        self.asked.append((method, url, dict(headers), body))
        status, self.status = self.status, self.then or self.status
        return HttpAnswer(status, {}, b"")


STEPS = [
    Step(1 * MINUTE, "a", "mqtt", b"a1"),
    Step(1 * MINUTE, "b", "mqtt", b"b1"),
    Step(2 * MINUTE, "rain", "http", b"r1"),
    Step(3 * MINUTE, "a", "mqtt", b"a2"),
]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def player(listener: Listener, web: Web, monkeypatch: pytest.MonkeyPatch) -> Player:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    accounts = {name: Account("town", name, f"key-town/{name}") for name in ("a", "b", "rain")}
    return Player(
        connect=listener.connect,
        fetch=web.fetch,
        base_url=lambda: "http://platform",
        accounts=accounts,
        steps=STEPS,
        start=0,
        end=3 * MINUTE,
        speed=36_000,
    )


async def test_all_readings_are_played_once_in_order(player: Player, listener: Listener, web: Web) -> None:
    task = asyncio.create_task(player.run())
    async with asyncio.timeout(5):
        await listener.last.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(listener.users) == ["town/a", "town/b"], "one link for each device, none for HTTP"
    assert [body for topic, body in listener.taken if topic == "kumihimo/town/a/up"] == [b"a1", b"a2"]
    [(method, url, headers, body)] = web.asked
    assert (method, url, body) == ("POST", "http://platform/devices/v1/town/rain/readings", b"r1")
    assert headers["authorization"] == "Bearer key-town/rain"
    assert player.state().ended
    assert listener.closed == 2


async def test_stepping_sends_one_moment_and_stands_still(player: Player, listener: Listener) -> None:
    assert await player.step() == 2
    assert player.recorded_now() == MINUTE
    assert not player.state().running
    assert await player.step() == 1
    assert await player.step() == 1
    assert await player.step() == 0
    player.seek(0)
    assert await player.step() == 2
    assert len(listener.taken) == 5


async def test_a_lost_link_is_opened_again_and_the_reading_sent(player: Player, listener: Listener) -> None:
    listener.faults = [ConnectionError("link lost"), ConnectionError("link lost")]
    await player.step()
    state = player.state()
    assert (state.sent, state.failed) == (2, 0)
    assert len(listener.users) == 4
    assert "link lost" in state.last_error


async def test_what_the_platform_refuses_is_counted_and_not_sent_again(player: Player, listener: Listener) -> None:
    listener.faults = [ConnectionError("MQTT publish refused: Payload format invalid")]
    await player.step()
    state = player.state()
    assert (state.sent, state.failed, len(listener.users)) == (1, 1, 2)


async def test_an_http_refusal_is_counted(player: Player, web: Web) -> None:
    web.status = 400
    player.seek(MINUTE)
    assert await player.step() == 1
    assert (player.state().sent, player.state().failed, len(web.asked)) == (0, 1, 1)


@pytest.mark.parametrize("status", [429, 503])
async def test_what_came_too_often_or_to_a_busy_platform_is_sent_again(player: Player, web: Web, status: int) -> None:
    web.status = status
    web.then = 201
    player.seek(MINUTE)
    assert await player.step() == 1
    assert (player.state().sent, player.state().failed, len(web.asked)) == (1, 0, 2)
