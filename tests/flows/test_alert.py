"""The story of an alert, on the flood of 23 June 2024 and with every room real: a gauge's reading over MQTT, the
watch, the alert with its readings, an officer's decision, the command to the sign and siren over MQTT, their
confirmation, the decision log, the KPI.

FILES are the files of the story, in its order; while the alert travels, the calls are noted, so that the list is true.
"""

from __future__ import annotations

from collections import Counter

import pytest
from tests.fakes import DatabaseFactory
from tests.flows.trace import Trace
from tests.solutions.flood.flood_house import House, opened, running, until

from kumihimo.base.call import Actor, Call
from kumihimo.service.alerts.models import Alert
from kumihimo.solutions.flood import demo, read
from kumihimo.solutions.flood.demo import Prepared
from kumihimo.solutions.flood.leadtime import LEAD_TIME
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANTS

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]
FILES = (
    "device/simulate/player.py",
    "device/gateway.py",
    "platform/broker/write.py",
    "solutions/flood/follow.py",
    "solutions/flood/watch.py",
    "solutions/flood/thresholds.py",
    "service/alerts/door.py",
    "device/actuation/arbiter.py",
    "device/simulate/sign.py",
    "solutions/flood/leadtime.py",
    "service/kpi/door.py",
)
OFFICER = Actor("person", "防災課 山田")


async def test_the_loop_closes_on_the_flood_of_june_2024(database_factory: DatabaseFactory, trace: Trace) -> None:
    async with opened(database_factory) as house:
        prepared = await demo.prepare(house.doors, "2024-06")
        assert prepared.loaded > 4000
        async with running(house, prepared):
            trace.on = True
            danger = await _step_to_danger(house, prepared)
            await _decide(house, danger)
            assert await house.kpi.figures(PREFECTURE, LEAD_TIME.id)
            trace.on = False
            prepared.player.set_speed(36_000)
            prepared.player.resume()
            await until("23 June is played", lambda: _played(prepared, "2024-06-23T24:00"), 120)
            prepared.player.pause()
            await _all_read(house, prepared)
            await _check_crossings(house)
            await _check_lead_times(house)
        assert prepared.player.state().failed == 0
    assert len(FILES) <= 11
    assert set(FILES) <= set(trace.files), set(FILES) - set(trace.files)


async def _step_to_danger(house: House, prepared: Prepared) -> Alert:
    """Plays moment by moment until 上太田 reaches the danger level, so that the river stands still meanwhile."""

    async def connected() -> bool:
        return prepared.player.state().running

    await until("the devices are connected", connected)
    while not (found := await _danger(house, "90")):
        assert await prepared.player.step()
        await prepared.watches[0].reader.catch_up()
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
    figures = await house.kpi.figures(PREFECTURE, LEAD_TIME.id)
    known = {figure.subject: figure for figure in figures if figure.state == "known"}
    assert set(known) == {"urn:ngsi-ld:RiverGauge:fukui-90", "urn:ngsi-ld:RiverGauge:fukui-124"}
    figure = known["urn:ngsi-ld:RiverGauge:fukui-90"]
    assert figure.value == 120
    _, again = await house.kpi.figure(PREFECTURE, figure.id)
    assert again == figure
    [path] = figure.temporal_paths()
    assert "/temporal/entities/" in path
    assert any(figure.state == "not-reached" for figure in figures)
