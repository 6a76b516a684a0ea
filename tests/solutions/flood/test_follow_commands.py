from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

import pytest

from kumihimo.base.errors import NonexistentTenant, StorageRefused
from kumihimo.base.ports import CommandOutcome
from kumihimo.solutions.flood import demo
from kumihimo.solutions.flood.demo import FloodDoors

OUTCOME = CommandOutcome("c1", "confirmed", "")


class Alerts:
    def __init__(self) -> None:
        self.followed: list[str] = []
        self.away = False

    async def pending(self) -> Sequence[str]:
        if self.away:
            raise StorageRefused("away")
        return ["bad", "good"]

    async def follow(self, tenant: str, outcomes: Sequence[CommandOutcome]) -> int:
        self.followed.append(tenant)
        return len(outcomes)


class Doors:
    def __init__(self, fault: Exception) -> None:
        self.alerts = Alerts()
        self.fault = fault
        self.asked: list[str] = []

    async def commands(self, tenant: str) -> list[CommandOutcome]:
        self.asked.append(tenant)
        if tenant == "bad":
            raise self.fault
        return [OUTCOME]


@pytest.mark.parametrize("fault", [StorageRefused("set aside"), ZeroDivisionError(), NonexistentTenant("gone")])
async def test_one_tenants_trouble_ends_the_look_for_no_other(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    doors = Doors(fault)
    troubles: dict[str, Any] = {}
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            assert await demo.follow_once(cast("FloodDoors", doors), troubles) == 1
    assert doors.alerts.followed == ["good"] * 4
    if not isinstance(fault, NonexistentTenant):
        assert doors.asked.count("bad") == 1, "it is left alone for a while"
        assert len(caplog.records) == 1


async def test_a_store_that_is_away_is_asked_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(demo, "LONGEST_PAUSE", 0.0)
    doors = Doors(StorageRefused("set aside"))
    doors.alerts.away = True
    troubles: dict[str, Any] = {}
    with caplog.at_level(logging.WARNING):
        assert await demo.follow_once(cast("FloodDoors", doors), troubles) == 0
        assert await demo.follow_once(cast("FloodDoors", doors), troubles) == 0
        doors.alerts.away = False
        assert await demo.follow_once(cast("FloodDoors", doors), troubles) == 1
    assert len([one for one in caplog.records if getattr(one, "tenant", None) == ""]) == 1
