from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import StorageRefused
from kumihimo.base.jsontext import parse
from kumihimo.base.ports import Command, CommandOutcome
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.store import SCHEMA
from kumihimo.device.registry.models import Device
from kumihimo.service.alerts.decide import MAX_WORDS

DAY = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)  # 12:00 in Japan
NIGHT = datetime(2026, 1, 1, 15, 0, tzinfo=UTC)  # 0:00 in Japan
OFFICER = Call("a", Actor("person", "officer"))


@dataclass
class Scene:
    arbiter: Arbiter
    clock: FakeClock
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changes: list[CommandOutcome] = field(default_factory=list)
    reaches: int = 1

    async def down(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        self.sent.append((topic, parse(payload)))
        return self.reaches

    async def known(self, tenant: str, device: str) -> Device | None:
        family = device.split("-", maxsplit=1)[0]
        if tenant != "a" or family not in ("sign", "siren", "river"):
            return None
        return Device(device, family, device, f"urn:x:{device}", "t")

    async def ask(self, device: str, name: str, call: Call = OFFICER, **arguments: Any) -> CommandOutcome:
        return await self.arbiter(call, Command("a", device, name, arguments, "水位が上がった"))

    async def show(self, level: int, **arguments: Any) -> CommandOutcome:
        return await self.ask("sign-1", "show", text="避難", level=level, **arguments)

    async def confirm(self, outcome: CommandOutcome, device: str = "sign-1", state: str = "confirmed") -> bool:
        return await self.arbiter.result("a", device, outcome.id, state, "showing")

    async def state(self, outcome: CommandOutcome) -> str:
        found = await self.arbiter.get("a", outcome.id)
        assert found is not None
        return found.state


@pytest.fixture
async def scene(any_database_factory: DatabaseFactory) -> Scene:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("a")
    clock = FakeClock(DAY)
    made = Scene.__new__(Scene)
    made.__init__(Arbiter(database, made, made.down, clock), clock)  # type: ignore[misc]  # each needs the other
    made.arbiter.on_change = lambda tenant, outcome: made.changes.append(outcome)
    return made


async def test_a_command_is_sent_confirmed_and_kept(scene: Scene) -> None:
    outcome = await scene.show(3)
    assert outcome.state == "sent"
    topic, body = scene.sent[0]
    assert topic == "kumihimo/a/sign-1/down/command"
    assert (body["id"], body["name"], body["arguments"]) == (outcome.id, "show", {"text": "避難", "level": 3})
    assert body["expiresAt"] == "2026-01-01T03:00:30.000Z"
    assert await scene.confirm(outcome)
    assert await scene.confirm(outcome, state="failed")  # a second answer changes nothing
    (kept,) = await scene.arbiter.list("a", "sign-1")
    assert (kept.state, kept.level, kept.reason, kept.actor) == ("confirmed", 3, "水位が上がった", "person:officer")
    assert kept.detail.ja == "端末の返事：showing"
    assert kept.detail.en.endswith("showing")
    assert [one.state for one in scene.changes] == ["confirmed"]


@pytest.mark.parametrize(
    ("device", "name", "arguments", "words"),
    [
        ("nobody", "show", {"text": "x", "level": 1}, "no such device"),
        ("river-1", "show", {"text": "x", "level": 1}, "cannot be told"),
        ("sign-1", "sound", {"pattern": "test", "seconds": 1}, "cannot be told"),
        ("sign-1", "show", {"level": 1}, "text is missing"),
        ("sign-1", "show", {"text": "x" * 41, "level": 1}, "1 to 40"),
        ("sign-1", "show", {"text": "x\n", "level": 1}, "1 to 40"),
        ("sign-1", "show", {"text": "x", "level": 5}, "0 to 4"),
        ("sign-1", "show", {"text": "x", "level": True}, "0 to 4"),
        ("sign-1", "show", {"text": "x", "level": 1, "colour": "red"}, "no argument"),
        ("siren-1", "sound", {"pattern": "song", "seconds": 1}, "one of"),
        ("siren-1", "sound", {"pattern": "test", "seconds": 301}, "1 to 300"),
        ("siren-1", "sound", {"pattern": "test", "seconds": 1, "urgent": 1}, "true or false"),
    ],
)
async def test_what_may_not_be_asked_is_refused_with_words_and_kept(
    scene: Scene, device: str, name: str, arguments: Mapping[str, Any], words: str
) -> None:
    outcome = await scene.ask(device, name, **arguments)
    assert outcome.state == "refused"
    (kept,) = await scene.arbiter.list("a")
    assert words in kept.detail.en
    assert kept.detail.ja
    assert words in outcome.detail
    assert not scene.sent


async def test_who_may_not_ask(scene: Scene) -> None:
    gauge = await scene.ask("sign-1", "clear", Call("a", Actor("device", "g1")))
    other = await scene.arbiter(OFFICER, Command("b", "sign-1", "clear", {}, "x"))
    silent = await scene.arbiter(OFFICER, Command("a", "sign-1", "clear", {}, "  "))
    assert [one.state for one in (gauge, other, silent)] == ["refused"] * 3
    assert "needs a reason" in silent.detail
    assert not scene.sent


async def test_one_command_is_in_flight_however_many_ask_at_once(scene: Scene) -> None:
    outcomes = await asyncio.gather(*(scene.show(2) for _ in range(4)))
    assert sorted(one.state for one in outcomes) == ["refused", "refused", "refused", "sent"]
    assert len(scene.sent) == 1


async def test_a_graver_message_is_not_silently_replaced(scene: Scene) -> None:
    await scene.confirm(await scene.show(3))
    assert "override" in (await scene.show(2)).detail
    assert (await scene.ask("sign-1", "clear")).state == "refused"
    assert await scene.confirm(await scene.show(4))
    overriding = await scene.show(1, override=True)
    assert overriding.state == "sent"
    assert scene.sent[-1][1]["arguments"] == {"text": "避難", "level": 1}
    await scene.confirm(overriding)
    await scene.confirm(await scene.show(4))
    scene.clock.advance(601)
    assert (await scene.show(1)).state == "sent"


async def test_a_device_has_a_budget_per_minute(scene: Scene) -> None:
    for _ in range(6):
        await scene.confirm(await scene.show(2))
    assert "within a minute" in (await scene.show(2)).detail
    scene.clock.advance(61)
    assert (await scene.show(2)).state == "sent"


async def test_a_siren_sleeps_at_night_unless_it_is_urgent_and_grave(scene: Scene) -> None:
    scene.clock.set(NIGHT)
    sound: dict[str, Any] = {"pattern": "warning", "seconds": 60}
    assert (await scene.ask("siren-1", "sound", **sound)).state == "refused"
    assert (await scene.ask("siren-1", "sound", **sound, urgent=True, level=2)).state == "refused"
    assert (await scene.ask("siren-1", "sound", **sound, level=4)).state == "refused"
    assert (await scene.ask("siren-1", "sound", **sound, urgent=True, level=3)).state == "sent"
    assert scene.sent[0][1]["arguments"] == sound
    assert (await scene.show(1)).state == "sent"
    scene.clock.set(DAY)
    assert (await scene.ask("siren-2", "sound", **sound)).state == "sent"


async def test_stop_is_never_held_back(scene: Scene) -> None:
    scene.clock.set(NIGHT)
    sounding = await scene.ask("siren-1", "sound", pattern="danger", seconds=300, urgent=True, level=4)
    assert (await scene.ask("siren-1", "stop")).state == "sent"
    assert await scene.state(sounding) == "failed"


async def test_a_device_that_is_not_there_fails_the_command(scene: Scene) -> None:
    scene.reaches = 0
    outcome = await scene.show(2)
    assert (outcome.state, await scene.state(outcome)) == ("failed", "failed")
    assert "not connected" in outcome.detail
    scene.reaches = 1
    assert (await scene.show(2)).state == "sent"


async def test_an_unanswered_command_expires_and_a_late_answer_is_the_truth(scene: Scene) -> None:
    outcome = await scene.show(2)
    scene.clock.advance(29)
    assert await scene.arbiter.expire("a") == 0
    scene.clock.advance(1)
    assert await scene.arbiter.expire("a") == 1
    assert await scene.state(outcome) == "expired"
    assert await scene.confirm(outcome)
    assert await scene.state(outcome) == "confirmed"
    assert [one.state for one in scene.changes] == ["expired", "confirmed"]


async def test_only_the_device_itself_answers_its_commands(scene: Scene) -> None:
    outcome = await scene.show(2)
    assert not await scene.confirm(outcome, device="sign-2")
    assert not await scene.arbiter.result("a", "sign-1", "urn:ngsi-ld:Command:other", "confirmed", "")
    assert await scene.confirm(outcome, state="failed")
    assert await scene.state(outcome) == "failed"


async def test_commands_of_an_earlier_run_expire_too(scene: Scene) -> None:
    outcome = await scene.show(2)
    scene.clock.advance(31)
    scene.arbiter._waiting.clear()
    ended = asyncio.Event()
    scene.arbiter.on_change = lambda tenant, outcome: ended.set()
    running = asyncio.create_task(scene.arbiter.run())
    await asyncio.wait_for(ended.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await scene.state(outcome) == "expired"


async def test_a_reason_as_long_as_a_decision_takes_reaches_the_device(scene: Scene) -> None:
    command = Command("a", "siren-1", "sound", {"pattern": "evacuate", "level": 4}, "水" * MAX_WORDS)
    assert (await scene.arbiter(OFFICER, command)).state == "sent"


async def test_a_store_that_is_away_is_told_of_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(tenant: str) -> int:
        raise StorageRefused("set aside")

    monkeypatch.setattr(scene.arbiter, "expire", away)
    for _ in range(3):
        await scene.arbiter._expire_or_tell("a")
    assert len([one for one in caplog.records if one.name.startswith("kumihimo.device")]) == 1
