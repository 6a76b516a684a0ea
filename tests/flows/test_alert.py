"""The story of an alert, on the flood of 23 June 2024 and with every room real: a gauge's reading over MQTT, the
watch, the alert with its readings, an officer's decision, the command to the sign and siren over MQTT, their
confirmation, the decision log, the KPI.

STORY are its steps in their order, file and function; while the alert travels the calls are noted, so that it is true.
"""

from __future__ import annotations

from collections import Counter

import pytest
from tests.fakes import DatabaseFactory
from tests.flows.trace import Trace
from tests.solutions.flood.flood_house import House, opened, running, until

from kumihimo.base.call import Actor, Call
from kumihimo.platform.access.grants import EVERYTHING
from kumihimo.service.alerts.models import Alert
from kumihimo.solutions.flood import demo, follow, read
from kumihimo.solutions.flood.demo import Prepared
from kumihimo.solutions.flood.leadtime import LEAD_TIME
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANTS

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]
STORY = (
    "device/simulate/player.py:step",
    "device/gateway.py:publish",
    "platform/broker/write.py:apply_calls_tx",
    "platform/broker/follow.py:catch_up",
    "solutions/flood/watch.py:see",
    "solutions/flood/thresholds.py:held_level",
    "service/alerts/door.py:sight",
    "service/alerts/door.py:decide",
    "device/actuation/arbiter.py:__call__",
    "device/simulate/sign.py:_take",
    "device/actuation/arbiter.py:result",
    "service/kpi/door.py:figures",
    "solutions/flood/leadtime.py:events",
)
LOOKS = "platform/broker/follow.py:catch_up"
"""Readers also look where there is nothing for them: when one first did says nothing. What it found, `see` tells."""
FILES = tuple(dict.fromkeys(one.partition(":")[0] for one in STORY))
ASKED = {
    "base": "words that all know",
    "storage": "the ground: one transaction, one commit",
    "network": "the carrier, as in the story of a reading",
    "device/codecs": "what the gauge's bytes mean",
    "device/registry": "whose key is it",
    "device/words.py": "a refusal in two languages",
    "device/simulate/schedule.py": "what time it is in the replay",
    "device/actuation/capability.py": "what a sign can be told",
    "device/actuation/decide.py": "the arbiter's judgement, pure",
    "device/actuation/models.py": "the arbiter's words",
    "device/actuation/store.py": "the arbiter's table",
    "platform/access/grants.py": "what the platform's own writer may change: everything",
    "platform/access/models.py": "names and rows of that",
    "platform/access/rows.py": "of which gauges all may be read that a figure rests on",
    "platform/broker": "what is now, and the log, as in the story of a reading",
    "platform/history": "what was: for the rate of rise and the lead time",
    "service/kpi/models.py": "what a figure rests on",
    "service/alerts/decide.py": "the door's decisions, in the transaction",
    "service/alerts/sight.py": "the door's sightings, in the transaction",
    "service/alerts/mirror.py": "the alert as an entity",
    "service/alerts/models.py": "the alert's words",
    "service/alerts/store.py": "the alert's tables",
    "solutions/flood/demo.py": "runs the devices, and carries a confirmation into its decision",
    "solutions/flood/entities.py": "the wing's names",
    "solutions/flood/follow.py": "wakes the reader of the log",
    "solutions/flood/models.py": "the wing's words",
    "solutions/flood/tenants.py": "a town's name",
    "solutions/flood/read.py": "the recording",
    "solutions/flood/share.py": "hands gauges on to the towns, beside the story",
    "solutions/flood/steps.py": "which signs and sirens an alert proposes",
    "solutions/flood/watching.py": "holds the watches",
}
"""Rooms, and files of the story's own rooms, that are asked on the way: all there is beside FILES."""
OFFICER = Actor("person", "防災課 山田")


@pytest.fixture(autouse=True)
def nobody_looks_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at idle logs, one each second, is no part of the story and might come in the middle of it."""
    monkeypatch.setattr(follow, "ROUND_SECONDS", 3600.0)


async def test_the_loop_closes_on_the_flood_of_june_2024(database_factory: DatabaseFactory, trace: Trace) -> None:
    async with opened(database_factory) as house:
        prepared = await demo.prepare(house.doors, "2024-06")
        assert prepared.loaded > 4000
        async with running(house, prepared):
            danger = await _step_to_danger(house, prepared, trace)
            await _decide(house, danger)
            assert await house.kpi.figures(PREFECTURE, LEAD_TIME.id, EVERYTHING)
            trace.on = False
            prepared.player.set_speed(36_000)
            prepared.player.resume()
            await until("23 June is played", lambda: _played(prepared, "2024-06-23T24:00"), 120)
            await _send_the_rest(prepared, "2024-06-23T24:00")
            await _all_read(house, prepared)
            await _check_crossings(house)
            await _check_lead_times(house)
        assert prepared.player.state().failed == 0
    _passed_the_files(trace)


def _passed_the_files(trace: Trace) -> None:
    told = [one for one in trace.functions if one in STORY]
    assert LOOKS in told
    assert [one for one in told if one != LOOKS] == [one for one in STORY if one != LOOKS]
    asked = [file for file in trace.files if file not in FILES and not file.startswith(tuple(ASKED))]
    assert asked == [], "files on the way that the story does not know"
    assert len(FILES) <= 11


async def _step_to_danger(house: House, prepared: Prepared, trace: Trace) -> Alert:
    """Plays moment by moment until 上太田 reaches the danger level, so that the river stands still meanwhile."""

    async def connected() -> bool:
        return prepared.player.state().running

    await until("the devices are connected", connected)
    prepared.player.pause()
    await _all_read(house, prepared)
    assert await _danger(house, "90") is None
    trace.on = True  # nothing runs between this and the step
    while True:
        assert await prepared.player.step()
        await prepared.watches[0].reader.catch_up()
        if found := await _danger(house, "90"):
            return found


async def _danger(house: House, number: str) -> Alert | None:
    found = await house.doors.alerts.list(PREFECTURE, subject=f"urn:ngsi-ld:RiverGauge:fukui-{number}")
    return next((alert for alert in found if alert.peak == 4 and alert.state == "open"), None)


async def _decide(house: House, alert: Alert) -> None:
    """Everything behind the alert is there; accepting reaches the sign and the siren, which confirm."""
    assert [(one.at, one.value) for one in alert.content.evidence][-1] == (
        read.local_time("2024-06-23T17:20"),
        3.43,
    )
    facts = alert.content.facts
    assert (facts["rateState"], facts["rate"], facts["nextState"]) == ("known", 0.334, "highest")
    call = Call(PREFECTURE, OFFICER, "decide")
    decision = await house.doors.alerts.decide(call, alert.id, alert.version, "accepted", "はん濫の恐れ")
    assert [step.state for step in decision.steps] == ["sent", "sent"]

    async def confirmed() -> bool:
        [kept] = await house.doors.alerts.decisions(PREFECTURE, alert.id)
        return [step.state for step in kept.steps] == ["confirmed", "confirmed"]

    await until("both devices confirm", confirmed)
    [kept] = await house.doors.alerts.decisions(PREFECTURE, alert.id)
    assert (kept.who, kept.reason, kept.severity) == (OFFICER.id, "はん濫の恐れ", 4)
    assert kept.content.evidence == alert.content.evidence
    record = next(one for one in await house.arbiter.list(PREFECTURE) if one.id == kept.steps[0].command_id)
    assert record.reason == "はん濫の恐れ"
    assert record.cause == f"decision:{kept.id}"


async def _played(prepared: Prepared, moment: str) -> bool:
    return prepared.player.recorded_now() >= read.local_time(moment)


async def _send_the_rest(prepared: Prepared, moment: str) -> None:
    """Time runs on while readings are on their way: what was due meanwhile is sent after the pause, to the last."""
    while await prepared.player.step():
        if await _played(prepared, moment):
            return


async def _all_read(house: House, prepared: Prepared) -> None:
    """Every reading that was sent has been shared and watched."""

    async def still() -> bool:
        handled = [await share.reader.catch_up() for share in prepared.shares]
        handled += [await watch.reader.catch_up() for watch in prepared.watches]
        return not any(handled)

    async with prepared.player.quiet():
        await until("all logs are read", still)


async def _check_crossings(house: House) -> None:
    """The alerts of the day reach each level as often as the river did, once for every gauge and rise: waves around a
    threshold are one alert, so that the alerts may be fewer than the 48, 30, 5 and 2 crossings, never more.
    """
    reached: Counter[int] = Counter()
    for tenant in TENANTS:
        for alert in await house.doors.alerts.list(tenant, limit=10_000):
            height = 0
            for event in await house.doors.alerts.events(tenant, alert.id):
                for level in range(height + 1, event.severity + 1):
                    on_the_day = read.local_time("2024-06-23T00:00") <= event.observed_at
                    reached[level] += on_the_day and event.observed_at <= read.local_time("2024-06-23T24:00")
                height = event.severity
    assert reached[4] == 2
    assert reached[3] == 5
    assert 25 <= reached[2] <= 30
    assert 40 <= reached[1] <= 48


async def _check_lead_times(house: House) -> None:
    figures = await house.kpi.figures(PREFECTURE, LEAD_TIME.id, EVERYTHING)
    known = {figure.subject: figure for figure in figures if figure.state == "known"}
    assert set(known) == {"urn:ngsi-ld:RiverGauge:fukui-90", "urn:ngsi-ld:RiverGauge:fukui-124"}
    figure = known["urn:ngsi-ld:RiverGauge:fukui-90"]
    assert figure.value == 120
    _, again = await house.kpi.figure(PREFECTURE, figure.id, EVERYTHING)
    assert again == figure
    [path] = figure.temporal_paths()
    assert "/temporal/entities/" in path
    assert any(figure.state == "not-reached" for figure in figures)
