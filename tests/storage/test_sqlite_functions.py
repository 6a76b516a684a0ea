"""The functions given to SQLite answer, or say nothing; they never fail a query for one odd row."""

from __future__ import annotations

import json

import pytest

from kumihimo.storage.engines.sqlite_functions import geo_distance, geo_relation, matches_pattern

POINT = json.dumps({"type": "Point", "coordinates": [136.2, 36.1]})


@pytest.mark.parametrize("odd", ["", "not json", '{"type":"Point","coordinates":[]}', '{"type":"Shape"}'])
def test_an_odd_geometry_is_no_match(odd: str) -> None:
    assert not geo_relation(odd, "within", POINT)
    assert geo_distance(odd, POINT) is None


def test_a_pattern_that_would_run_away_elsewhere_is_linear() -> None:
    assert matches_pattern("a" * 50_000 + "!", "(a+)+$") is False


def test_near_a_pole() -> None:
    across = json.dumps({"type": "LineString", "coordinates": [[0, 89.9], [10, 89.9]]})
    pole = json.dumps({"type": "Point", "coordinates": [0, 90]})
    assert geo_distance(across, pole) == pytest.approx(11169.4, rel=0.01)
