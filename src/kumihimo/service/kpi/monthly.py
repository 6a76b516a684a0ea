"""Figures month by month of Japan's time, as wings make them of notices and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.service.kpi.models import Definition, Figure, Lineage

SHOWN: Final = 200
"""So many readings stand behind a figure at most; where there are more, the newest."""


def month_of(at: int) -> str:
    """The month of a moment (microseconds), as YYYY-MM."""
    return f"{times.from_micros(at).astimezone(JST):%Y-%m}"


def by_month(behind: Iterable[Lineage]) -> dict[str, list[Lineage]]:
    """Readings by the months in which they were observed, in order of time."""
    months: dict[str, list[Lineage]] = {}
    for one in sorted(behind, key=lambda one: (one.at, one.entity_id)):
        months.setdefault(month_of(one.at), []).append(one)
    return months


def month_figure(
    definition: Definition,
    month: str,
    value: float | None,
    behind: Sequence[Lineage],
    href: str,
    note: Mapping[str, str] | None = None,
) -> Figure:
    """The figure of a month; not reached where there is no value."""
    year, number = int(month[:4]), int(month[5:])
    return Figure(
        id=f"{definition.id}.{month}",
        kpi=definition.id,
        subject=month,
        label={"ja": f"{year}年{number}月", "en": month},
        at=_begins(month),
        until=_begins(f"{year + number // 12:04}-{number % 12 + 1:02}"),
        state="known" if value is not None else "not-reached",
        value=value,
        lineage=tuple(behind[-SHOWN:]),
        href=href,
        note=note,
    )


def _begins(month: str) -> int:
    return times.micros(times.parse(f"{month}-01T00:00:00+09:00"))
