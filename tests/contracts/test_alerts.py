"""An alert's life on both engines: raised once, escalated, decided once, followed, closed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, ResourceNotFound, StorageRefused
from kumihimo.base.ports import Command, CommandOutcome
from kumihimo.platform.broker.models import Change, Outcome
from kumihimo.service import alerts
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.models import Alert, AlreadyDecided, Content, Evidence, Maker, Proposal, Sighting
from kumihimo.service.alerts.store import SCHEMA
from kumihimo.storage.database import Database

SYSTEM = Call("town", Actor("system", "watch"))
OFFICER = Call("town", Actor("person", "山田"))
CONTENT = Content(
    title={"ja": "川 1 号：はん濫注意水位に到達", "en": "Gauge 1: flood watch"},
    evidence=(Evidence(5, 1.0, "MTR"), Evidence(10, 1.6, "MTR")),
    facts={"rate": 0.6},
    proposals=(Proposal("sign-1", "show", {"text": "x"}, {"ja": "表示", "en": "show"}),),
    location=(136.2, 36.0),
)


class NoBus:
    def __init__(self) -> None:
        self.told: list[str] = []

    def publish(self, topic: str) -> None:
        self.told.append(topic)

    def listen(self, *topics: str) -> AsyncIterator[str]:
        raise AssertionError


class Arbiter:
    def __init__(self, outcome: CommandOutcome) -> None:
        self.outcome = outcome
        self.commands: list[Command] = []

    async def __call__(self, call: Call, command: Command) -> CommandOutcome:
        self.commands.append(command)
        return self.outcome


class Mirror:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.fault: Exception | None = None

    async def __call__(self, call: Call, changes: Sequence[Change]) -> list[Outcome]:
        if self.fault is not None:
            raise self.fault
        self.changes += changes
        return [Outcome(change.id, "updated") for change in changes]


class House:
    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.arbiter = Arbiter(CommandOutcome("c1", "sent", "sent"))
        self.mirror = Mirror()
        self.alerts = Alerts(database, clock, NoBus(), self.arbiter, self.mirror)


@pytest.fixture
async def house(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> House:
    database = await any_database_factory([SCHEMA])
    await database.add_tenant("town")
    return House(database, fake_clock)


def seen(severity: int, at: int) -> Sighting:
    return Sighting("flood", "urn:gauge:1", severity, at, CONTENT)


async def test_the_same_sighting_raises_once(house: House) -> None:
    first = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert first is not None
    assert await house.alerts.sight(SYSTEM, seen(2, 10)) is None
    assert await house.alerts.sight(SYSTEM, seen(2, 20)) is None
    [only] = await house.alerts.list("town")
    assert only == first
    assert only.content == CONTENT
    assert len(await house.alerts.events("town", only.id)) == 1


async def test_alerts_and_decisions_of_one_source_are_told_apart(house: House) -> None:
    river = await house.alerts.sight(SYSTEM, seen(2, 10))
    bear = await house.alerts.sight(SYSTEM, Sighting("wildlife", "urn:bear:1", 3, 20, CONTENT))
    assert river is not None
    assert bear is not None
    assert await house.alerts.list("town", source="wildlife") == [bear]
    assert await house.alerts.list("town", source="flood", state="open") == [river]
    assert {one.id for one in await house.alerts.list("town")} == {river.id, bear.id}
    for one in (river, bear):
        await house.alerts.decide(OFFICER, one.id, one.version, "rejected", "x")
    assert [one.alert_id for one in await house.alerts.decisions("town", source="flood")] == [river.id]
    assert [one.alert_id for one in await house.alerts.decisions("town", bear.id, source="wildlife")] == [bear.id]
    assert await house.alerts.decisions("town", bear.id, source="flood") == []
    assert len(await house.alerts.decisions("town")) == 2


async def test_no_alert_is_raised_for_a_normal_level(house: House) -> None:
    assert await house.alerts.sight(SYSTEM, seen(0, 10)) is None
    assert await house.alerts.list("town") == []


async def test_climbing_is_a_new_stage_and_falling_closes(house: House) -> None:
    await house.alerts.sight(SYSTEM, seen(1, 10))
    climbed = await house.alerts.sight(SYSTEM, seen(3, 20))
    assert climbed is not None
    assert (climbed.stage, climbed.severity, climbed.peak, climbed.verdict) == (2, 3, 3, "undecided")
    assert await house.alerts.sight(SYSTEM, seen(4, 15)) is None, "older than what is known"
    eased = await house.alerts.sight(SYSTEM, seen(1, 30))
    assert eased is not None
    assert (eased.stage, eased.severity, eased.peak) == (2, 1, 3)
    closed = await house.alerts.sight(SYSTEM, seen(0, 40))
    assert closed is not None
    assert (closed.state, closed.peak) == ("closed", 3)
    assert [event.kind for event in await house.alerts.events("town", closed.id)] == [
        "raised",
        "escalated",
        "eased",
        "closed",
    ]
    assert await house.alerts.sight(SYSTEM, seen(3, 39)) is None, "what is older than its end raises it no more"
    again = await house.alerts.sight(SYSTEM, seen(1, 50))
    assert again is not None
    assert again.id != closed.id


async def test_accepting_sends_the_command_with_the_reason_and_follows_it(house: House) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    decision = await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", " 上流で降っている ")
    [command] = house.arbiter.commands
    assert (command.device, command.name, command.reason) == ("sign-1", "show", "上流で降っている")
    assert [step.state for step in decision.steps] == ["sent"]
    assert await house.alerts.follow("town", [CommandOutcome("c1", "confirmed", "on")]) == 1
    assert await house.alerts.follow("town", [CommandOutcome("c1", "expired", "")]) == 0
    [kept] = await house.alerts.decisions("town", alert.id)
    assert (kept.who, kept.reason, kept.verdict) == ("山田", "上流で降っている", "accepted")
    assert [(step.state, step.detail) for step in kept.steps] == [("confirmed", "on")]
    assert kept.content.evidence == CONTENT.evidence


async def test_a_decision_is_taken_once(house: House) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    await house.alerts.decide(OFFICER, alert.id, alert.version, "rejected", "訓練")
    for version in (alert.version, alert.version + 1):
        with pytest.raises(AlreadyDecided):
            await house.alerts.decide(OFFICER, alert.id, version, "accepted", "もう一度")
    assert house.arbiter.commands == []
    assert len(await house.alerts.decisions("town")) == 1


async def test_a_page_that_is_out_of_date_decides_nothing(house: House) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    await house.alerts.sight(SYSTEM, seen(4, 20))
    with pytest.raises(AlreadyDecided):
        await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "x")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
async def test_a_decision_needs_a_reason(house: House, reason: str) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    with pytest.raises(BadRequestData):
        await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", reason)


async def test_a_decision_needs_a_person_and_an_alert(house: House) -> None:
    nobody = replace(OFFICER, actor=Actor("person", " "))
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    with pytest.raises(BadRequestData):
        await house.alerts.decide(nobody, alert.id, alert.version, "accepted", "x")
    with pytest.raises(BadRequestData):
        await house.alerts.decide(SYSTEM, alert.id, alert.version, "accepted", "x")
    with pytest.raises(ResourceNotFound):
        await house.alerts.decide(OFFICER, "urn:none", 1, "accepted", "x")


async def test_a_refusal_of_the_arbiter_is_kept(house: House) -> None:
    house.arbiter.outcome = CommandOutcome("c2", "refused", "quiet hours")
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "x")
    [kept] = await house.alerts.decisions("town")
    assert [(step.state, step.detail) for step in kept.steps] == [("refused", "quiet hours")]
    assert await house.alerts.unfinished("town") == []


async def test_the_mirror_says_what_the_alert_says(house: House) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(4, 10))
    assert alert is not None
    [change] = house.mirror.changes
    assert change.id == alert.id
    assert change.doc is not None
    values = {name.rsplit("/", 1)[-1]: instances[0] for name, instances in change.doc["attrs"].items()}
    assert values["severity"]["value"] == "critical"
    assert values["alertSource"]["object"] == "urn:gauge:1"
    assert values["location"]["value"] == {"type": "Point", "coordinates": [136.2, 36.0]}
    await house.alerts.recover(SYSTEM)
    assert [one.id for one in house.mirror.changes] == [alert.id, alert.id]


async def test_a_corrected_reading_of_the_same_moment_moves_the_alert(house: House) -> None:
    await house.alerts.sight(SYSTEM, seen(1, 10))
    climbed = await house.alerts.sight(SYSTEM, seen(4, 10))
    assert climbed is not None
    assert (climbed.severity, climbed.stage) == (4, 2)
    assert await house.alerts.sight(SYSTEM, seen(1, 10)) is None, "seen before: a reader tells things twice"
    closed = await house.alerts.sight(SYSTEM, seen(0, 10))
    assert closed is not None
    assert closed.state == "closed"


async def test_a_store_that_is_away_for_a_moment_loses_no_pending_command(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    assert await house.alerts.pending() == []
    await house.alerts.decide(OFFICER, alert.id, 1, "accepted", "水位が上がった")

    async def away(tenant: str) -> Sequence[object]:
        raise StorageRefused("the database server cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(house.alerts, "unfinished", away)
        assert await house.alerts.pending() == []
    assert await house.alerts.pending() == ["town"]


async def test_a_mirror_that_fails_keeps_no_command_back_and_is_tried_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    house.mirror.changes.clear()
    house.mirror.fault = StorageRefused("the disk is full")
    decision = await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "避難のため")
    assert [one.device for one in house.arbiter.commands] == ["sign-1"]
    assert [step.state for step in decision.steps] == ["sent"]
    assert "alert not mirrored; it is tried again" in caplog.text
    assert await house.alerts.mirror_again() == 1
    house.mirror.fault = None
    assert await house.alerts.mirror_again() == 0
    [change] = house.mirror.changes
    assert change.id.endswith(alert.id.rpartition(":")[2])
    assert await house.alerts.mirror_again() == 0
    assert len(house.mirror.changes) == 1


async def test_a_step_that_cannot_be_written_keeps_no_other_command_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = replace(CONTENT, proposals=(*CONTENT.proposals, *CONTENT.proposals))
    alert = await house.alerts.sight(SYSTEM, replace(seen(2, 10), content=two))
    assert alert is not None
    plain, puts = house.alerts._set_step, iter([StorageRefused("away"), None])

    async def set_step(*arguments: Any) -> Any:
        problem = next(puts)
        if problem is not None:
            raise problem
        return await plain(*arguments)

    monkeypatch.setattr(house.alerts, "_set_step", set_step)
    decision = await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "避難のため")
    assert len(house.arbiter.commands) == 2
    assert decision.steps[1].state == "sent"


async def test_a_river_that_climbs_after_a_decision_is_asked_about_again(house: House) -> None:
    alert = await house.alerts.sight(SYSTEM, seen(2, 10))
    assert alert is not None
    await house.alerts.decide(OFFICER, alert.id, alert.version, "rejected", "見守る")
    eased = await house.alerts.sight(SYSTEM, seen(1, 15))
    assert eased is not None
    assert eased.verdict == "rejected"
    climbed = await house.alerts.sight(SYSTEM, seen(3, 20))
    assert climbed is not None
    assert climbed.verdict == "undecided"
    decision = await house.alerts.decide(OFFICER, climbed.id, climbed.version, "accepted", "危険")
    assert decision.stage == climbed.stage
    assert [one.verdict for one in await house.alerts.decisions("town")] == ["accepted", "rejected"]


async def accepted(house: House, severity: int) -> Alert:
    """An alert on which a message was put up."""
    alert = await house.alerts.sight(SYSTEM, seen(severity, 10))
    assert alert is not None
    await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "危険", {"height": 4.2})
    return await house.alerts.get("town", alert.id)


async def test_what_was_shown_in_the_rise_is_put_before_a_person_in_the_fall(house: House) -> None:
    await accepted(house, 4)
    eased = await house.alerts.sight(SYSTEM, seen(2, 20))
    assert eased is not None
    assert (eased.state, eased.verdict, eased.stage, eased.severity) == ("open", "undecided", 2, 2)
    over = await house.alerts.sight(SYSTEM, seen(0, 30))
    assert over is not None
    assert (over.state, over.verdict, over.stage, over.severity) == ("open", "undecided", 3, 0)
    decision = await house.alerts.decide(OFFICER, over.id, over.version, "accepted", "平常")
    assert [step.proposal.device for step in decision.steps] == ["sign-1"]
    closed = await house.alerts.get("town", over.id)
    assert (closed.state, closed.peak) == ("closed", 4)
    assert [one.kind for one in await house.alerts.events("town", over.id)] == ["raised", "eased", "eased", "closed"]
    assert await house.alerts.sight(SYSTEM, seen(0, 40)) is None
    anew = await house.alerts.sight(SYSTEM, seen(1, 50))
    assert anew is not None
    assert anew.id != closed.id


async def test_without_anything_to_take_back_a_fall_asks_nobody(house: House) -> None:
    await accepted(house, 4)
    nothing = replace(seen(0, 30), content=replace(CONTENT, proposals=()))
    closed = await house.alerts.sight(SYSTEM, nothing)
    assert closed is not None
    assert closed.state == "closed"


async def test_the_figures_at_the_decision_are_kept_beside_the_alerts(house: House) -> None:
    alert = await accepted(house, 2)
    [decision] = await house.alerts.decisions("town", alert.id)
    assert decision.content.facts == {**CONTENT.facts, "atDecision": {"height": 4.2}}


async def test_a_refused_step_is_sent_again_with_who_and_why(house: House) -> None:
    house.arbiter.outcome = CommandOutcome("c1", "refused", "a graver message stands")
    alert = await accepted(house, 2)
    [decision] = await house.alerts.decisions("town", alert.id)
    with pytest.raises(BadRequestData):
        await house.alerts.again(OFFICER, decision.id, 0, " ")
    with pytest.raises(BadRequestData):
        await house.alerts.again(SYSTEM, decision.id, 0, "x")
    with pytest.raises(ResourceNotFound):
        await house.alerts.again(OFFICER, decision.id, 1, "x")
    house.arbiter.outcome = CommandOutcome("c2", "confirmed", "shown")
    after = await house.alerts.again(OFFICER, decision.id, 0, "こちらが新しい", override=True)
    assert [(one.state, one.who, one.reason) for one in after.steps] == [
        ("refused", "", ""),
        ("confirmed", "山田", "こちらが新しい"),
    ]
    assert house.arbiter.commands[-1].arguments == {"text": "x", "override": True}
    assert house.arbiter.commands[-1].reason == "こちらが新しい"
    assert (await house.alerts.decisions("town", alert.id))[0].steps == after.steps
    for index in (0, 1):  # sent since; took effect
        with pytest.raises(AlreadyDecided):
            await house.alerts.again(OFFICER, decision.id, index, "x")


async def test_a_step_of_a_stage_that_is_over_is_not_sent_again(house: House) -> None:
    house.arbiter.outcome = CommandOutcome("c1", "failed", "not connected")
    alert = await accepted(house, 2)
    await house.alerts.sight(SYSTEM, seen(3, 20))
    [decision] = await house.alerts.decisions("town", alert.id)
    with pytest.raises(AlreadyDecided, match="moved on"):
        await house.alerts.again(OFFICER, decision.id, 0, "x")


class Packs:
    """What stands behind the alerts of a source; a pack is brought up to date between raising and deciding."""

    version = "1.0.0"

    async def __call__(self, tenant: str, source: str, made: Sequence[Maker]) -> list[Maker]:
        assert (tenant, source) == ("town", "flood")
        if self.version == "away":
            raise StorageRefused("the store is away")
        rules = [one.version for one in made if one.kind == "rule"]
        return [Maker("pack", "flood", self.version, 7, {"sets": rules})]


async def test_an_alert_and_its_decision_keep_the_versions_that_stood_then(house: House) -> None:
    packs = Packs()
    house.alerts.standing = packs
    rule = Maker("rule", "river", "3", 5, {"rule": "high", "figures": {"level": 1.6}})
    content = replace(CONTENT, makers=(rule,), evidence=(Evidence(5, "open", "", "urn:gauge:9", "https://x/gate"),))
    alert = await house.alerts.sight(SYSTEM, Sighting("flood", "urn:gauge:1", 2, 10, content))
    assert alert is not None
    packs.version = "1.1.0"
    permission = Maker("permission", "Sato", at=9)
    await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "x", makers=[permission])
    packs.version = "away"
    climbed = await house.alerts.sight(SYSTEM, Sighting("flood", "urn:gauge:1", 3, 11, content))
    [kept] = await house.alerts.decisions("town")
    assert kept.content.makers == (rule, Maker("pack", "flood", "1.0.0", 7, {"sets": ["3"]}))
    assert kept.makers == (permission, Maker("pack", "flood", "1.1.0", 7, {"sets": ["3"]}))
    assert kept.content.evidence == content.evidence
    assert climbed is not None, "an alert is raised also where it is not known what stands behind it"
    assert climbed.content.makers == (rule,)


async def test_a_decision_is_never_written_over_whatever_happens_after_it(house: House) -> None:
    alert = await house.alerts.sight(SYSTEM, Sighting("flood", "urn:gauge:1", 2, 10, CONTENT))
    assert alert is not None
    decision = await house.alerts.decide(OFFICER, alert.id, alert.version, "accepted", "first")
    for again in range(alert.version + 3):
        with pytest.raises(AlreadyDecided):
            await house.alerts.decide(OFFICER, alert.id, again, "rejected", "second", {"height": 9})
    await house.alerts.follow("town", [CommandOutcome("c1", "failed", "no")])
    await house.alerts.again(OFFICER, decision.id, 0, "once more")
    await house.alerts.recover(SYSTEM)
    await house.alerts.mirror_again()
    for severity, at in ((3, 11), (1, 12), (0, 13), (0, 14)):
        await house.alerts.sight(SYSTEM, Sighting("flood", "urn:gauge:1", severity, at, replace(CONTENT, title={})))
    [kept] = await house.alerts.decisions("town")
    assert replace(kept, steps=()) == replace(decision, steps=()), "what followed is added, nothing else changes"
    assert [step.state for step in kept.steps] == ["failed", "sent"]


def test_no_door_of_the_room_takes_a_decision_away() -> None:
    """Only the steps of a decision are ever written again, and no row of the log is deleted."""
    text = "\n".join(path.read_text() for path in Path(alerts.__file__).parent.glob("*.py"))
    assert re.findall(r"UPDATE alert_decision SET (\w+) = \$1 WHERE", text) == ["steps"]
    assert text.count("UPDATE alert_decision") == 1
    assert not re.search(r"(?i)delete\s+from\s+alert|replace\s+into\s+alert|on\s+conflict", text)
