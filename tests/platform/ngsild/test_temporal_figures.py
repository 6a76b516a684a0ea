"""Figures of periods in the place of instances (clause 4.5.19), as they are asked for and given over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LINK, TOWN_CONTEXT, Client

PAST = "/temporal/entities"
QUERY = "/temporal/entityOperations/query"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
DAY = {"timerel": "between", "timeAt": "2026-03-01T00:00:00Z", "endTimeAt": "2026-03-02T00:00:00Z"}
ALL = "totalCount,distinctCount,sum,avg,min,max,stddev,sumsq"


def at(hour: int, minute: int = 0) -> str:
    return f"2026-03-01T{hour:02}:{minute:02}:00Z"


def one(value: Any, hour: int, minute: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at(hour, minute), **more}


def series(*values: Any) -> list[dict[str, Any]]:
    return [one(value, hour) for hour, value in enumerate(values, start=1)]


def typed(name: str, *values: str) -> list[dict[str, Any]]:
    return series(*({"@type": name, "@value": value} for value in values))


EVOLUTION: dict[str, Any] = {
    "level": series(2, 4, 4, 6),
    "name": series("b", "a", "b"),
    "flag": series(True, False, True, True),
    "list": series([1, 2], [3], [1, 2]),
    "state": series({"a": 1}, {"a": 2}, {"a": 1}),
    "seen": typed("DateTime", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
    "built": typed("Date", "2026-01-02", "2026-01-01"),
    "opens": typed("Time", "08:00:00Z", "09:00:00Z"),
    "link": typed("URI", "urn:a:1", "urn:a:2"),
    "owner": [{"type": "Relationship", "object": f"urn:p:{hour % 2}", "observedAt": at(hour)} for hour in (1, 2, 3)],
    "place": [
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [hour, 36]}, "observedAt": at(hour)}
        for hour in (1, 2)
    ],
    "use": [{"type": "VocabProperty", "vocab": "flood", "observedAt": at(hour)} for hour in (1, 2)],
    "title": [{"type": "LanguageProperty", "languageMap": {"ja": "川"}, "observedAt": at(hour)} for hour in (1, 2)],
    "note": [{"type": "JsonProperty", "json": {"n": hour}, "observedAt": at(hour)} for hour in (1, 2)],
}


@pytest.fixture
async def river(client: Client) -> Client:
    assert (await client("POST", PAST, {"id": NAME, "type": "Gauge", **EVOLUTION})).status == 201
    return client


async def figures(client: Client, **query: Any) -> Any:
    """What both the retrieval and the query give, which is the same."""
    asked = {**DAY, "format": "aggregatedValues", **query}
    alone = await client("GET", ONE, query=asked)
    assert alone.status == 200, (query, alone.body)
    among = await client("GET", PAST, query={"type": "Gauge", **asked})
    assert among.json == [alone.json], query
    return alone.json


# Which figures each kind of value has (tables of clause 4.5.19.1).
NUMBERS = {"totalCount": 4, "distinctCount": 3, "sum": 16, "avg": 4, "min": 2, "max": 6, "stddev": 2**0.5, "sumsq": 72}
FLAGS = {
    "totalCount": 4,
    "distinctCount": 2,
    "sum": 3,
    "avg": 0.75,
    "min": 0,
    "max": 1,
    "stddev": 0.1875**0.5,
    "sumsq": 3,
}
OF_KIND: dict[str, tuple[str, dict[str, Any]]] = {
    "level": ("Property", NUMBERS),
    "flag": ("Property", FLAGS),
    "name": ("Property", {"totalCount": 3, "distinctCount": 2, "min": "a", "max": "b"}),
    "list": ("Property", {"totalCount": 3, "distinctCount": 2, "sum": 5, "avg": 5 / 3, "min": 1, "max": 2}),
    "state": ("Property", {"totalCount": 3, "distinctCount": 2}),
    "seen": (
        "Property",
        {"totalCount": 2, "distinctCount": 2, "min": "2026-01-01T00:00:00Z", "max": "2026-01-02T00:00:00Z"},
    ),
    "built": ("Property", {"totalCount": 2, "distinctCount": 2, "min": "2026-01-01", "max": "2026-01-02"}),
    "opens": (
        "Property",
        {"totalCount": 2, "distinctCount": 2, "min": "08:00:00Z", "max": "09:00:00Z", "avg": "08:30:00.000Z"},
    ),
    "link": ("Property", {"totalCount": 2, "distinctCount": 2}),
    "owner": ("Relationship", {"totalCount": 3, "distinctCount": 2}),
    "place": ("GeoProperty", {"totalCount": 2, "distinctCount": 2}),
    "use": ("VocabProperty", {"totalCount": 2, "distinctCount": 1}),
    "title": ("LanguageProperty", {"totalCount": 2, "distinctCount": 1}),
    "note": ("JsonProperty", {"totalCount": 2, "distinctCount": 2}),
}


async def test_each_kind_of_value_has_its_figures_and_no_others(river: Client) -> None:
    found = await figures(river, aggrMethods=ALL)
    assert set(found) == {"id", "type", *OF_KIND}
    for name, (kind, expected) in OF_KIND.items():
        assert found[name]["type"] == kind
        given = {method: found[name][method] for method in ALL.split(",")}
        assert {method for method, many in given.items() if many} == set(expected), name
        for method, value in expected.items():
            assert given[method][0][0] == (pytest.approx(value) if isinstance(value, float) else value), (name, method)
            assert given[method][0][1:] == [DAY["timeAt"], DAY["endTimeAt"]], (name, method)


PERIODS: list[Any] = [
    ("PT0S", {}, [[16, at(0), DAY["endTimeAt"]]]),
    ("", {}, [[16, at(0), DAY["endTimeAt"]]]),
    ("P1D", {}, [[16, at(0), DAY["endTimeAt"]]]),
    ("PT2H", {}, [[2, at(0), at(2)], [8, at(2), at(4)], [6, at(4), at(6)]]),
    ("PT90M", {}, [[2, at(0), at(1, 30)], [4, at(1, 30), at(3)], [10, at(3), at(4, 30)]]),
    ("PT1H30M", {"lastN": "2"}, [[4, at(1, 30), at(3)], [10, at(3), at(4, 30)]]),
    ("P1W", {}, [[16, at(0), "2026-03-08T00:00:00Z"]]),
    ("P1M", {}, [[16, at(0), "2026-04-01T00:00:00Z"]]),
    ("P1Y", {}, [[16, at(0), "2027-03-01T00:00:00Z"]]),
    # Time ends with the year 9999, however long a period is.
    ("P10000Y", {}, [[16, at(0), "9999-12-31T23:59:59.999999Z"]]),
    ("P999999999W", {}, [[16, at(0), "9999-12-31T23:59:59.999999Z"]]),
    ("P1M999999999D", {}, [[16, at(0), "9999-12-31T23:59:59.999999Z"]]),
    # Periods begin with the span: also where that is in the middle of an hour.
    ("PT2H", {"timerel": "after", "timeAt": at(1, 30)}, [[8, at(1, 30), at(3, 30)], [6, at(3, 30), at(5, 30)]]),
    # Without a beginning, with the first instance.
    ("PT2H", {"timerel": "before", "timeAt": at(4)}, [[6, at(1), at(3)], [4, at(3), at(5)]]),
    ("PT0S", {"timerel": "before", "timeAt": at(4)}, [[10, at(1), at(4)]]),
]


async def test_periods_are_as_long_as_they_are_asked_for(river: Client) -> None:
    for period, more, expected in PERIODS:
        span = more if "timerel" in more else {**DAY, **more}
        query = {**span, "aggrMethods": "sum", "pick": "level", "aggrPeriodDuration": period}
        for form in ("format", "options"):
            found = await river("GET", ONE, query={**query, form: "aggregatedValues"})
            assert found.status == 200, found.body
            assert found.json["level"]["sum"] == expected, (period, more)


async def test_only_instances_in_the_span_count(river: Client) -> None:
    span = {"timeAt": at(2), "endTimeAt": at(4)}
    found = await figures(river, aggrMethods="sum,totalCount", attrs="level", **span)
    assert found["level"] == {"type": "Property", "sum": [[8, at(2), at(4)]], "totalCount": [[2, at(2), at(4)]]}
    none = await river("GET", ONE, query={**DAY, "timeAt": at(9), "aggrMethods": "sum", "attrs": "level"})
    assert (none.status, set(none.json)) == (200, {"id", "type"})


async def test_each_dataset_has_figures_of_its_own(river: Client) -> None:
    await river("POST", f"{ONE}/attrs", {"level": [one(100, 1, datasetId="urn:d:1"), one(200, 2, datasetId="urn:d:1")]})
    found = (await figures(river, aggrMethods="max", pick="level"))["level"]
    assert [(each.get("datasetId"), each["max"][0][0]) for each in found] == [(None, 6), ("urn:d:1", 200)]
    only = (await figures(river, aggrMethods="max", pick="level", datasetId="urn:d:1"))["level"]
    assert (only["datasetId"], only["max"][0][0]) == ("urn:d:1", 200)


async def test_the_form_is_asked_for_by_format_options_or_the_methods_alone(river: Client) -> None:
    plain = {**DAY, "aggrMethods": "sum", "pick": "level"}
    expected = await river("GET", ONE, query={**plain, "format": "aggregatedValues"})
    assert set(expected.json["level"]) == {"type", "sum"}
    for more in ({"options": "aggregatedValues"}, {}, {"format": "aggregatedValues", "options": "temporalValues"}):
        assert (await river("GET", ONE, query={**plain, **more})).json == expected.json, more
    for more in ({"format": "temporalValues"}, {"format": "normalized", "options": "aggregatedValues"}):
        found = (await river("GET", ONE, query={**plain, **more})).json["level"]
        assert "sum" not in found, more


async def test_methods_to_which_nothing_answers(river: Client) -> None:
    """Empty beside methods that apply; without any, refused where the attribute was asked for, else left out."""
    found = await figures(river, aggrMethods="avg,max", pick="name")
    assert found["name"] == {"type": "Property", "avg": [], "max": [["b", at(0), DAY["endTimeAt"]]]}
    query = {**DAY, "aggrMethods": "avg"}
    for more in ({"attrs": "name"}, {"pick": "name"}, {"attrs": "level,name"}):
        assert (await river("GET", ONE, query={**query, **more})).kind == "InvalidRequest", more
        among = {"type": "Gauge", **query, **more}
        assert (await river("GET", PAST, query=among)).kind == "InvalidRequest", more
    rest = (await river("GET", ONE, query=query)).json
    assert set(rest) == {"id", "type", "level", "flag", "list", "opens"}


REFUSED: list[Any] = [
    ({"format": "aggregatedValues"}, "BadRequestData"),
    ({"options": "aggregatedValues"}, "BadRequestData"),
    ({"aggrMethods": "median"}, "BadRequestData"),
    ({"aggrMethods": "sum,median"}, "BadRequestData"),
    ({"aggrMethods": "sum", "aggrPeriodDuration": "1h"}, "BadRequestData"),
    ({"aggrMethods": "sum", "aggrPeriodDuration": "P"}, "BadRequestData"),
    ({"aggrMethods": "sum", "aggrPeriodDuration": "-P1D"}, "BadRequestData"),
]


async def test_what_is_refused(river: Client) -> None:
    for query, kind in REFUSED:
        assert (await river("GET", ONE, query={**DAY, **query})).kind == kind, query
        assert (await river("GET", PAST, query={"type": "Gauge", **DAY, **query})).kind == kind, query


async def test_a_query_in_a_body(river: Client) -> None:
    base = {"type": "Query", "entities": [{"type": "Gauge"}], "pick": ["id", "level"]}
    asked = {"aggrMethods": ["sum", "max"], "aggrPeriodDuration": "PT0S"}
    expected = {"type": "Property", "sum": [[16, at(0), DAY["endTimeAt"]]], "max": [[6, at(0), DAY["endTimeAt"]]]}
    for body in ({"temporalQ": DAY, "aggrParams": asked}, {"temporalQ": {**DAY, **asked}}):
        answer = await river("POST", QUERY, {**base, **body}, query="format=aggregatedValues")
        assert [each["level"] for each in answer.json] == [expected], body


async def test_entities_are_found_by_their_instances_and_counted(river: Client) -> None:
    await river("POST", PAST, {"id": "urn:ngsi-ld:Gauge:2", "type": "Gauge", "level": series(50)})
    query = {"type": "Gauge", **DAY, "aggrMethods": "max", "attrs": "level", "count": "true", "limit": 1}
    page = await river("GET", PAST, query=query)
    assert ([each["id"][-1] for each in page.json], page.header("ngsild-results-count")) == (["1"], "2")
    rest = await river("GET", PAST, query={**query, "offset": 1, "q": "level>5"})
    assert [each["level"]["max"][0][0] for each in rest.json] == [50]


async def test_names_are_those_of_the_context(client: Client) -> None:
    body = {"id": NAME, "type": "Gauge", "level": series(1, 2), **TOWN_CONTEXT}
    await client("POST", PAST, body, media="application/ld+json")
    query = {**DAY, "aggrMethods": "sum", "attrs": "level"}
    assert (await client("GET", ONE, query=query, headers={"link": LINK})).json["level"]["sum"][0][0] == 3
    assert (await client("GET", ONE, query=query)).kind == "ResourceNotFound"
