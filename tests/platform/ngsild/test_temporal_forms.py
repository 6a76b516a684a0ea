"""The forms in which what was is given: normalized, concise and simplified (clauses 4.5.6 to 4.5.9, 6.3.7, 6.3.12)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import Client

PAST = "/temporal/entities"
QUERY = "/temporal/entityOperations/query"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
SPAN = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
POINT = {"type": "Point", "coordinates": [136.2, 36.06]}
T1, T2 = "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"

# Kind, the value's member, two values, the member of the simplified form and how the values stand in it.
KINDS: dict[str, Any] = {
    "level": ("Property", "value", [1.5, {"a": [1]}], "values", [1.5, {"a": [1]}]),
    "owner": ("Relationship", "object", ["urn:p:1", ["urn:p:1", "urn:p:2"]], "objects", None),
    "place": ("GeoProperty", "value", [POINT, {**POINT, "coordinates": [1, 2]}], "values", None),
    "name": (
        "LanguageProperty",
        "languageMap",
        [{"ja": "川"}, {"en": "river"}],
        "languageMaps",
        [{"languageMap": {"ja": "川"}}, {"languageMap": {"en": "river"}}],
    ),
    "use": (
        "VocabProperty",
        "vocab",
        ["flood", ["flood", "drought"]],
        "vocabs",
        [{"vocab": "flood"}, {"vocab": ["flood", "drought"]}],
    ),
    "note": ("JsonProperty", "json", [{"a": None}, [{"b": 1}]], "jsons", [{"json": {"a": None}}, {"json": [{"b": 1}]}]),
    "steps": ("ListProperty", "valueList", [[1, 2], ["x"]], "valueLists", None),
}


def evolution() -> dict[str, Any]:
    series = {
        name: [{"type": kind, member: value, "observedAt": at} for value, at in zip(values, (T1, T2), strict=True)]
        for name, (kind, member, values, _, _) in KINDS.items()
    }
    return {"id": NAME, "type": "Gauge", **series}


@pytest.fixture
async def river(client: Client) -> Client:
    assert (await client("POST", PAST, evolution())).status == 201
    return client


async def given(client: Client, query: str) -> Any:
    """What both the retrieval and the query give, which is the same."""
    alone = await client("GET", ONE, query=query)
    assert alone.status == 200, (query, alone.body)
    among = await client("GET", PAST, query=f"type=Gauge&timerel=after&timeAt=2020-01-01T00:00:00Z&{query}")
    assert among.json == [alone.json], query
    return alone.json


NORMALIZED = ["", "format=normalized", "options=normalized", "format=normalized&options=temporalValues"]


async def test_normalized_every_attribute_is_an_array_of_instances(river: Client) -> None:
    for query in NORMALIZED:
        found = await given(river, query)
        for name, (kind, member, values, _, _) in KINDS.items():
            assert [{key: value for key, value in one.items() if key != "instanceId"} for one in found[name]] == [
                {"type": kind, member: value, "observedAt": at} for value, at in zip(values, (T1, T2), strict=True)
            ], (query, name)
            assert all(one["instanceId"].startswith("urn:") for one in found[name])


async def test_concise_instances_say_their_kind_only_where_it_is_needed(river: Client) -> None:
    for query in ("format=concise", "options=concise"):
        found = await given(river, query)
        for name, (_, member, values, _, _) in KINDS.items():
            assert [one[member] for one in found[name]] == values, name
            assert [one["observedAt"] for one in found[name]] == [T1, T2], name
            assert not any("type" in one for one in found[name]), name


SIMPLIFIED = [
    "format=temporalValues",
    "options=temporalValues",
    "format=simplified",
    "format=keyValues",
    "options=keyValues",
    "format=temporalValues&options=sysAttrs",
    "format=temporalValues&options=concise",
]


async def test_simplified_every_attribute_is_its_values_with_their_times(river: Client) -> None:
    """Clause 4.5.9: a member named by the kind holds arrays of a value and its time."""
    for query in SIMPLIFIED:
        found = await given(river, query)
        for name, (kind, _, values, plural, inside) in KINDS.items():
            pairs = [[value, at] for value, at in zip(inside or values, (T1, T2), strict=True)]
            assert found[name] == {"type": kind, plural: pairs}, (query, name)


async def test_a_list_of_relationships_is_simplified_too(client: Client) -> None:
    parts = {"type": "ListRelationship", "objectList": ["urn:p:1", "urn:p:2"], "observedAt": T1}
    await client("POST", PAST, {"id": NAME, "type": "Gauge", "parts": parts})
    found = await given(client, "format=temporalValues")
    assert found["parts"] == {"type": "ListRelationship", "objectLists": [[["urn:p:1", "urn:p:2"], T1]]}


async def test_each_dataset_is_a_series_of_its_own(client: Client) -> None:
    series = [
        {"type": "Property", "value": value, "observedAt": at, **more}
        for value, at, more in (
            (1, T1, {}),
            (2, T2, {}),
            (8, T1, {"datasetId": "urn:d:1"}),
            (9, T2, {"datasetId": "urn:d:1"}),
        )
    ]
    await client("POST", PAST, {"id": NAME, "type": "Gauge", "level": series})
    found = await given(client, "format=temporalValues")
    assert found["level"] == [
        {"type": "Property", "values": [[1, T1], [2, T2]]},
        {"type": "Property", "datasetId": "urn:d:1", "values": [[8, T1], [9, T2]]},
    ]
    alone = await given(client, "format=temporalValues&datasetId=urn:d:1&lastN=1")
    assert alone["level"] == {"type": "Property", "datasetId": "urn:d:1", "values": [[9, T2]]}


async def test_the_time_beside_a_value_is_the_one_asked_for(client: Client, fake_clock: FakeClock) -> None:
    await client(
        "POST", PAST, {"id": NAME, "type": "Gauge", "level": {"type": "Property", "value": 1, "observedAt": T1}}
    )
    written = "2026-01-01T00:00:00.000Z"
    fake_clock.advance(60)
    changed = "2026-01-01T00:01:00.000Z"
    target = (await client("GET", ONE)).json["level"][0]["instanceId"]
    await client("PATCH", f"{ONE}/attrs/level/{target}", {"type": "Property", "value": 2, "observedAt": T1})
    for name, at in (("observedAt", T1), ("createdAt", written), ("modifiedAt", changed)):
        query = f"timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty={name}&format=temporalValues"
        assert (await client("GET", ONE, query=query)).json["level"]["values"] == [[2, at]], name


async def test_simplified_members_without_time_leave_sub_attributes_out(client: Client) -> None:
    level = {"type": "Property", "value": 1, "observedAt": T1, "unitCode": "MTR", "quality": 0.5}
    await client("POST", PAST, {"id": NAME, "type": "Gauge", "level": level})
    assert (await given(client, "format=temporalValues"))["level"] == {"type": "Property", "values": [[1, T1]]}
    whole = (await given(client, ""))["level"][0]
    assert (whole["unitCode"], whole["quality"]) == ("MTR", {"type": "Property", "value": 0.5})


async def test_what_goes_out_simplified_comes_in_again(river: Client) -> None:
    sent = await given(river, "format=temporalValues")
    assert (await river("DELETE", ONE)).status == 204
    assert (await river("POST", PAST, sent)).status == 201
    assert await given(river, "format=temporalValues") == sent


async def test_what_goes_out_normalized_comes_in_again(river: Client) -> None:
    def bare(evolution: Any) -> Any:
        return {
            name: [{key: value for key, value in one.items() if key != "instanceId"} for one in many]
            for name, many in evolution.items()
            if isinstance(many, list)
        }

    for query in ("", "options=sysAttrs", "format=concise"):
        sent = (await river("GET", ONE, query=query)).json
        plain = bare((await river("GET", ONE)).json)
        assert (await river("DELETE", ONE)).status == 204
        assert (await river("POST", PAST, sent)).status == 201, query
        assert bare((await river("GET", ONE)).json) == plain, query


async def test_the_form_of_a_query_in_a_body_stands_in_the_parameters(river: Client) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": SPAN}
    for query in ("format=temporalValues", "options=temporalValues"):
        answer = await river("POST", QUERY, body, query=query)
        assert answer.json[0]["level"] == {"type": "Property", "values": [[1.5, T1], [{"a": [1]}, T2]]}, query
    lang = await river("POST", QUERY, {**body, "lang": "en", "pick": ["name"]})
    assert [one.get("value", one.get("languageMap")) for one in lang.json[0]["name"]][1] == "river"


async def test_forms_that_there_are_not(river: Client) -> None:
    for query in (
        "format=csv",
        "options=csv",
        "options=temporalValues,csv",
        "options=temporalValues,aggregatedValues&aggrMethods=sum",
        "format=temporalValues,concise",
    ):
        for path, more in ((ONE, ""), (PAST, "type=Gauge&timerel=after&timeAt=2020-01-01T00:00:00Z&")):
            assert (await river("GET", path, query=more + query)).kind == "InvalidRequest", query
