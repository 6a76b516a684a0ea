"""Whatever is sent below /temporal, the answer is an answer and no fault of the platform."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.platform.ngsild.calls import Client

PAST = "/temporal/entities"
NAME = "urn:ngsi-ld:Gauge:1"
ONE = f"{PAST}/{NAME}"
QUERY = "/temporal/entityOperations/query"
LEVEL = {"type": "Property", "value": 1, "observedAt": "2026-01-01T01:00:00Z"}


@pytest.fixture
async def river(client: Client) -> Client:
    assert (await client("POST", PAST, {"id": NAME, "type": "Gauge", "level": [LEVEL]})).status == 201
    return client


NULL = "urn:ngsi-ld:null"
KINDS = ["Property", "Relationship", "GeoProperty", "LanguageProperty", "VocabProperty", "JsonProperty", "ListProperty"]
MOMENTS = ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01", "", NULL]
PLAIN = st.sampled_from([None, True, 0, -1.5, 10**30, 1e300, "", "a", NULL, "@none", "urn:a:1", *KINDS, *MOMENTS])
POINT = {"type": "Point", "coordinates": [1, 2]}
VALUES = st.recursive(
    PLAIN | st.just(POINT),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@value", "@type", "@none", "ja", "a", "value", "type"]), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = [
    "value",
    "object",
    "languageMap",
    "vocab",
    "json",
    "valueList",
    "values",
    "objects",
    "languageMaps",
    "quality",
]
INSTANCE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(KINDS) | VALUES,
        "observedAt": st.sampled_from(MOMENTS) | VALUES,
        "expiresAt": st.sampled_from(MOMENTS) | VALUES,
        "datasetId": PLAIN,
        "unitCode": PLAIN,
        "instanceId": PLAIN,
        **dict.fromkeys(MEMBERS, VALUES),
    },
)
ATTRIBUTE = VALUES | INSTANCE | st.lists(INSTANCE, max_size=3)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Gauge", ["Gauge", "Pump"]]) | VALUES,
        "scope": ATTRIBUTE,
        "level": ATTRIBUTE,
        "location": ATTRIBUTE,
        "expiresAt": PLAIN,
        "createdAt": PLAIN,
    },
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODY, instance=INSTANCE)
async def test_no_body_makes_a_fault(river: Client, body: dict[str, Any], instance: Any) -> None:
    target = (await river("GET", ONE)).json.get("level", [{"instanceId": "urn:x:1"}])[0]["instanceId"]
    for method, path, sent in (
        ("POST", PAST, {"id": NAME, **body}),
        ("POST", f"{ONE}/attrs", body),
        ("PATCH", f"{ONE}/attrs/level/{target}", instance),
        ("PATCH", f"{ONE}/attrs/scope/{target}", instance),
    ):
        answer = await river(method, path, sent)
        assert answer.status < 500, (method, path, sent, answer.body)
    for query in (
        "options=sysAttrs",
        "format=temporalValues",
        "format=concise&lang=ja",
        "aggrMethods=avg,max,totalCount",
    ):
        answer = await river("GET", ONE, query=query)
        assert answer.status < 500, (query, body, instance, answer.body)


TEXT = st.text(max_size=20) | st.text(alphabet='ab().;|=!<>~"[]{}:,*+?\\^$/#-0129TZP', max_size=20)
NAMES = ["timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration", "orderBy"]
NAMES += [
    "collation",
    "q",
    "csf",
    "scopeQ",
    "pick",
    "omit",
    "datasetId",
    "format",
    "options",
    "lang",
    "after",
    "offset",
]
DURATIONS = ["P999999999Y", "PT999999999S", "P1M", "PT0.000001S", "P999999999M1D", "P999999999W", "P99999999D"]
SPAN = {"timerel": "between", "timeAt": "0001-01-01T00:00:00Z", "endTimeAt": "9999-12-31T23:59:59Z"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=st.dictionaries(st.sampled_from(NAMES), TEXT | st.sampled_from([*MOMENTS, *DURATIONS]), max_size=2))
async def test_no_parameter_makes_a_fault(river: Client, given: dict[str, str]) -> None:
    query = {"type": "Gauge", **SPAN, "timeproperty": "modifiedAt", **given}
    if "aggrPeriodDuration" in given:
        query |= {"aggrMethods": "sum"}
    assert (await river("GET", PAST, query=query)).status < 500, query
    alone = {name: value for name, value in query.items() if name not in {"orderBy", "collation", "q", "csf", "scopeQ"}}
    for name in ("after", "offset"):
        alone.pop(name, None)
    assert (await river("GET", ONE, query=alone)).status < 500, alone


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.dictionaries(
        st.sampled_from(
            ["entities", "attrs", "pick", "omit", "q", "geoQ", "temporalQ", "aggrParams", "ordering", "csf"]
        ),
        VALUES | st.just([{"type": "Gauge"}]) | st.just(SPAN),
        max_size=4,
    )
)
async def test_no_query_in_a_body_makes_a_fault(river: Client, members: dict[str, Any]) -> None:
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "temporalQ": SPAN, **members}
    assert (await river("POST", QUERY, body)).status < 500, body
