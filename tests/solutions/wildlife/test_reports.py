"""Reports from the field: what is taken, what is refused, and that nothing is written twice."""

from __future__ import annotations

import re

import pytest

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.reports import MAX_AREA, MAX_COUNT, report_of

NOW = times.micros(times.parse("2024-10-05T09:30:00Z"))
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
COMMON = {"id": UUID, "at": "2024-10-05T18:20:00+09:00"}
DAMAGE = {
    **COMMON,
    "kind": "damage",
    "species": "Sus scrofa",
    "crop": "稲",
    "area": "120.5",
    "lon": "136.5",
    "lat": "36.3",
}
VISIT = {**COMMON, "kind": "visit", "trap": "urn:ngsi-ld:WildlifeTrap:trap-1", "found": "caught"}
CATCH = {**COMMON, "kind": "catch", "species": "Sus scrofa", "count": "2", "trap": "urn:ngsi-ld:WildlifeTrap:trap-1"}


def test_damage_has_an_area_a_crop_and_a_place() -> None:
    report = report_of({**DAMAGE, "lon": "136.123456789", "note": "  畑の東側  "}, NOW)
    doc = report.change.doc
    assert doc is not None
    assert report.entity_id == f"urn:ngsi-ld:WildlifeDamage:{UUID}"
    assert entities.value_of(doc, entities.AREA) == 120.5
    assert entities.observed_at(doc, entities.AREA) == report.at
    assert entities.place_of(doc) == (136.12346, 36.3)
    assert entities.text_at(doc, entities.NOTE) == "畑の東側"


def test_a_visit_and_a_catch_name_their_trap() -> None:
    visit, catch = report_of(VISIT, NOW).change.doc, report_of(CATCH, NOW).change.doc
    assert visit is not None
    assert catch is not None
    for doc in (visit, catch):
        assert doc["attrs"][entities.AT_TRAP][0]["object"] == "urn:ngsi-ld:WildlifeTrap:trap-1"
    assert entities.value_of(catch, entities.COUNT) == 2


def test_the_same_report_sent_twice_is_the_same_change() -> None:
    assert report_of(DAMAGE, NOW) == report_of(DAMAGE, NOW + 60_000_000)


@pytest.mark.parametrize(
    ("form", "wrong", "field"),
    [
        (DAMAGE, {"kind": "theft"}, "kind"),
        (DAMAGE, {"id": "1"}, "id"),
        (DAMAGE, {"id": UUID.replace("469f", "169f")}, "id"),
        (DAMAGE, {"at": "2024-10-05 18:20"}, "at"),
        (DAMAGE, {"at": "2024-08-05T18:20:00+09:00"}, "30 days"),
        (DAMAGE, {"at": "2024-10-06T18:20:00+09:00"}, "future"),
        (DAMAGE, {"species": "dragon"}, "species"),
        (DAMAGE, {"area": "-1"}, "area"),
        (DAMAGE, {"area": "nan"}, "area"),
        (DAMAGE, {"area": f"{MAX_AREA + 1}"}, "area"),
        (CATCH, {"count": f"{MAX_COUNT + 1}"}, "count"),
        (DAMAGE, {"crop": ""}, "crop"),
        (DAMAGE, {"lon": "", "lat": ""}, "lon"),
        (DAMAGE, {"lat": "91"}, "lat"),
        (DAMAGE, {"note": "x" * 501}, "note"),
        (CATCH, {"count": "1.5"}, "whole"),
        (CATCH, {"count": "0"}, "count"),
        (CATCH, {"trap": ""}, "lon"),
        (VISIT, {"found": "?"}, "found"),
        (VISIT, {"trap": "urn:ngsi-ld:Other:1"}, "trap"),
    ],
)
def test_what_is_wrong_is_said_by_its_field(form: dict[str, str], wrong: dict[str, str], field: str) -> None:
    with pytest.raises(BadRequestData, match=field) as refused:
        report_of(form | wrong, NOW)
    assert refused.value.wording is not None
    assert re.search(r"[ぁ-ん]", str(refused.value.wording.values["ja"])), "it says in Japanese what to do"
