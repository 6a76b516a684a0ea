"""Measures as files: what is written is read again, and what is wrong is refused with its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.service.kpi import measures_text
from kumihimo.service.kpi.measures import LEVELS, STATES, Measure, Target
from kumihimo.service.kpi.measures_text import checked, differences, kept, of_kept, read, write

TARGET = Target("t1", "a", "town.damage", 50.0, "lower", date(2027, 3, 31), baseline=100.0)
MEASURE = Measure("a", "project", {"ja": "柵"}, "農林課", date(2026, 4, 1), targets=(TARGET,))
FILE = """
[[measures]]
id = "a"
level = "project"
title = {ja = "柵"}
owner = "農林課"
starts_on = 2026-04-01
[[measures.targets]]
kpi = "town.damage"
target = 50
better = "lower"
due_on = 2027-03-31
baseline = 100
"""
WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)
DAYS = st.dates(date(2026, 4, 1), date(2030, 1, 1))


def test_a_file_by_hand_is_read() -> None:
    assert read(FILE) == [MEASURE]
    assert read(FILE.replace("\n", "\r\n")) == [MEASURE]
    assert read("") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("level = ", "levle = ", "levle"),
        ('"project"', '"scheme"', "scheme"),
        ("2026-04-01", '"soon"', "starts_on"),
        ("target = 50", "target = nan", "finite"),
        ("target = 50", "target = true", "target"),
        ("2027-03-31", "2026-03-31", "before the start"),
        ('id = "a"', 'id = "../a"', "is no id"),
        ('ja = "柵"', 'en = "fence"', "Japanese"),
        ('ja = "柵"', 'ja = "柵", fr = "x"', "languages"),
        ('ja = "柵"', 'ja = "a\\u0000b"', "control"),
        ('"農林課"', '""', "owner"),
        ('"農林課"', f'"{"x" * 101}"', "100 characters"),
        ("starts_on", "budget = -1\nstarts_on", "budget"),
        ("starts_on", "due_on = 2026-01-01\nstarts_on", "before it starts"),
        ("[[measures]]", "[[measures", "no file of measures"),
    ],
)
def test_what_is_wrong_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(BadRequestData, match=said) as told:
        read(FILE.replace(old, new, 1))
    assert told.value.wording is not None


def test_a_file_has_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequestData, match="twice"):
        read(FILE + FILE)
    with pytest.raises(BadRequestData, match="same id"):
        checked(replace(MEASURE, targets=(TARGET, TARGET)))
    many = tuple(replace(TARGET, id=f"t{number}") for number in range(21))
    with pytest.raises(BadRequestData, match="20 targets"):
        checked(replace(MEASURE, targets=many))
    assert checked(replace(MEASURE, targets=many[:20])).targets == many[:20]
    monkeypatch.setattr(measures_text, "MAX_BYTES", len(FILE))
    with pytest.raises(BadRequestData, match="longer"):
        read(FILE)


@settings(max_examples=60)
@given(st.data())
def test_what_is_written_is_read_again(data: Any) -> None:
    number = st.floats(allow_nan=False, allow_infinity=False)
    target = Target(
        "t1", "a", data.draw(WORDS), data.draw(number), data.draw(st.sampled_from(["higher", "lower"])),
        data.draw(DAYS), data.draw(WORDS), data.draw(st.none() | number), data.draw(WORDS),
    )  # fmt: skip
    measure = Measure(
        "a", data.draw(st.sampled_from(LEVELS)), {"ja": data.draw(WORDS.filter(bool)), "en": data.draw(WORDS)},
        data.draw(WORDS.filter(bool)), date(2026, 4, 1), "", {"ja": data.draw(WORDS)}, data.draw(st.none() | DAYS),
        data.draw(st.sampled_from(STATES)), data.draw(st.none() | st.integers(0, 10**15)), (target,),
        data.draw(st.booleans()),
    )  # fmt: skip
    assert read(write([measure])) == [measure]
    assert of_kept(kept(measure), 0, 0, "") == measure


def test_what_changed_is_told_by_member() -> None:
    after = replace(MEASURE, state="running", budget=1000, targets=(replace(TARGET, target=40.0),))
    assert differences(MEASURE, after) == [
        ("state", "planned", "running"),
        ("budget", "", "1,000"),
        ("target", "town.damage · 100 → ≤ 50 · 2027-03-31", "town.damage · 100 → ≤ 40 · 2027-03-31"),
    ]
    assert differences(MEASURE, MEASURE) == []
    assert ("owner", "", "農林課") in differences(None, MEASURE)
