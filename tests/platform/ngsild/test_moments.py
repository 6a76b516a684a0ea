"""A DateTime, Date or Time compares as what it is, on both engines (clauses 4.6.3, 4.9 and 4.23)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from tests.platform.ngsild.calls import LD, Client

CREATE = "/entityOperations/create"


def typed(kind: str, text: str) -> dict[str, str]:
    return {"@type": kind, "@value": text}


WORKS: dict[int, Any] = {
    1: {"begin": {"value": typed("DateTime", "2026-04-01T00:00:00Z")}, "at": {"value": typed("Time", "09:30:00Z")}},
    2: {
        "begin": {"value": typed("DateTime", "2026-04-01T00:00:00.500Z")},
        "at": {"value": typed("Time", "09:30:00.5Z")},
    },
    3: {"begin": {"value": typed("DateTime", "2026-04-01T00:00:00,5Z")}, "at": {"value": typed("Time", "10:00:00")}},
    4: {"begin": {"value": "2026-04-02T00:00:00Z", "valueType": "DateTime"}, "at": {"value": "09:30:00Z"}},
    5: {"begin": {"value": typed("Date", "2026-04-01")}, "plan": {"value": {"end": typed("Date", "2026-05-01")}}},
    6: {"begin": {"value": "2026-04-01T00:00:00.000Z"}},
    7: {"begin": {"value": [typed("DateTime", "2025-01-01T00:00:00Z"), typed("DateTime", "2027-01-01T00:00:00Z")]}},
    8: {"begin": {"type": "ListProperty", "valueList": [typed("Date", "2026-04-01"), 5]}},
}


@pytest.fixture
async def works(any_client: Client) -> Client:
    batch = [{"id": f"urn:w:{number}", "type": "Work", **attrs} for number, attrs in WORKS.items()]
    assert (await any_client("POST", CREATE, batch)).status == 201
    return any_client


COMPARISONS: list[Any] = [
    # Equal instants, whatever their offsets and fractions; 6 is a mere text and compares as one, as the time of 4 does.
    ("begin==2026-04-01T00:00:00Z", "1"),
    ("begin==2026-04-01T09:00:00+09:00", "1"),
    ("begin==2026-04-01T00:00:00.000Z", "16"),
    ('begin=="2026-03-31T19:00:00.000000-05:00"', "1"),
    ("begin==2026-04-01T00:00:00.5Z", "23"),
    ("begin==2026-04-01T09:00:00.500000+09:00", "23"),
    ("begin!=2026-04-01T09:00:00+09:00", "2345678"),
    ("begin>2026-04-01T09:00:00+09:00", "2347"),
    ("begin>=2026-04-01T09:00:00+09:00", "12347"),
    ("begin<2026-04-01T00:00:00.4Z;begin>2026-01-01T00:00:00Z", "167"),
    ("begin==2026-04-01T09:00:00.1+09:00..2026-04-02T09:00:00+09:00", "234"),
    ("begin==2025-01-01T00:00:00Z,2026-04-02T00:00:00.0Z", "47"),
    # A date is no date-time, nor a time, nor a text (clause 4.9: data types that differ do not match).
    ("begin==2026-04-01", "58"),
    ("begin>=2026-04-01", "568"),
    ("begin>2026-03-31T00:00:00Z;begin<2026-04-01", ""),
    ('begin>"2026"', "6"),
    ("begin!=2026-04-01", "123467"),
    ("begin==5", "8"),
    ("at==09:30:00Z", "14"),
    ("at==09:30:00.000Z", "1"),
    ("at>09:30:00.00Z;at<=10:00:00.0Z", "234"),
    ("at==09:30:00.1Z..10:00:00", "234"),
    ("plan[end]==2026-05-01", "5"),
    ("plan[end]>2026-04-30", "5"),
    ("plan[end]>2026-04-30T00:00:00Z", ""),
    ("plan[end]", "5"),
]


@pytest.mark.parametrize("path", ["/entities", "/temporal/entities"])
async def test_moments_compare_as_such(works: Client, path: str) -> None:
    time = "&timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=createdAt" if "temporal" in path else ""
    for q, numbers in COMPARISONS:
        found = await works("GET", path, query=f"type=Work&q={quote(q)}{time}")
        assert found.status == 200, (q, found.body)
        assert "".join(one["id"][-1] for one in found.json) == numbers, q


async def test_names_of_the_types_are_those_of_the_core_context(any_client: Client) -> None:
    begins: list[Any] = ["ngsi-ld:DateTime", "https://uri.etsi.org/ngsi-ld/DateTime", "https://example.org/DateTime"]
    for number, name in enumerate(begins):
        body = {"id": f"urn:w:{number}", "type": "Work", "begin": typed(name, "2026-04-01T00:00:00.00Z")}
        assert (await any_client("POST", "/entities", body)).status == 201
    found = await any_client("GET", "/entities", query="type=Work&q=begin==2026-04-01T00:00:00Z")
    assert [one["id"] for one in found.json] == ["urn:w:0", "urn:w:1"]


async def test_moments_are_ordered_as_such(works: Client) -> None:
    """Clause 4.23.2: texts before arrays before times before dates before date-times."""
    found = await works("GET", "/entities", query="type=Work&orderBy=begin,id")
    assert "".join(one["id"][-1] for one in found.json) == "68751234"
    found = await works("GET", "/entities", query="type=Work&orderBy=at;desc,id&q=at")
    assert "".join(one["id"][-1] for one in found.json) == "3214"


async def test_a_value_that_is_not_of_the_type_it_names_is_refused(any_client: Client) -> None:
    for kind, text in (("DateTime", "2026-04-01"), ("Date", "2026-02-30"), ("Time", "25:00:00Z"), ("DateTime", 5)):
        body = {"id": "urn:w:1", "type": "Work", "begin": {"value": {"@type": kind, "@value": text}}, "@context": []}
        assert (await any_client("POST", "/entities", body, media=LD)).kind == "BadRequestData", (kind, text)
