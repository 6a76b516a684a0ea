"""q and geo-queries asked of the instances in a span of time (clauses 5.7.4.4, 4.9 and 4.10), on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client

PAST = "/temporal/entities"
SPAN = {"timerel": "between", "timeAt": "2026-03-01T00:00:00Z", "endTimeAt": "2026-03-02T00:00:00Z"}
INSIDE = ("2026-03-01T10:00:00Z", "2026-03-01T20:00:00Z")
OUTSIDE = ("2026-02-01T10:00:00Z", "2026-04-01T10:00:00Z")


def one(value: Any, at: str, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at, **more}


def place(longitude: float, latitude: float, at: str) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}, "observedAt": at}


def gauge(number: int, **attrs: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", **attrs}


def entities() -> list[dict[str, Any]]:
    early, late = INSIDE
    before, after = OUTSIDE
    return [
        gauge(
            1,
            level=[one(5, early), one(30, late), one(99, before), one(99, after)],
            state=[one("open", early), one("shut", before)],
            owner=[{"type": "Relationship", "object": "urn:p:1", "observedAt": early}],
            location=[place(136.2, 36.06, early), place(10, 40, before)],
        ),
        gauge(
            2,
            level=[one(10, early, quality={"type": "Property", "value": 9}), one(1, after)],
            state=[one("shut", early), one("open", after)],
            owner=[
                {"type": "Relationship", "object": "urn:p:2", "observedAt": early},
                {"type": "Relationship", "object": "urn:p:1", "observedAt": after},
            ],
            location=[place(137.5, 36.06, early), place(136.2, 36.06, after)],
        ),
        gauge(
            3,
            level=[one("text", early)],
            state=[one(["open", "locked"], early)],
            name=[{"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}, "observedAt": early}],
            seen=[one({"@type": "DateTime", "@value": "2026-02-02T00:00:00Z"}, early)],
        ),
        gauge(
            4,
            rain=[one({"day": {"sum": 7}}, early)],
            flag=[one(True, early)],
            when=[{**place(136.2, 36.06, early)}],
        ),
        gauge(5, level=[one(50, before)], state=[one("open", after)], location=[place(136.2, 36.06, before)]),
    ]


@pytest.fixture
async def river(any_client: Client) -> Client:
    for body in entities():
        assert (await any_client("POST", PAST, body)).status == 201
    return any_client


async def found(client: Client, **query: str) -> str:
    answer = await client("GET", PAST, query={"type": "Gauge", **SPAN, **query})
    assert answer.status == 200, (query, answer.body)
    return "".join(each["id"][-1] for each in answer.json)


QUERIES: list[Any] = [
    # Any instance in the span will do, and none outside of it.
    ("level==5", "1"),
    ("level==30", "1"),
    ("level==99", ""),
    ("level==50", ""),
    ("level==1", ""),
    # Operators of clause 4.9.
    # Unequal: no instance in the span is equal.
    ("level!=10", "13"),
    ("level!=30", "23"),
    ("level>10", "1"),
    ("level>=10", "12"),
    ("level<10", "1"),
    ("level<=10", "12"),
    ("level==7..12", "2"),
    ("level!=7..40", "3"),
    ("level==10,30", "12"),
    ("level!=5,30", "23"),
    # Another kind of value: never equal, and so unequal.
    ('level=="10"', ""),
    ('level=="text"', "3"),
    ("state==3", ""),
    # Texts, patterns, and a text in an array.
    ('state=="open"', "13"),
    ('state!="open"', "2"),
    ('state=="open","shut"', "123"),
    ('state>"p"', "2"),
    ("state~=^op", "13"),
    ("state~=^sh", "2"),
    ("state!~=^op", "2"),
    ("level~=^1", ""),
    # Relationships are equal or not, and in no other relation.
    ('owner=="urn:p:1"', "1"),
    ('owner!="urn:p:1"', "2"),
    ('owner>"urn:p:0"', ""),
    ("owner~=urn", ""),
    # Existence, in the span.
    ("level", "123"),
    ("rain", "4"),
    ("!level", "4"),
    ("location", "12"),
    # Paths: sub-attributes, members of instances, keys of values, languages.
    ("level.quality", "2"),
    ("level.quality==9", "2"),
    ("level.quality>9", ""),
    ("level.observedAt>2026-03-01T15:00:00Z", "1"),
    ("rain[day.sum]==7", "4"),
    ("rain[day.sum]>7", ""),
    ("rain[day]", "4"),
    ('name=="川"', "3"),
    ('name[en]=="river"', "3"),
    ('name[en]=="川"', ""),
    ('name[*]=="river"', "3"),
    ("flag==true", "4"),
    ("flag==false", ""),
    ("seen==2026-02-02T00:00:00Z", "3"),
    ("seen<2026-02-03T00:00:00Z", "3"),
    ("seen>2026-02-03T00:00:00Z", ""),
    # And, or, brackets.
    ('level==5;state=="open"', "1"),
    ('level==10;state=="open"', ""),
    ("level==10|level==30", "12"),
    ("level==10|rain|flag", "24"),
    ('(level==10|level==30);state=="open"', "1"),
    ('level==10|(level==30;state=="shut")', "2"),
    ("level;!owner", "3"),
]


async def test_q_is_asked_of_every_instance_in_the_span(river: Client) -> None:
    assert {q: await found(river, q=q) for q, _ in QUERIES} == dict(QUERIES)


NEAR = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[136.2,36.06]"}
AREA = "[[[136,36],[137,36],[137,37],[136,37],[136,36]]]"
PLACES: list[Any] = [
    (NEAR, "1"),
    ({**NEAR, "georel": "near;minDistance==1000"}, "2"),
    ({**NEAR, "geoproperty": "when"}, "4"),
    ({**NEAR, "geoproperty": "level"}, ""),
    ({"georel": "within", "geometry": "Polygon", "coordinates": AREA}, "1"),
    ({"georel": "disjoint", "geometry": "Polygon", "coordinates": AREA}, "2"),
    ({"georel": "intersects", "geometry": "Polygon", "coordinates": AREA}, "1"),
    ({"georel": "equals", "geometry": "Point", "coordinates": "[137.5,36.06]"}, "2"),
    ({"georel": "equals", "geometry": "Point", "coordinates": "[10,40]"}, ""),
    ({**NEAR, "q": "level==10"}, ""),
    ({**NEAR, "q": "level==5"}, "1"),
]


async def test_places_are_those_in_the_span(river: Client) -> None:
    for query, numbers in PLACES:
        assert await found(river, **query) == numbers, query


async def test_only_instances_in_the_span_are_given_whatever_q_says(river: Client) -> None:
    answer = await river("GET", PAST, query={"type": "Gauge", **SPAN, "q": "level==5"})
    assert [each["value"] for each in answer.json[0]["level"]] == [5, 30]
    assert "state" in answer.json[0]


async def test_another_time_property_is_another_span(river: Client) -> None:
    """By when they were written all are in the span; the values that were outside count too."""
    always = {"timerel": "after", "timeAt": "1970-01-01T00:00:00Z", "timeproperty": "modifiedAt"}
    for q, numbers in (("level==99", "1"), ("level==50", "5"), ("level==1", "2"), ('owner=="urn:p:1"', "12")):
        answer = await river("GET", PAST, query={"type": "Gauge", **always, "q": q})
        assert "".join(each["id"][-1] for each in answer.json) == numbers, q


WRONG: list[Any] = [
    {"q": "level>>1"},
    {"q": "level=="},
    {"q": "level==1;"},
    {"q": "(level==1"},
    {"q": "level~=(["},
    {"q": "owner{name}==1"},
    {"georel": "near;maxDistance==far", "geometry": "Point", "coordinates": "[1,2]"},
    {"georel": "beside", "geometry": "Point", "coordinates": "[1,2]"},
    {"georel": "near;maxDistance==1", "geometry": "Point"},
    {"georel": "near;maxDistance==1", "geometry": "Circle", "coordinates": "[1,2]"},
    {"georel": "within", "geometry": "Polygon", "coordinates": "[1,2]"},
    {"georel": "within", "geometry": "Polygon", "coordinates": "no json"},
    {"geoproperty": "location"},
    {"scopeQ": "no scope"},
    {"csf": "a=="},
    {"idPattern": "(["},
    {"id": "no uri"},
    {"id": "urn:a:1,no uri"},
    {"splitEntities": "maybe"},
]


async def test_what_cannot_be_read_is_refused(client: Client) -> None:
    await client("POST", PAST, entities()[0])
    for query in WRONG:
        answer = await client("GET", PAST, query={"type": "Gauge", **SPAN, **query})
        assert answer.kind == "BadRequestData", (query, answer.body)
