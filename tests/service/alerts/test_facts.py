"""Figures are shown by the title that a wing, a pack or the room gives them; others stand under their plain name."""

from __future__ import annotations

import pytest

from kumihimo.service.alerts.facts import Figure
from kumihimo.service.alerts.log import called
from kumihimo.solutions.flood.models import Level
from kumihimo.solutions.flood.words import fact_titles as flood_titles
from kumihimo.solutions.wildlife.limits import SirenRule
from kumihimo.solutions.wildlife.words import fact_titles as wildlife_titles

LEVEL = {"level": {"ja": "水位", "en": "Water level"}}


@pytest.mark.parametrize(
    ("lang", "titles"),
    [("ja", ["水位", "水位", "規則", "", ""]), ("en", ["Water level", "Water level", "Rule", "", ""])],
)
def test_titles_are_found_by_name_by_the_end_of_a_path_and_of_an_address(lang: str, titles: list[str]) -> None:
    facts = {"figures": {"level": 1.5}, "https://example.org/a/level": 2, "rule": "r", "level2": 3, "other": [1, True]}
    found = called(lang, LEVEL).figures(facts)
    assert found is not None
    assert [one.title for one in found] == titles
    assert [(one.name, one.value) for one in found][-2:] == [("level2", "3"), ("other", "1, true")]


def test_the_first_who_titles_a_figure_counts_and_the_room_comes_last() -> None:
    by = called("en", LEVEL, {"level": {"ja": "x", "en": "Second"}, "at": {"ja": "時", "en": "Moment"}, "rule": {}})
    assert [by.title(name) for name in ("level", "at", "rule")] == ["Water level", "Moment", "Rule"]


@pytest.mark.parametrize(("lang", "why"), [("ja", "夜だから"), ("en", "it is night")])
def test_words_in_both_languages_are_shown_in_the_readers(lang: str, why: str) -> None:
    found = called(lang).figures({"why": {"ja": "夜だから", "en": "it is night"}, "none": None, "at": 0})
    assert found is not None
    assert [Figure("why", "", why), "1970-01-01 09:00:00"] == [found[0], found[1].value]


def test_nothing_is_no_figures() -> None:
    assert (called("ja").figures(None), called("ja").figures({})) == (None, [])


def test_all_figures_of_the_wings_have_titles() -> None:
    levels = {one.name.lower() for one in Level} - {"normal"}
    assert levels - set(flood_titles()) == set()
    assert set(SirenRule.__dataclass_fields__) - set(wildlife_titles()) == {"reason"}, "which the room itself titles"
