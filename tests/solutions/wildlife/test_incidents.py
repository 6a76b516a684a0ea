"""The prefecture's files: every row is accounted for."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.incidents import FILES, data_text, read_all, read_incidents
from kumihimo.solutions.wildlife.models import Count, Read, Row, together
from kumihimo.solutions.wildlife.moments import local
from kumihimo.solutions.wildlife.risk import cell_of

HEAD = "WKT,ID,目撃痕跡種別,出没年,出没日,時刻,市町名,場所,備考,頭数,緯度,経度"
GOOD = {
    "WKT": "POINT (137.038035 37.095792)",
    "kind": "目撃",
    "year": "R4",
    "day": "R4.3.3",
    "time": "7時00分頃",
    "count": "1",
    "lat": "37.095792",
    "lon": "137.038035",
}


@pytest.fixture(scope="module")
def reads() -> list[Read]:
    return read_all()


def one(**changed: str) -> Row:
    cell = GOOD | changed
    text = (
        f"{HEAD}\n{cell['WKT']},1.0,{cell['kind']},{cell['year']},{cell['day']},{cell['time']},七尾市,鵜浦町地内,"
        f"備考の文,{cell['count']},{cell['lat']},{cell['lon']}{cell.get('more', '')}\n"
    )
    [row] = read_incidents(text, "test").rows
    return row


def test_every_row_of_the_files_is_read_or_refused_with_its_reason(reads: list[Read]) -> None:
    assert [len(read.rows) for read in reads] == [2423, 103]
    assert [dict(read.states()) for read in reads] == [
        {"read": 2389, "part": 33, "refused": 1},
        {"read": 102, "part": 1},
    ]
    assert dict(reads[0].unknown()) == {"count": 31, "time": 2}
    assert [(row.line, row.reason) for row in reads[0].rows if row.state == "refused"] == [(2001, "no day: ''")]
    for read, name in zip(reads, FILES, strict=True):
        assert len(read.rows) == len(list(csv.reader(io.StringIO(data_text(name))))) - 1
        for row in read.rows:
            assert (row.state == "refused") == (row.incident is None) == bool(row.reason)
            assert (row.state == "part") == bool(row.unknown)


def test_days_and_moments_are_the_files_own(reads: list[Read]) -> None:
    first = reads[0].incidents[0]
    assert (first.day, first.town, first.count) == (date(2022, 3, 3), "七尾市", Count(1, 1))
    assert first.at is not None
    assert local(first.at).isoformat() == "2022-03-03T07:00:00+09:00"
    days = [incident.day for incident in together(reads)]
    assert days == sorted(days)
    assert (days[0], days[-1]) == (date(2019, 1, 8), date(2025, 6, 18))


def test_what_happened_to_a_person_is_not_kept(reads: list[Read]) -> None:
    injuries = [incident for incident in together(reads) if incident.kind == "injury"]
    assert len(injuries) == 13
    assert {incident.note for incident in injuries} == {""}
    doc = entities.incident_change(injuries[0], cell_of(injuries[0].lon, injuries[0].lat)).doc
    assert doc is not None
    assert entities.NOTE not in doc["attrs"]


def test_a_row_that_is_in_part_unknown_says_what() -> None:
    assert one().state == "read"
    assert one(time="不明").unknown == ("time",)
    assert one(count="-").unknown == ("count",)
    assert one(count="体長1ｍ程度", time="朝").unknown == ("time", "count")
    assert one(count="体長1ｍ程度", time="朝").faults == ("time-not-read", "count-in-words")
    assert one(kind="痕跡", time="", count="").state == "read"


@pytest.mark.parametrize(
    ("text", "low", "high"), [("1頭", 1, 1), ("成獣１頭", 1, 1), ("2〜3頭", 2, 3), ("不明(1か2)", 1, 2), ("4", 4, 4)]
)
def test_counts_are_read_with_their_doubt(text: str, low: int, high: int) -> None:
    found = one(count=text).incident
    assert found is not None
    assert found.count == Count(low, high)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"day": ""}, "no day"),
        ({"kind": "1"}, "no kind of incident"),
        ({"lat": "", "lon": "", "WKT": ""}, "no place"),
        ({"lat": "35.0", "lon": "139.0", "WKT": ""}, "outside the prefecture"),
        ({"lat": "nan", "lon": "nan", "WKT": ""}, "no place"),
    ],
)
def test_a_row_is_refused_with_its_reason(changed: dict[str, str], reason: str) -> None:
    row = one(**changed)
    assert row.state == "refused"
    assert reason in row.reason


def test_faults_that_can_be_read_over_are_said() -> None:
    assert one(lat="", lon="").faults == ("place-from-wkt",)
    assert one(lat="36.5").faults == ("places-differ",)
    assert one(year="R5").faults == ("year-differs",)
    assert one(more=",too,many").faults == ("more-cells",)


@settings(max_examples=40)
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=14), max_size=6))
def test_no_row_is_lost_whatever_it_holds(rows: list[list[str]]) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""').replace("\0", "") + '"'

    lines = [",".join(quoted(cell) for cell in cells) for cells in rows if cells]
    read = read_incidents("\r\n".join([HEAD, *lines]), "test")
    assert len(read.rows) == len(lines)
    assert sum(read.states().values()) == len(lines)
    assert all(row.incident is not None or row.reason for row in read.rows)
