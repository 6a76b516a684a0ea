"""What the wing proposes is what the real arbiter takes, by night too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.jsontext import loads
from kumihimo.base.ports import Command, CommandOutcome
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.device.simulate.sign import Kind, answer
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.models import Gauge, Level, Thresholds
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.training import TRAINING_GAUGE

TENANT = "fukui-city"
GAUGE = Gauge(
    "1", "九十九橋", "足羽川", "福井市", "福井市", "", Thresholds(3.5, 4.8, 5.6, 6.1), 136.2, 36.0, "official"
)
NOON, NIGHT = datetime(2024, 6, 23, 3, tzinfo=UTC), datetime(2024, 6, 23, 18, tzinfo=UTC)
"""12:00 and 03:00 in Japan."""


def doc(gauge: Gauge = GAUGE) -> dict[str, Any]:
    found = entities.gauge_change(gauge, TENANT).doc
    assert found is not None
    return dict(found)


class Street:
    """A sign and a siren behind the real arbiter; they answer at once."""

    def __init__(self, arbiter: Arbiter, sent: list[tuple[str, dict[str, Any]]]) -> None:
        self.arbiter, self.sent = arbiter, sent

    async def put(self, level: Level) -> list[CommandOutcome]:
        """Accepts all that is proposed for the level, and lets the devices answer; what then stands."""
        call = Call(TENANT, Actor("person", "山田"), "decide")
        found = []
        for step in propose(TENANT, level, doc()):
            outcome = await self.arbiter(call, Command(TENANT, step.device, step.name, step.arguments, "水位上昇"))
            if outcome.state == "sent":
                device, command = self.sent.pop()
                kind: Kind = "siren" if device.startswith("siren") else "sign"
                said = answer(kind, command)
                await self.arbiter.result(TENANT, device, command["id"], said.state, said.detail)
            record = await self.arbiter.get(TENANT, outcome.id)
            found.append(record.outcome() if record else outcome)
        return found


async def street(make: DatabaseFactory, clock: FakeClock) -> Street:
    database = await make([REGISTRY, ACTUATION])
    await database.add_tenant(TENANT)
    registry = Registry(database, clock)
    for family in ("sign", "siren"):
        await registry.add(TENANT, Device(f"{family}-fukui", family, family, f"urn:x:{family}", entities.SIGN))
    sent: list[tuple[str, dict[str, Any]]] = []

    async def down(
        topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        sent.append((topic.split("/")[2], loads(payload)))
        return 1

    return Street(Arbiter(database, registry, down, clock), sent)


@pytest.mark.parametrize("moment", [NOON, NIGHT])
@pytest.mark.parametrize("level", list(Level)[1:])
async def test_every_step_is_taken_by_day_and_at_three_in_the_morning(
    database_factory: DatabaseFactory, fake_clock: FakeClock, moment: datetime, level: Level
) -> None:
    fake_clock.set(moment)
    outcomes = await (await street(database_factory, fake_clock)).put(level)
    assert [one.state for one in outcomes] == ["confirmed"] * (2 if level >= Level.EVACUATION else 1), outcomes


async def test_a_graver_message_holds_against_a_lesser_one(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    stand = await street(database_factory, fake_clock)
    fake_clock.set(NOON)
    assert [one.state for one in await stand.put(Level.DANGER)] == ["confirmed", "confirmed"]
    fake_clock.advance(90)
    [refused] = await stand.put(Level.STANDBY)
    assert refused.state == "refused"
    assert "graver" in refused.detail or "重い" in refused.detail


def test_a_training_gauge_says_on_the_sign_that_it_is_one() -> None:
    for level in list(Level)[1:]:
        for step in propose(TENANT, level, doc(TRAINING_GAUGE)):
            assert "訓練" in str(step.arguments.get("text", step.label["ja"]))
            assert step.arguments.get("pattern", "test") == "test"


def test_a_gauge_of_no_known_town_has_no_device_to_act_with() -> None:
    assert propose("ourtown", Level.DANGER, {"id": "urn:ngsi-ld:RiverGauge:ours", "attrs": {}}) == ()


async def test_gentler_words_replace_graver_ones_in_the_fall_and_a_blank_sign_ends_it(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    stand = await street(database_factory, fake_clock)
    fake_clock.set(NIGHT)
    await stand.put(Level.DANGER)
    shown = []
    for level in (Level.EVACUATION, Level.CAUTION, Level.STANDBY, Level.NORMAL):
        fake_clock.advance(30)
        [step] = propose(TENANT, level, doc(), falling=True)
        call = Call(TENANT, Actor("person", "山田"), "decide")
        outcome = await stand.arbiter(call, Command(TENANT, step.device, step.name, step.arguments, "水位低下"))
        assert outcome.state == "sent", outcome
        device, command = stand.sent.pop()
        assert device == "sign-fukui"
        said = answer("sign", command)
        await stand.arbiter.result(TENANT, device, command["id"], said.state, said.detail)
        shown.append(said.detail)
    assert all("水位低下中" in words for words in shown[:3])
    assert shown[3] == "blank"


def test_training_never_takes_a_real_towns_sign() -> None:
    for level in Level:
        for falling in (False, True):
            devices = {one.device for one in propose(TENANT, level, doc(TRAINING_GAUGE), falling=falling)}
            assert devices <= {"sign-training", "siren-training"}
    assert propose(TENANT, Level.DANGER, doc(TRAINING_GAUGE))
