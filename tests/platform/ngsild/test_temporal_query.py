"""Entities found by what they were in a span of time (clause 5.7.4), on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import TOWN_CONTEXT, Client, gauge, place

PAST = "/temporal/entities"
QUERY = "/temporal/entityOperations/query"
DAY = "timerel=between&timeAt=2026-03-01T00:00:00Z&endTimeAt=2026-03-02T00:00:00Z"
ALWAYS = "timerel=after&timeAt=1970-01-01T00:00:00Z&timeproperty=modifiedAt"


def one(value: Any, hour: int, day: str = "2026-03-01", **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"{day}T{hour:02}:00:00Z", **more}


def past(number: int, **attrs: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", **attrs}


async def found(client: Client, query: str, span: str = DAY) -> str:
    """The last digits of the ids that are found, in their order."""
    answer = await client("GET", PAST, query=f"type=Gauge&{span}&{query}")
    assert answer.status == 200, answer.body
    return "".join(each["id"][-1] for each in answer.json)


@pytest.fixture
async def river(any_client: Client) -> Client:
    series = [
        past(1, level=[one(30, 12), one(90, 0, "2026-01-05")], rain=[one(45, 12)]),
        past(2, level=[one(10, 12), one(80, 0, "2026-01-05")], rain=[one(170, 12)]),
        past(3, level=[one(99, 0, "2026-01-05")]),
        past(4, level=[one(5, 12), one(60, 13, datasetId="urn:d:1")]),
    ]
    for body in series:
        assert (await any_client("POST", PAST, body)).status == 201
    return any_client


VALUES: list[Any] = [
    ("q=level>25", "14"),
    ("q=level>50", "4"),
    ("q=level>85", ""),
    ("q=level>=5;rain<90", "1"),
    ("q=level>25|rain>100", "124"),
    ("q=level!=10", "14"),
    ("q=level==10..40", "12"),
    ("q=!rain", "4"),
    ("q=!rain;level>50", "4"),
    ("q=!level", ""),
    ("q=level.observedAt>2026-03-01T12:30:00Z", "4"),
    ("q=level.datasetId", "4"),
    ("q=createdAt>2020-01-01T00:00:00Z", "124"),
    ("q=createdAt>2999-01-01T00:00:00Z", ""),
    ("q=expiresAt>2020-01-01T00:00:00Z", ""),
    ("attrs=rain", "12"),
    ("attrs=level&datasetId=urn:d:1", "4"),
    ("attrs=rain&datasetId=urn:d:1", ""),
    ("datasetId=@none", "124"),
    ("orderBy=id", "124"),
    ("orderBy=id;asc", "124"),
    ("orderBy=id;desc", "421"),
    ("orderBy=id;desc&limit=2", "42"),
    ("orderBy=id;desc&limit=2&offset=1", "21"),
    ("csf=level>1", "124"),
    ("id=urn:ngsi-ld:Gauge:2,urn:ngsi-ld:Gauge:3", "2"),
]


async def test_q_is_asked_of_the_instances_in_the_window(river: Client) -> None:
    for query, numbers in VALUES:
        assert await found(river, query) == numbers, query


async def test_only_the_window_is_given(river: Client) -> None:
    answer = await river("GET", PAST, query=f"type=Gauge&{DAY}&q=level>25")
    assert [each["value"] for each in answer.json[0]["level"]] == [30]


REFUSED: list[Any] = [
    ("type=Gauge", "BadRequestData"),
    ("type=Gauge&lastN=3", "BadRequestData"),
    (DAY, "BadRequestData"),
    (f"{DAY}&attrs=createdAt", "BadRequestData"),
    (f"type=Gauge&{DAY}&orderBy=name", "BadRequestData"),
    (f"type=Gauge&{DAY}&orderBy=id,name", "BadRequestData"),
    (f"type=Gauge&{DAY}&orderBy=id;up", "BadRequestData"),
    (f"type=Gauge&{DAY}&csf=))bad((", "BadRequestData"),
    (f"type=Gauge&{DAY}&q=owner{{name}}==1", "BadRequestData"),
    (f"type=Gauge&{DAY}&q=!", "BadRequestData"),
    (f"type=Gauge&{DAY}&after=MTox", "BadRequestData"),
    (f"type=Gauge&{DAY}&format=aggregatedValues", "BadRequestData"),
    (f"type=Gauge&{DAY}&aggrMethods=median", "BadRequestData"),
    (f"type=Gauge&{DAY}&aggrMethods=avg&aggrPeriodDuration=1h", "BadRequestData"),
    (f"type=Gauge&{DAY}&options=temporalValues,aggregatedValues&aggrMethods=avg", "InvalidRequest"),
    (f"type=Gauge&{DAY}&attrs=name&aggrMethods=avg", "InvalidRequest"),
    (f"type=Gauge&{DAY}&colour=red", "InvalidRequest"),
]


async def test_what_is_refused(any_client: Client) -> None:
    await any_client("POST", PAST, past(1, name=[one("a", 1)]))
    for query, kind in REFUSED:
        assert (await any_client("GET", PAST, query=query)).kind == kind, query


async def test_places_are_those_of_the_window(any_client: Client) -> None:
    here, there = place(136.2, 36.06), place(10.0, 40.0)
    inside, outside = {"observedAt": "2026-03-01T12:00:00Z"}, {"observedAt": "2026-01-05T00:00:00Z"}
    await any_client("POST", PAST, past(1, location=[{**here, **inside}]))
    await any_client("POST", PAST, past(2, location=[{**there, **inside}, {**here, **outside}]))
    await any_client("POST", PAST, past(3, location=[{"type": "GeoProperty", "value": "urn:ngsi-ld:null", **inside}]))
    near = "georel=near;maxDistance==1000&geometry=Point&coordinates=[136.2,36.06]"
    area = "georel=within&geometry=Polygon&coordinates=[[[136,36],[137,36],[137,37],[136,37],[136,36]]]"
    for query in (near, area):
        assert await found(any_client, query) == "1", query
    assert await found(any_client, near.replace("maxDistance==1000", "minDistance==1000")) == "2"


async def test_scopes_hold_from_when_they_are_set(any_client: Client) -> None:
    def scope(value: Any, hour: int, day: str = "2026-03-01") -> dict[str, Any]:
        return one(value, hour, day)

    bodies = [
        past(1, scope=[scope("/a/b", 10, "2026-02-01")], level=[one(1, 12)]),
        past(2, scope=[scope(["/a/b", "/c"], 10, "2026-02-01")], level=[one(2, 12)]),
        past(3, level=[one(3, 12)]),
        past(4, scope=[scope("/m", 10)], level=[one(4, 9), one(5, 11)]),
        past(5, scope=[scope("/r", 10, "2026-02-01"), scope("/s", 12)], level=[one(6, 11), one(7, 13)]),
        past(6, scope=[scope("/z", 1, "2026-03-05")], level=[one(8, 12)]),
    ]
    for body in bodies:
        assert (await any_client("POST", PAST, body)).status == 201
    for query, numbers in (
        ("/a/b", "12"),
        ("/a/%23", "12"),
        ("(/a/b;/c)", "2"),
        ("/m,/y", "4"),
        ("/z", ""),
        ("/%23", "1245"),
    ):
        assert await found(any_client, f"scopeQ={query}") == numbers, query
    for query, values in (("/m", [5]), ("/r", [6]), ("/s", [7])):
        answer = await any_client("GET", PAST, query=f"type=Gauge&{DAY}&scopeQ={query}")
        assert [each["value"] for each in answer.json[0]["level"]] == values, query
    shown = (await any_client("GET", PAST, query=f"type=Gauge&{DAY}&scopeQ=/a/b")).json[0]["scope"]
    assert [(each["type"], each["value"], each["observedAt"]) for each in shown] == [
        ("Property", "/a/b", "2026-02-01T10:00:00Z")
    ]
    both = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:5", query="options=temporalValues")).json["scope"]
    assert [value for value, _ in both["values"]] == ["/r", "/s"]
    for wrong in ({"value": "/a", "unitCode": "X"}, {"type": "Relationship", "value": "/a"}, {"value": "a b"}, {}):
        assert (await any_client("POST", PAST, past(9, scope=[wrong]))).kind == "BadRequestData", wrong


async def test_a_scope_that_was_changed_is_an_instance(any_client: Client, fake_clock: FakeClock) -> None:
    await any_client("POST", "/entities", gauge(1, scope="/old"))
    fake_clock.advance(10)
    assert (await any_client("PATCH", "/entities/urn:ngsi-ld:Gauge:1", {"scope": ["/new", "/more"]})).status == 204
    series = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query="options=sysAttrs")).json["scope"]
    assert [each["value"] for each in series] == ["/old", ["/new", "/more"]]
    assert all(each["observedAt"] == each["modifiedAt"] for each in series)
    fake_clock.advance(10)
    assert (await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:1")).status == 204
    gone = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query="timeproperty=deletedAt")).json["scope"]
    assert [each["value"] for each in gone] == [[]]
    assert gone[0]["deletedAt"] > series[1]["observedAt"]
    query = "timeproperty=deletedAt&options=temporalValues"
    told = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query=query)).json["scope"]
    assert told == {"type": "Property", "values": [[[], gone[0]["deletedAt"]]]}


async def test_what_was_deleted(any_client: Client, fake_clock: FakeClock) -> None:
    body = gauge(
        1,
        owner={"type": "Relationship", "object": "urn:p:1"},
        name={"type": "LanguageProperty", "languageMap": {"ja": "川"}},
        rain={"type": "Property", "value": 1, "datasetId": "urn:d:1"},
    )
    await any_client("POST", "/entities", body)
    path = "/entities/urn:ngsi-ld:Gauge:1/attrs"
    for name, query in (("owner", ""), ("name", ""), ("rain", "datasetId=urn:d:1")):
        fake_clock.advance(1)
        assert (await any_client("DELETE", f"{path}/{name}", query=query)).status == 204
    gone = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query="timeproperty=deletedAt")).json
    assert set(gone) == {"id", "type", "owner", "name", "rain"}
    assert gone["owner"][0]["object"] == "urn:ngsi-ld:null"
    assert gone["name"][0]["languageMap"] == {"@none": "urn:ngsi-ld:null"}
    assert (gone["rain"][0]["value"], gone["rain"][0]["datasetId"]) == ("urn:ngsi-ld:null", "urn:d:1")
    moment = gone["name"][0]["deletedAt"]
    query = f"timeproperty=deletedAt&timerel=before&timeAt={moment}&format=temporalValues"
    early = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query=query)).json
    assert early["owner"]["objects"] == [["urn:ngsi-ld:null", gone["owner"][0]["deletedAt"]]]
    assert "name" not in early
    assert "owner" in (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1")).json


async def test_deleted_entities_are_found(any_client: Client) -> None:
    for number in (1, 2):
        await any_client("POST", "/entities", gauge(number))
    await any_client("DELETE", "/entities/urn:ngsi-ld:Gauge:1")
    assert await found(any_client, "", ALWAYS) == "12"
    assert await found(any_client, "q=level==1.5", ALWAYS) == "12"
    assert await found(any_client, "limit=1", ALWAYS) == "1"
    answer = await any_client("GET", PAST, query=f"type=Gauge&{ALWAYS}&options=sysAttrs")
    assert ["deletedAt" in each for each in answer.json] == [True, False]
    gone = ALWAYS.replace("modifiedAt", "deletedAt")
    assert await found(any_client, "", gone) == "1"
    await any_client("POST", "/entities", gauge(1))
    assert await found(any_client, "count=true", ALWAYS) == "12"


async def test_times_other_than_observed(any_client: Client, fake_clock: FakeClock) -> None:
    body = gauge(1, name={"type": "Property", "value": "a"})
    await any_client("POST", "/entities", body)
    fake_clock.advance(3600)
    await any_client("PATCH", "/entities/urn:ngsi-ld:Gauge:1/attrs/name", {"value": "b"})
    full = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query="options=sysAttrs")).json["name"]
    later = full[1]["modifiedAt"]

    async def names(query: str) -> list[Any]:
        answer = await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1", query=query)
        return [each["value"] for each in answer.json.get("name", [])]

    assert await names(f"timerel=after&timeAt={later}&timeproperty=modifiedAt") == ["b"]
    assert await names(f"timerel=before&timeAt={later}&timeproperty=modifiedAt") == ["a"]
    assert await names(f"timerel=before&timeAt={later}&timeproperty=createdAt") == ["a", "b"]
    assert await names("timerel=after&timeAt=1970-01-01T00:00:00Z") == []


async def test_values_that_are_names_are_expanded(any_client: Client) -> None:
    shop = {"type": "VocabProperty", "vocab": "commercial", "observedAt": "2026-03-01T12:00:00Z"}
    await any_client("POST", PAST, past(1, category=[shop]))
    assert await found(any_client, "q=category==commercial") == ""
    assert await found(any_client, "q=category==commercial&expandValues=category") == "1"
    assert await found(any_client, "q=(name|category==commercial)&expandValues=category") == "1"
    assert await found(any_client, "q=category==commercial&expandValues=category&jsonKeys=category") == ""
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "q": "category==commercial", "expandValues": "category"}
    span = {"timerel": "after", "timeAt": "2026-03-01T00:00:00Z"}
    assert len((await any_client("POST", QUERY, {**body, "temporalQ": span})).json) == 1


async def test_a_query_in_a_body(river: Client) -> None:
    span = {"timerel": "between", "timeAt": "2026-03-01T00:00:00Z", "endTimeAt": "2026-03-02T00:00:00Z"}
    base = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": span}
    answer = await river("POST", QUERY, {**base, "q": "!rain", "ordering": {"orderBy": ["id;desc"]}, "csf": "a==1"})
    assert [each["id"][-1] for each in answer.json] == ["4"]
    figures = {"aggrMethods": ["max", "totalCount"], "aggrPeriodDuration": "PT1H"}
    for body in ({"aggrParams": figures}, {"temporalQ": {**span, **figures}}):
        answer = await river("POST", QUERY, {**base, **body})
        assert answer.status == 200, answer.body
        assert answer.json[0]["rain"] == {
            "type": "Property",
            "max": [[45.0, "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"]],
            "totalCount": [[1, "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"]],
        }
    refused: list[dict[str, Any]] = [
        {"temporalQ": {}},
        {"temporalQ": 3},
        {"aggrParams": {"aggrMethods": ["median"]}},
        {"aggrParams": {"aggrMethods": 3}},
        {"aggrParams": {"aggrMethods": ["avg"], "period": "P1D"}},
        {"aggrParams": figures, "temporalQ": {**span, **figures}},
        {"csf": "))"},
        {"csf": 3},
        {"ordering": {"orderBy": ["name"]}},
    ]
    for wrong in refused:
        assert (await river("POST", QUERY, {**base, **wrong})).kind == "BadRequestData", wrong
    now = await river("POST", "/entityOperations/query", {**base, "temporalQ": span})
    assert now.kind == "BadRequestData"
    without = {name: value for name, value in base.items() if name != "temporalQ"}
    assert (await river("POST", QUERY, without)).kind == "BadRequestData"
    assert (await river("POST", "/entityOperations/query", {**without, "aggrParams": figures})).kind == "BadRequestData"


async def test_aggregated_forms(river: Client) -> None:
    path, query = f"{PAST}/urn:ngsi-ld:Gauge:4", f"{DAY}&aggrMethods=sum,avg&aggrPeriodDuration=P1D"
    for form in ("format=aggregatedValues", "options=aggregatedValues", ""):
        answer = (await river("GET", path, query=f"{query}&{form}")).json
        day = ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]
        assert answer["level"] == [
            {"type": "Property", "sum": [[5.0, *day]], "avg": [[5.0, *day]]},
            {"type": "Property", "datasetId": "urn:d:1", "sum": [[60.0, *day]], "avg": [[60.0, *day]]},
        ], form
    values = (await river("GET", path, query=f"{query}&format=temporalValues&options=aggregatedValues")).json
    assert values["level"][0]["values"] == [[5, "2026-03-01T12:00:00Z"]]
    picked = (await river("GET", path, query=f"{query}&pick=id")).json
    assert picked == {"id": "urn:ngsi-ld:Gauge:4"}


async def test_the_same_moment_is_corrected_and_repeated_once(any_client: Client) -> None:
    await any_client("POST", PAST, past(1, level=[one(1, 1), one(2, 2)]))
    await any_client("POST", PAST, past(1, level=[one(7, 1), one(2, 2), one(3, 3)]))
    series = (await any_client("GET", f"{PAST}/urn:ngsi-ld:Gauge:1")).json["level"]
    assert [each["value"] for each in series] == [7, 2, 3]


async def test_context_is_kept(any_client: Client) -> None:
    body = {**past(1, level=[one(1, 1)]), **TOWN_CONTEXT}
    await any_client("POST", PAST, body, media="application/ld+json")
    assert await found(any_client, "") == ""
