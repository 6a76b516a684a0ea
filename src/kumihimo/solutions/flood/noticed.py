"""The KPI of notices: seconds from a reading that reached a level to its notice, by month of Japan's time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from kumihimo.base import times
from kumihimo.platform.access.grants import ALL_ATTRIBUTES, Grant, Restriction
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.service.kpi.monthly import by_month, month_figure
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.doors import FloodDoors

NOTICE_SECONDS = Definition(
    id="flood.notice-seconds",
    title={"ja": "水位の到達から通知までの秒数", "en": "Seconds from a level reached to notice"},
    method={
        "ja": "月ごとの中央値。基準水位に達した測定値を基盤が記録した時刻から、お知らせを最初にメールサーバーまたは"
        "プッシュサービスに引き渡した時刻まで。引き渡しの記録がないお知らせは数に入れず、その件数を書く。"
        "観測所から基盤に届くまでと、引き渡してから本人の画面に出るまでの時間は含まない。",
        "en": "The median of each month, from the moment the platform committed the reading that reached a level to "
        "that at which the notice was first handed over to a mail server or a push service. Notices that were not "
        "handed over are not in it, and their number is said. The way from the gauge to the platform, and from there "
        "to the screen of who reads it, is not in it either.",
    },
    unit={"ja": "秒", "en": "s"},
    type=entities.NOTICE,
    attributes=(entities.HANDED, entities.TAKEN),
)


class NoticeSeconds:
    """Makes the figures of a tenant from its notices; a source for `service.kpi`."""

    def __init__(self, doors: FloodDoors) -> None:
        self._doors = doors

    async def __call__(self, tenant: str, restriction: Restriction) -> list[Figure]:
        """One figure per month with notices: the median; not reached where none of them was handed over."""
        docs = await self._doors.docs(tenant, entities.NOTICE, Grant(restriction, ALL_ATTRIBUTES))
        taken = _by_month(docs, entities.TAKEN, "noticeSeconds")
        handed = _by_month(docs, entities.HANDED, "handedSeconds")
        return [_figure(month, taken.get(month, []), handed.get(month, [])) for month in sorted(taken | handed)]


def _by_month(docs: Sequence[EntityDoc], attribute: str, term: str) -> dict[str, list[Lineage]]:
    return by_month(one for doc in docs if (one := _lineage(doc, attribute, term)) is not None)


def _lineage(doc: EntityDoc, attribute: str, term: str) -> Lineage | None:
    instance, value = entities.instance_of(doc, attribute), entities.number_at(doc, attribute)
    if instance is None or value is None or "observedAt" not in instance:
        return None
    at = times.micros(times.parse(instance["observedAt"]))
    return Lineage(doc["id"], attribute, term, at, value, "s", {"ja": "お知らせ", "en": "notice"})


def _figure(month: str, taken: Sequence[Lineage], handed: Sequence[Lineage]) -> Figure:
    value = round(median(one.value for one in handed), 3) if handed else None
    return month_figure(NOTICE_SECONDS, month, value, handed or taken, "/flood", _note(taken, handed))


def _note(taken: Sequence[Lineage], handed: Sequence[Lineage]) -> dict[str, str]:
    left = len({one.entity_id for one in taken} - {one.entity_id for one in handed})
    if not handed:
        return {
            "ja": f"お知らせ {len(taken)} 件。引き渡しの記録はない",
            "en": f"notices: {len(taken)}; none of them handed over",
        }
    return {
        "ja": f"お知らせ {len(taken)} 件。引き渡しの記録がないもの {left} 件",
        "en": f"notices: {len(taken)}; not handed over: {left}",
    }
