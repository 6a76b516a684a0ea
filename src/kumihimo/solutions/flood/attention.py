"""What needs attention now: a town's own alerts, and the raised gauges in it for which another tenant answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.service.alerts.models import Alert
from kumihimo.service.alerts.sights import Seen
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.alert_sights import sights_of
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.models import Level, level_name
from kumihimo.solutions.flood.views import GaugeRow, said

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Attention:
    """One line. severity is None where it may not be seen, then at is 0. href is the alert's page, or the gauge's where
    another tenant answers; who is that tenant, "" where the town itself does; verdict and there (the address of the
    other's alert) are "" where it may not be seen.
    """

    key: str
    severity: int | None
    title: Mapping[str, str]
    href: str
    verdict: str
    at: int
    training: bool
    who: str = ""
    there: str = ""
    held: bool = False
    """The river stands a little below the alert's threshold: the alert holds, while map and table show the level."""

    @property
    def is_settled(self) -> bool:
        """Whether the town itself has decided: it comes after what is still to be done."""
        return not self.who and self.verdict != "undecided"


async def attention(doors: FloodDoors, call: Call, rows: Sequence[GaugeRow]) -> list[Attention]:
    """The lines, what is settled last, the highest level first; rows are the gauges of call.tenant."""
    gauges = {row.id: row for row in rows}
    own = [
        _own(seen, call.tenant, gauges.get(seen.alert.subject))
        for seen in await sights_of(doors).list(call.tenant, await doors.seen_by(call), state="open")
    ]
    raised = [row for row in rows if row.level and row.responsible not in ("", call.tenant)]
    theirs = {tenant: await _seen(doors, call, tenant) for tenant in {row.responsible for row in raised}}
    others = [_other(row, call.tenant, theirs[row.responsible].get(row.id)) for row in raised]
    return sorted([*own, *others], key=_order)


def _order(one: Attention) -> tuple[bool, int, bool, int, str]:
    return one.is_settled, -1 if one.severity is None else -one.severity, bool(one.who), -one.at, one.key


async def _seen(doors: FloodDoors, call: Call, tenant: str) -> dict[str, Alert]:
    """Another tenant's open alerts by gauge, none where this caller may not read there or the tenant is away."""
    try:
        grant = await doors.seen_by(replace(call, tenant=tenant))
        return {one.alert.subject: one.alert for one in await sights_of(doors).list(tenant, grant, state="open")}
    except Problem:
        return {}


def _own(seen: Seen, tenant: str, row: GaugeRow | None) -> Attention:
    alert, told = seen.alert, seen.sight.level
    return Attention(
        key=alert.id,
        severity=alert.severity if told else None,
        title=alert.content.title,
        href=_alert_page(tenant, alert),
        verdict=alert.verdict,
        at=alert.observed_at if told else 0,
        training=row is not None and row.training,
        held=told and row is not None and row.level is not None and row.level < alert.severity,
    )


def _other(row: GaugeRow, tenant: str, alert: Alert | None) -> Attention:
    level = Level(row.level or 0)
    ja, en = said(row, "ja"), said(row, "en")
    return Attention(
        key=row.id,
        severity=int(level),
        title={
            "ja": f"{'' if row.training else ja.river} {ja.name}：{level_name(level, 'ja')}".lstrip(),
            "en": f"{en.name}{'' if row.training else f' ({en.river})'}: {level_name(level, 'en')}",
        },
        href=f"/t/{tenant}/flood/gauges/{quote(entities.number_of(row.id), safe='')}",
        verdict="" if alert is None else alert.verdict,
        at=row.at or 0,
        training=row.training,
        who=row.responsible,
        there="" if alert is None else _alert_page(row.responsible, alert),
    )


def _alert_page(tenant: str, alert: Alert) -> str:
    return f"/t/{tenant}/flood/alerts/{quote(alert.id, safe='')}"
