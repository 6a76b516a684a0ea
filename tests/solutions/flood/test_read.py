"""The real files, and made-up lines with every fault that the real ones have."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.solutions.flood import read
from kumihimo.solutions.flood.geo3x3 import decode
from kumihimo.solutions.flood.models import Faults, Gauge, Level
from kumihimo.solutions.flood.thresholds import crossings

SENSORS = read.data_text("fukui_sensors.csv")
OFFICIAL = read.data_text("fukui_suii_ichi.csv")


def gauges() -> dict[str, Gauge]:
    return {gauge.id: gauge for gauge in read.parse_gauges(SENSORS, OFFICIAL, Faults())}


def test_every_gauge_has_a_place_and_the_joins_are_counted() -> None:
    faults = Faults()
    found = read.parse_gauges(SENSORS, OFFICIAL, faults)
    assert len(found) == 103
    assert Counter(gauge.position_source for gauge in found) == {"official": 99, "geo3x3": 4}
    assert faults.counts["no-official-row"] == 4
    assert faults.counts["joined-by-name"] == 1
    assert faults.counts["thresholds-differ"] == 10
    assert faults.counts["no-position"] == 0
    assert all(135.4 < gauge.lon < 136.9 and 35.3 < gauge.lat < 36.4 for gauge in found)
    assert "安保" in " ".join(faults.examples["name-differs"]) or faults.counts["name-differs"] > 20


def test_dashes_with_a_no_break_space_are_no_threshold() -> None:
    one = gauges()["2"].thresholds
    assert (one.standby, one.caution, one.evacuation, one.danger) == (2.5, 2.7, None, 3.6)
    with_all = sum(len(gauge.thresholds.known()) == 4 for gauge in gauges().values())
    with_any = sum(bool(gauge.thresholds.known()) for gauge in gauges().values())
    assert (with_all, with_any) == (28, 75)


def test_towns_are_read_from_addresses() -> None:
    towns = Counter(gauge.municipality for gauge in gauges().values())
    assert towns["福井市"] == 22
    assert towns["鯖江市"] == 10
    assert towns["越前町"] == 4
    assert read.municipality("丹生郡越前町田中") == "越前町"
    assert "" not in towns


def test_june_2024_is_read_with_its_faults() -> None:
    faults = Faults()
    found = read.parse_levels(read.data_text("fukui_waterlevel_20240621_7d.csv.gz"), gauges(), faults)
    assert faults.counts["midnight-24"] == 70
    assert faults.counts["blank"] == 330
    assert faults.counts["asterisk"] == 164
    assert faults.counts["out-of-order"] > 0
    assert len(found) + faults.counts["blank"] + faults.counts["asterisk"] + faults.counts["unknown-gauge"] == 16_905
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert {gauge.id for gauge in read.mark_sea_level(list(gauges().values()), found) if gauge.sea_level} == {
        "95",
        "171",
        "176",
    }


def test_the_flood_of_23_june_2024() -> None:
    """48, 30, 5 and 2 upward moves to each level or above it: 江波 has no 避難判断水位 and passes it unnamed, so that
    only four crossings of an 避難判断水位 itself are among the five.
    """
    readings = read.parse_levels(read.data_text("fukui_waterlevel_20240621_7d.csv.gz"), gauges(), Faults())
    day = (read.local_time("2024-06-23T00:00"), read.local_time("2024-06-23T24:00"))
    reached: Counter[int] = Counter()
    named: Counter[int] = Counter()
    for gauge in gauges().values():
        points = [(one.at, one.value) for one in readings if one.station == gauge.id]
        for crossing in crossings(points, gauge.thresholds):
            if not day[0] <= crossing.at <= day[1]:
                continue
            for level in range(crossing.before + 1, crossing.level + 1):
                reached[level] += 1
                named[level] += gauge.thresholds.height(level) is not None
    assert [reached[level] for level in (1, 2, 3, 4)] == [48, 30, 5, 2]
    assert [named[level] for level in (1, 2, 3, 4)] == [48, 30, 4, 2]
    assert gauges()["124"].thresholds.height(Level.EVACUATION) is None


def test_august_2023_has_rain_of_17_stations() -> None:
    faults = Faults()
    stations = read.parse_stations(read.data_text("amedas_stations.csv"))
    rain = read.parse_rain(read.data_text("amedas_rain_20230810_10d.csv.gz"), faults)
    assert len(stations) == 17
    assert {one.station for one in rain} == {station.id for station in stations}
    assert times.text(times.from_micros(rain[0].at)) == "2023-08-09T15:00:00.000Z"
    assert not any(times.from_micros(one.at).astimezone(times.JST).hour == 9 for one in rain)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-06-23T24:00", "2024-06-23T15:00:00.000Z"),
        ("2023-12-31T24:00", "2023-12-31T15:00:00.000Z"),
        ("2024-06-24T00:00", "2024-06-23T15:00:00.000Z"),
    ],
)
def test_midnight_is_the_next_day(text: str, utc: str) -> None:
    assert times.text(times.from_micros(read.local_time(text))) == utc


@pytest.mark.parametrize(
    "text", ["2024-06-23T24:10", "2024-06-23", "2024-06-31T10:00", "", "*", "9999-12-31T24:00", "0000-01-01T00:00"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no local time|outside|year|day|month|hour"):
        read.local_time(text)


CELL = st.sampled_from(["", "*", "---\xa0", "1.30", "-0.25", "１.5", "nan", "1e3", "１２", "0x1"])
ROW = st.tuples(
    st.sampled_from(["2024-06-23T24:00", "2024-06-24T00:00", "2024-06-23T01:10", "2024-06-23T00:00", "bad", ""]),
    CELL,
    st.sampled_from(["1", "2", "999", ""]),
)


@given(st.lists(ROW, max_size=40))
def test_no_row_is_lost_and_none_is_invented(rows: list[tuple[str, str, str]]) -> None:
    faults = Faults()
    source = "日時,河川水位,id\n" + "".join(f"{when},{cell},{gauge}\n" for when, cell, gauge in rows)
    found = read.parse_levels(source, ["1", "2"], faults)
    dropped = sum(
        faults.counts[kind]
        for kind in ("blank", "asterisk", "not-a-number", "bad-time", "unknown-gauge", "duplicate", "correction")
    )
    assert len(found) + dropped == len(rows)
    assert len({(one.station, one.at) for one in found}) == len(found)
    numbers = {read.number(cell) for _, cell, _ in rows}
    assert all(one.value in numbers for one in found)


@given(st.text())
def test_no_text_breaks_a_number(text: str) -> None:
    value = read.number(text)
    assert value is None or value == value  # noqa: PLR0124 - that is what NaN is not


@given(st.floats(-179.9, 179.9), st.floats(-89.9, 89.9))
def test_geo3x3_comes_back_to_where_it_was_made(lon: float, lat: float) -> None:
    digits, west, south, size = "", 0.0 if lon >= 0 else -180.0, -90.0, 180.0
    for _ in range(16):
        size /= 3
        column, row = min(2, int((lon - west) / size)), min(2, int((lat - south) / size))
        digits += str(row * 3 + column + 1)
        west, south = west + column * size, south + row * size
    found = decode(("E" if lon >= 0 else "W") + digits)
    assert found == pytest.approx((lon, lat), abs=1e-5)


@pytest.mark.parametrize("code", ["", "E", "X12", "E10", "E1a", "12"])
def test_what_is_no_geo3x3_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="Geo3x3"):
        decode(code)
