"""A whole platform with one made-up KPI, spoken to without a browser: who asks stands in the authorization header."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Caller
from kumihimo.base.ports import Credentials
from kumihimo.base.settings import Settings
from kumihimo.platform.access.grants import Restriction
from kumihimo.service.kpi.effect import begins
from kumihimo.service.kpi.models import Definition, Figure, FigureState, Lineage

HERE, THERE, SECRET = "hakusan", "tsurugi", "geheim"
KPI = Definition(
    "test.area",
    {"ja": "被害面積(試験)", "en": "Damaged area (test)"},
    {"ja": "月ごとの合計。", "en": "The sum of each month."},
    {"ja": "㎡", "en": "m²"},
    "https://x/Damage",
    ("https://x/area",),
    grows=True,
)
Maker = Callable[[str], Sequence[Figure]]


def month(year: int, number: int, value: float | None, readings: int = 9) -> Figure:
    at, until = begins(date(year, number, 1)), begins(date(year + number // 12, number % 12 + 1, 1))
    name = f"{year}-{number:02}"
    behind = tuple(
        Lineage(f"urn:ngsi-ld:Damage:{index}", "https://x/area", "area", at, 1.0, "m²", KPI.title)
        for index in range(readings)
    )
    state: FigureState = "known" if value is not None else "not-reached"
    label = {"ja": f"{year}年{number}月", "en": name}
    return Figure(f"{KPI.id}.{name}", KPI.id, name, label, at, state, value, behind, "", None, until)


def two_years(level: float, drop: float) -> list[Figure]:
    """2024 and 2025, month by month, with a season; 2025 lower by drop."""
    return [
        month(year, number, level + 10 * number - (drop if year == 2025 else 0))
        for year in (2024, 2025)
        for number in range(1, 13)
    ]


FIGURES = {HERE: two_years(100, 8), THERE: two_years(300, 0), SECRET: two_years(777, 0)}


def platform_of(folder: Path, clock: FakeClock, *, is_open: bool, made: Maker | None = None) -> Platform:
    """The platform, with the KPI registered."""
    platform = wire(Settings(data=str(folder / "data"), port=0, mqtt_port=-1, open=is_open), clock)

    async def source(tenant: str, restriction: Restriction) -> Sequence[Figure]:
        assert restriction is not None
        return (made or (lambda name: FIGURES.get(name, [])))(tenant)

    platform.kpi.register(KPI, source)
    return platform


@asynccontextmanager
async def opened(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Speaks to it: "as NAME" is the person NAME, nothing is a stranger."""

    async def authenticate(credentials: Credentials) -> Caller | None:
        name = credentials.authorization.removeprefix("as ")
        return Caller(Actor("person", name), None, f"login-{name}", name) if name else None

    monkeypatch.setattr(type(platform.identity), "authenticate", lambda _, credentials: authenticate(credentials))
    async with open_database(platform):
        for tenant in (HERE, THERE, SECRET):
            await platform.database.add_tenant(tenant)
        platform.ready = True
        yield Client(build_http(platform))


async def give(platform: Platform, tenant: str, person: str, role: str) -> None:
    """Gives a role."""
    await platform.rules.members.add(tenant, Actor("person", person), role, "test")
