"""Detections of the same animal become one encounter."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.wildlife.merge import METRES, MINUTE, WITHIN, merge, metres
from kumihimo.solutions.wildlife.models import Detection

DETECTIONS = st.lists(
    st.builds(
        Detection,
        id=st.integers(0, 30).map(str),
        sensor=st.just("s"),
        species=st.sampled_from(["bear", "boar", "unknown", ""]),
        at=st.integers(0, 60).map(lambda minute: minute * MINUTE),
        lon=st.sampled_from([136.5, 136.501, 136.502, 136.51]),
        lat=st.sampled_from([36.3, 36.301]),
        confidence=st.sampled_from([0.3, 0.9]),
    ),
    max_size=14,
    unique_by=lambda one: one.id,
)


def seen(name: str, minute: int, species: str = "bear", lon: float = 136.5, sure: float = 0.9) -> Detection:
    return Detection(name, "s", species, minute * MINUTE, lon, 36.3, sure)


@settings(max_examples=50)
@given(DETECTIONS, st.randoms(use_true_random=False))
def test_order_does_not_matter(detections: list[Detection], draw: random.Random) -> None:
    mixed = draw.sample(detections, len(detections))
    assert merge(mixed) == merge(detections)


@settings(max_examples=50)
@given(DETECTIONS)
def test_merging_again_changes_nothing_and_loses_nothing(detections: list[Detection]) -> None:
    once = merge(detections)
    inside = [one for encounter in once for one in encounter.detections]
    assert sorted(one.id for one in inside) == sorted(one.id for one in detections)
    assert merge(inside + detections) == once
    assert [one for encounter in once for one in merge(encounter.detections)] == once


@settings(max_examples=50)
@given(DETECTIONS)
def test_an_encounter_is_of_one_species_and_hangs_together(detections: list[Detection]) -> None:
    for encounter in merge(detections):
        assert len({one.species for one in encounter.detections} - {"", "unknown"}) <= 1
        linked = {encounter.detections[0].id}
        for _ in encounter.detections:
            linked |= {
                one.id
                for one in encounter.detections
                for other in encounter.detections
                if other.id in linked and abs(one.at - other.at) <= WITHIN and metres(one, other) <= METRES
            }
        assert linked == {one.id for one in encounter.detections}


def test_minutes_metres_and_species_part_encounters() -> None:
    assert len(merge([seen("a", 0), seen("b", 10)])) == 1
    assert len(merge([seen("a", 0), seen("b", 11)])) == 2
    assert len(merge([seen("a", 0), seen("b", 10), seen("c", 20)])) == 1
    assert len(merge([seen("a", 0), seen("b", 1, lon=136.51)])) == 2
    assert len(merge([seen("a", 0), seen("b", 1, "boar")])) == 2


def test_what_names_no_species_joins_one_kind_and_is_never_a_bridge_between_two() -> None:
    [one] = merge([seen("a", 0, "unknown", sure=1.0), seen("b", 5)])
    assert one.surest.species == "bear"
    assert (one.id, one.first, one.last) == ("a", 0, 5 * MINUTE)
    between = merge([seen("a", 0, "boar"), seen("b", 5, "unknown"), seen("c", 8)])
    assert [encounter.surest.species for encounter in between] == ["boar", "unknown", "bear"]


def test_metres_on_the_ground() -> None:
    assert 89_000 < metres(seen("a", 0), seen("b", 0, lon=137.5)) < 90_000
