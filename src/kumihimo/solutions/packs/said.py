"""What is said of a pack's own figures, in both languages: how they are made, of how much, and what stands behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kumihimo.solutions.packs.models import FigureEntry, KpiEntry, Pack

_KINDS: Final = {
    "count": ("の数", "the number of"),
    "sum": ("の合計", "the sum of"),
    "mean": ("の平均", "the mean of"),
    "least": ("の最小", "the least of"),
    "most": ("の最大", "the most of"),
}
_ROLES: Final[dict[str, tuple[str, str]]] = {"": ("値", "value"), "part": ("分子", "part"), "of": ("分母", "whole")}
_MONTHS: Final = {
    "count": (
        "月の値は、月の終わりにあった数（登録と削除の記録による）",
        "a month's figure is how many there were at its end, as they were entered and deleted",
    ),
    "least": ("月の値は、その月に観測した値の最小", "a month's figure is the least that was observed in it"),
    "most": ("月の値は、その月に観測した値の最大", "a month's figure is the most that was observed in it"),
    "": (
        "月の値は、その月に観測した値を対象ごとに平均してから求める",
        "a month's figure is made of the mean of what was observed of each in it",
    ),
}


def method_of(pack: Pack, entry: FigureEntry) -> Mapping[str, str]:
    """How the figure is made, and by whom it was defined."""
    name = f"{pack.title.ja} {pack.version}", f"{pack.title.en} {pack.version}"
    month_ja, month_en = _MONTHS.get(entry.kind, _MONTHS[""])
    if entry.kind == "share":
        ja = f"{entry.type} の {entry.attribute} の合計を {entry.of} の合計で割る"
        en = f"The sum of {entry.attribute} divided by that of {entry.of}, over each {entry.type}"
    else:
        what_ja, what_en = _KINDS[entry.kind]
        of_ja = f" の {entry.attribute} " if entry.attribute else " "
        of_en = f"{entry.attribute}, over each {entry.type}" if entry.attribute else entry.type
        ja, en = f"{entry.type}{of_ja}{what_ja}", f"T{what_en[1:]} {of_en}"
    return {
        "ja": f"{ja}。{month_ja}。「現在」は今の値。パック「{name[0]}」が定めた指標。",
        "en": f'{en}; {month_en}; "now" is as they are now. Defined by the pack {name[1]}.',
    }


def role_of(name: str) -> dict[str, str]:
    """What a value behind a figure is: "" the value, part and of those of a share."""
    ja, en = _ROLES[name]
    return {"ja": ja, "en": en}


def note_of(kpi: KpiEntry, count: int, entities: int | None = None) -> dict[str, str]:
    """Of how many values it was made, of how many entities, and the pack's target."""
    of_ja = "" if entities is None else f"（対象 {entities}）"
    of_en = "" if entities is None else f" of {entities} entities"
    ja, en = f"もとになった値 {count} 件{of_ja}", f"made of {count} values{of_en}"
    if kpi.target is None:
        return {"ja": ja, "en": en}
    bound = ("以上", "at least") if kpi.better == "higher" else ("以下", "at most")
    return {
        "ja": f"{ja}。パックの目標: {kpi.target:g} {bound[0]}",
        "en": f"{en}; the pack's target: {bound[1]} {kpi.target:g}",
    }


def page_of(pack: Pack, kind: str) -> str:
    """The pack's page of these entities, or the page of the town's packs."""
    found = next((one.id for one in pack.screens if one.type == kind), "")
    return f"/packs/{pack.id}/{found}" if found else "/packs"
