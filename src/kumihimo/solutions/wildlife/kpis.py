"""The KPIs of the wing: seconds from detection to notice, visits per catch, damaged area; by month of Japan's time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from kumihimo.platform.access.grants import ALL_ATTRIBUTES, Grant, Restriction
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.kpi.models import Definition, Figure, Lineage
from kumihimo.service.kpi.monthly import by_month, month_figure, month_of
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.doors import WildlifeDoors

NOTICE_SECONDS = Definition(
    id="wildlife.notice-seconds",
    title={"ja": "検知から通知までの秒数", "en": "Seconds from detection to notice"},
    method={
        "ja": "月ごとの中央値。基盤が検知の測定値を記録した時刻から、お知らせを最初にメールサーバーまたは"
        "プッシュサービスに引き渡した時刻まで。引き渡しの記録がないお知らせは数に入れず、その件数を書く。"
        "センサーから基盤に届くまでと、引き渡してから本人の画面に出るまでの時間は含まない。",
        "en": "The median of each month, from the moment the platform committed the detection to that at which the "
        "notice was first handed over to a mail server or a push service. Notices that were not handed over are not in "
        "it, and their number is said. The way from the sensor to the platform and from there to the screen of who "
        "reads it is not in it either.",
    },
    unit={"ja": "秒", "en": "s"},
    type=entities.NOTICE,
    attributes=(entities.HANDED, entities.SECONDS),
)
VISITS_PER_CATCH = Definition(
    id="wildlife.visits-per-catch",
    title={"ja": "捕獲1頭あたりの見回り回数", "en": "Trap visits per animal caught"},
    method={
        "ja": "月ごとに、わなの見回り報告の数を、捕獲報告の頭数で割る。",
        "en": "Per month: reported visits to traps, divided by the animals reported as caught.",
    },
    unit={"ja": "回/頭", "en": "visits"},
    type=entities.VISIT,
    attributes=(entities.FOUND,),
    also=((entities.CATCH, (entities.COUNT,)),),
)
DAMAGED_AREA = Definition(
    id="wildlife.damaged-area",
    title={"ja": "被害面積", "en": "Damaged area"},
    method={
        "ja": "月ごとに、被害報告の面積を合計する。報告されなかった被害は含まない。",
        "en": "Per month: the sum of the areas reported as damaged. What nobody reported is not in it.",
    },
    unit={"ja": "㎡", "en": "m²"},
    type=entities.DAMAGE,
    attributes=(entities.AREA,),
    grows=True,
)


class Figures:
    """Makes the figures of a tenant from its entities; each method is a source for `service.kpi`."""

    def __init__(self, doors: WildlifeDoors) -> None:
        self._doors = doors

    async def notice_seconds(self, tenant: str, restriction: Restriction) -> Sequence[Figure]:
        """One figure per month with notices: the median; not reached where none of them was handed over."""
        docs = await self._doors.docs(tenant, entities.NOTICE, _all_of(restriction))
        told = _by_month(docs, entities.SECONDS, "noticeSeconds", "s")
        handed = _by_month(docs, entities.HANDED, "handedSeconds", "s")
        found = []
        for month in sorted(told | handed):
            behind, taken = handed.get(month, []), told.get(month, [])
            value = round(median(one.value for one in behind), 3) if behind else None
            found.append(_figure(NOTICE_SECONDS, month, value, behind or taken, _of_notices(taken, behind)))
        return found

    async def damaged_area(self, tenant: str, restriction: Restriction) -> Sequence[Figure]:
        """One figure per month: the sum."""
        docs = await self._doors.docs(tenant, entities.DAMAGE, _all_of(restriction))
        months = _by_month(docs, entities.AREA, "damagedArea", "m²")
        return [_figure(DAMAGED_AREA, month, sum(one.value for one in found), found) for month, found in months.items()]

    async def visits_per_catch(self, tenant: str, restriction: Restriction) -> Sequence[Figure]:
        """One figure per month with visits; not reached where nothing was caught in it."""
        docs = await self._doors.docs(tenant, entities.CATCH, _all_of(restriction))
        caught = _by_month(docs, entities.COUNT, "individualCount", "")
        visits: dict[str, int] = {}
        for doc in await self._doors.docs(tenant, entities.VISIT, _all_of(restriction)):
            at = entities.observed_at(doc, entities.FOUND)
            if at is not None:
                visits[month_of(at)] = visits.get(month_of(at), 0) + 1
        found = []
        for month, count in sorted(visits.items()):
            behind = caught.get(month, [])
            animals = sum(one.value for one in behind)
            value = round(count / animals, 2) if animals else None
            note = {"ja": f"見回り {count} 回、捕獲 {animals:g} 頭", "en": f"{count} visits, {animals:g} caught"}
            found.append(_figure(VISITS_PER_CATCH, month, value, behind, note))
        return found


def _by_month(docs: Sequence[EntityDoc], attribute: str, term: str, unit: str) -> dict[str, list[Lineage]]:
    """The numbers of an attribute with the months in which they were observed."""
    return by_month(one for doc in docs if (one := _lineage(doc, attribute, term, unit)) is not None)


def _all_of(restriction: Restriction) -> Grant:
    """These entities, whole: who may see a figure may read what it rests on."""
    return Grant(restriction, ALL_ATTRIBUTES)


def _of_notices(taken: Sequence[Lineage], handed: Sequence[Lineage]) -> dict[str, str]:
    """How many notices there were, how soon they were taken, and how many were not handed over."""
    left = len({one.entity_id for one in taken} - {one.entity_id for one in handed})
    soon = f"{median(one.value for one in taken):.3g}" if taken else "?"
    if not handed:
        return {
            "ja": f"お知らせ {len(taken)} 件（登録までの中央値 {soon} 秒）。引き渡しの記録はない",
            "en": f"notices: {len(taken)} (taken after {soon} s in the median); none of them handed over",
        }
    return {
        "ja": f"お知らせ {len(taken)} 件（登録までの中央値 {soon} 秒）。引き渡しの記録がないもの {left} 件",
        "en": f"notices: {len(taken)} (taken after {soon} s in the median); not handed over: {left}",
    }


def _lineage(doc: EntityDoc, attribute: str, term: str, unit: str) -> Lineage | None:
    value, at = entities.value_of(doc, attribute), entities.observed_at(doc, attribute)
    if at is None or not isinstance(value, int | float) or isinstance(value, bool):
        return None
    role = {"ja": "報告" if unit != "s" else "お知らせ", "en": "report" if unit != "s" else "notice"}
    return Lineage(doc["id"], attribute, term, at, float(value), unit, role)


def _figure(
    definition: Definition,
    month: str,
    value: float | None,
    behind: Sequence[Lineage],
    note: dict[str, str] | None = None,
) -> Figure:
    return month_figure(definition, month, value, behind, "/wildlife", note)
