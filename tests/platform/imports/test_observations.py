"""Tables of observations as Japanese towns save them, read as a stream."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base import times
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.imports import observations, pieces
from kumihimo.platform.imports.moments import Moments, zone_of
from kumihimo.platform.imports.observations import Layout, Observations
from kumihimo.platform.imports.scan import scan

GAUGE = Layout(entity_type="G")
Told = tuple[str, str, str, Any]


def reader(text: str | bytes, layout: Layout = GAUGE) -> Observations:
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return Observations(file, scan(file), layout, lambda name: name != "location")


def read(text: str | bytes, layout: Layout = GAUGE, skip: int = 0) -> tuple[list[Told], list[str]]:
    """Entity, attribute, moment and value of each observation; the problems."""
    found: list[Told] = []
    problems: list[str] = []
    for piece in reader(text, layout).pieces(skip):
        body = piece.body
        for place, at, value in zip(body["of"], body["at"], body["values"], strict=True):
            entity, _, attribute, _ = body["series"][place]
            moment = times.text(times.from_micros(at)).removesuffix(":00.000Z")
            found.append((entity.removeprefix("urn:ngsi-ld:G:"), attribute, moment, value))
        problems += piece.problems
        assert piece.refused >= len(piece.problems)
    return found, problems


def test_a_wide_table_in_cp932_with_day_and_time_apart() -> None:
    text = (
        "観測所番号,観測所名,日付,時刻,水位(m),雨量\r\n"
        "001,橋,2024/6/23,1:00,1.5,0\r\n"
        "001,橋,2024/6/23,24:00,1.70,-\r\n"
        "002,堰,2024/6/23,0:10,欠測,3\r\n"
    )
    told, problems = read(text.encode("cp932"), Layout(entity_type="G", columns=("水位(m)", "雨量")))
    assert told == [
        ("001", "水位_m", "2024-06-22T16:00", 1.5),
        ("001", "雨量", "2024-06-22T16:00", 0),
        ("001", "水位_m", "2024-06-23T15:00", 1.7),
        ("002", "雨量", "2024-06-22T15:10", 3),
    ]
    assert problems == []


def test_a_long_table_names_its_attributes() -> None:
    text = "局番,日時,項目,値\n1,2024-06-23T00:00Z,PM2.5,12\n1,2024-06-23T01:00:00+09:00,location,5\n1,2024062312,,5\n"
    told, problems = read(text, Layout(entity_type="G", name_column="項目", value_column="値", units={"PM2.5": "GQ"}))
    assert told == [("1", "PM2_5", "2024-06-23T00:00", 12), ("1", "location_", "2024-06-22T16:00", 5)]
    assert problems == ["line 4: it does not say which attribute"]


def test_one_entity_its_units_and_another_zone() -> None:
    layout = Layout(entity_type="G", entity="urn:x:1", zone="-05:00", units={"level": "MTR"})
    found = reader("time,level\n2024-06-23 00:00,1\n", layout)
    piece = next(found.pieces())
    assert piece.body["series"] == [["urn:x:1", "G", "level", "MTR"]]
    assert times.text(times.from_micros(piece.body["at"][0])) == "2024-06-23T05:00:00.000Z"
    assert found.columns == {"time": "the moment of observation", "level": "level (number, unit MTR)"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,2024-06-31 00:00,1", "line 3: '2024-06-31 00:00' is no date and time: day is out of range for month"),
        ("1,2024-06-23 25:00,1", "line 3: 25:00:00 is no time of day"),
        (
            "1,0001-01-01 00:00,1",
            "line 3: '0001-01-01 00:00' is no date and time: it leaves the years 1 to 9999 in UTC",
        ),
        ("1,yesterday,1", "line 3: 'yesterday' is no date and time"),
        (",2024-06-23 00:00,1", "line 3: it does not say which entity"),
        ("1,2024-06-23 00:00,1,2", "line 3: 4 cells under 3 headings"),
        ("1,2024-06-23 00:00,x", "line 3: level is 'x', and the column's others are numbers"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_with_its_line(line: str, why: str) -> None:
    rows = "".join(f"1,2024-06-24 00:{minute:02},1\n" for minute in range(20))
    told, problems = read(f"id,time,level\n1,2024-06-24 01:00,1\n{line}\n{rows}")
    assert problems == [why]
    assert len(told) == 21


@pytest.mark.parametrize(
    ("text", "layout", "why"),
    [
        ("", GAUGE, "no header"),
        ("a,b\n", Layout(), "--type"),
        ("a,b\n", Layout(entity_type="River Gauge"), "cannot be the type of an entity"),
        ("id,level\n", GAUGE, "--time-column"),
        ("time,level\n", GAUGE, "--id-column"),
        ("id,time\n", GAUGE, "no column holds values"),
        ("id,time,level\n", Layout(entity_type="G", columns=("x",)), "there is no column 'x'; there are id, time, lev"),
        ("id,time,level\n", Layout(entity_type="G", units={"x": "MTR"}), "there is no column 'x'"),
        ("id,time,level\n", Layout(entity_type="G", name_column="id"), "--value-column"),
        ("id,time,level\n", Layout(entity_type="G", entity="no uri"), "must be a URI"),
        ("id,time,level\n", Layout(entity_type="G", zone="Mars/Base"), "no time zone"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(text: str, layout: Layout, why: str) -> None:
    with pytest.raises(BadRequestData, match=why):
        read(text, layout)


def test_places_are_left_out_and_shown_so() -> None:
    assert reader("id,time,緯度,経度,level\n1,2024-06-23,36.1,136.2,1\n").columns == {
        "id": "the entity, urn:ngsi-ld:G:…",
        "time": "the moment of observation",
        "緯度": "left out",
        "経度": "left out",
        "level": "level (number)",
    }


def test_a_station_may_be_named_by_a_uri_and_cells_may_hold_lines() -> None:
    text = 'id,time,note\nurn:x:1,2024-06-23,"two\nlines"\nurn:x:1,x,y\n'
    told, problems = read(text)
    assert told == [("urn:x:1", "note", "2024-06-22T15:00", "two\nlines")]
    assert problems == ["line 4: 'x' is no date and time"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_pieces_go_on_where_they_were_left(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(observations, "PIECE_ROWS", 7)
    rows = [f"{n % 5},2024-06-{1 + n % 28:02} 0:{n % 60:02},{n},晴" for n in range(100)]
    raw = "\n".join(["地点,日時,level,天気", *rows, "", ""]).encode(encoding)
    whole, _ = read(raw)
    assert len(whole) == 200
    ends = [piece.after for piece in reader(raw).pieces()]
    assert len(ends) == 26
    for end in ends[::5]:
        assert read(raw, skip=end)[0] == whole[end * 2 :]
    assert [piece.bytes for piece in reader(raw).pieces()][-1] == len(raw)


def test_a_file_in_no_known_letters_is_refused() -> None:
    with pytest.raises(BadRequestData, match="neither UTF-8, UTF-16 nor CP932"):
        scan(io.BytesIO(b"id,time\n" + b"a" * 2_000_000 + b"\xff\xfe\xff"))
    late = b"id,time\n" + b"a" * ((1 << 20) + 4 - 9) + "水".encode()  # cut by the end of a block
    assert scan(io.BytesIO(late)).encoding == "utf-8-sig"


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - the zone is added as text
    st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f", "%Y/%m/%d %H:%M:%S.%f", "%Y%m%d%H%M%S", "%Y年%m月%d日%H時%M分%S秒"]),
    st.sampled_from(["", "Z", "+0530", "-03:00", " JST"]),
)
def test_moments_are_what_python_says(local: datetime, form: str, zone: str) -> None:
    if "%f" not in form:
        local = local.replace(microsecond=0)
    offset = {"": 9, "Z": 0, "+0530": 5.5, "-03:00": -3, " JST": 9}[zone]
    expected = times.micros(local.replace(tzinfo=timezone(timedelta(hours=offset))))
    assert Moments()(local.strftime(form).zfill(4) + zone) == expected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024/6/3 9:05", "2024-06-03T00:05:00.000Z"),
        ("2024.6.3", "2024-06-02T15:00:00.000Z"),
        ("2024年6月3日 9時", "2024-06-03T00:00:00.000Z"),
        ("2024/06/03 24:00", "2024-06-03T15:00:00.000Z"),
        ("2024/06/03 9", "2024-06-03T00:00:00.000Z"),
        ("20240603", "2024-06-02T15:00:00.000Z"),
    ],
)
def test_moments_as_tables_write_them(text: str, moment: str) -> None:
    assert times.text(times.from_micros(Moments()(text))) == moment


def test_a_zone_with_summer_time_is_reckoned_with() -> None:
    paris = Moments(zone_of("Europe/Paris"))
    assert paris("2024-07-01 12:00") - paris("2024-01-01 12:00") == (182 * 24 - 1) * 3_600_000_000


def test_no_more_problems_are_kept_than_are_shown() -> None:
    text = "id,time,level\n" + "1,x,1\n" * 100
    piece = next(reader(text).pieces())
    assert (piece.refused, len(piece.problems)) == (100, pieces.SHOWN)
