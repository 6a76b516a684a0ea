"""The past as rows and data frames, also where the platform gives it in parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from kumihimo.client import Client, NotFound, Reading
from kumihimo.client import past as module
from kumihimo.client.options import moment_text

pytestmark = pytest.mark.enable_socket
BEGIN = datetime(2024, 6, 23, tzinfo=UTC)
GAUGE = "urn:ngsi-ld:Gauge:1"


def instances(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {"type": "Property", "value": n, "observedAt": moment_text(BEGIN + timedelta(minutes=n))}
        for n in range(start, start + count)
    ]


@pytest.fixture
def river(town: Client) -> Client:
    """One gauge with 120 values, two a minute apart, and two with three; an answer of the platform holds 50."""
    town.past.write({"id": GAUGE, "type": "Gauge", "level": instances(120), "flow": instances(1)})
    for number in (2, 3):
        town.past.write({"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", "level": instances(3)})
    return town


def levels(readings: Iterator[Reading]) -> list[Any]:
    return [one.value for one in readings if one.attribute == "level"]


def test_parts_are_followed_to_the_end(river: Client) -> None:
    assert levels(river.past.readings(GAUGE)) == list(range(120))
    since, until = BEGIN + timedelta(minutes=10), BEGIN + timedelta(minutes=100)
    assert levels(river.past.readings(GAUGE, since=since)) == list(range(10, 120))
    assert levels(river.past.readings(GAUGE, until=until)) == list(range(100))
    assert levels(river.past.readings(GAUGE, since=since, until=until, attrs=["level"])) == list(range(10, 100))
    assert levels(river.past.readings(GAUGE, last=3, attrs="level")) == [117, 118, 119]


def test_a_row_says_whose_value_it_is_and_when_it_was(river: Client) -> None:
    (flow,) = (one for one in river.past.readings(GAUGE, attrs="flow"))
    assert flow == Reading(GAUGE, "flow", BEGIN, 0)


def test_many_entities_come_page_by_page(river: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    found = list(river.past.query(type="Gauge", attrs="level", since=BEGIN))
    assert [one.entity[-1] for one in found] == ["1"] * 120 + ["2"] * 3 + ["3"] * 3
    assert {one.entity[-1] for one in river.past.query(type="Gauge", limit=2, since=BEGIN)} == {"1", "2"}
    assert len(list(river.past.query(type="Gauge"))) == 127


def test_figures_of_periods(river: Client) -> None:
    found = list(
        river.past.query(type="Gauge", id=GAUGE, attrs="level", since=BEGIN, methods=["max", "avg"], period="PT1H")
    )
    assert [(one.figure, one.value) for one in found] == [("avg", 29.5), ("avg", 89.5), ("max", 59), ("max", 119)]
    assert (found[0].time, found[0].until) == (BEGIN, BEGIN + timedelta(hours=1))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_has_a_row_for_each_value(river: Client, library: Any) -> None:
    made = river.past.frame(library=library, type="Gauge", attrs="level", since=BEGIN)
    assert list(made.columns) == ["entity", "attribute", "time", "value"]
    assert made.shape == (126, 4)
    assert made["value"].sum() == sum(range(120)) + 6
    assert made["time"].max() == BEGIN + timedelta(minutes=119)
    figures = river.past.frame(library=library, type="Gauge", attrs="level", since=BEGIN, methods="max", period="PT1H")
    assert list(figures.columns)[4:] == ["figure", "until"]


def test_an_empty_frame_has_its_columns(river: Client) -> None:
    made = river.past.frame(type="Nothing")
    assert list(made.columns) == ["entity", "attribute", "time", "value"]
    assert made.empty


def test_a_moment_is_written_in_utc_whatever_its_zone(town: Client) -> None:
    japan = timezone(timedelta(hours=9))
    town.entities.create({"id": GAUGE, "type": "Gauge", "level": {"value": 1, "observedAt": BEGIN.astimezone(japan)}})
    assert town.entities.get(GAUGE, format="concise")["level"]["observedAt"] == "2024-06-23T00:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        town.entities.update(GAUGE, {"level": {"value": 1, "observedAt": BEGIN.replace(tzinfo=None)}})
    with pytest.raises(TypeError, match="bytes"):
        town.entities.update(GAUGE, {"level": b"1"})


def test_moments_need_a_zone_and_may_have_any(river: Client) -> None:
    with pytest.raises(ValueError, match="time zone"):
        list(river.past.readings(GAUGE, since=datetime(2024, 6, 23)))  # noqa: DTZ001 - that is what is tested
    japan = timezone(timedelta(hours=9))
    since = (BEGIN + timedelta(minutes=118)).astimezone(japan)
    assert levels(river.past.readings(GAUGE, since=since)) == [118, 119]


def test_what_was_never_there_is_not_found(river: Client) -> None:
    with pytest.raises(NotFound):
        list(river.past.readings("urn:ngsi-ld:Gauge:none"))
