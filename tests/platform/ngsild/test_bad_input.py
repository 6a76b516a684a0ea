from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge, place

from kumihimo.platform.ngsild.api import Face

ONE = "/entities/urn:ngsi-ld:Gauge:1"
WRITES = [
    ("POST", "/entities"),
    ("PUT", ONE),
    ("PATCH", ONE),
    ("POST", f"{ONE}/attrs"),
    ("PATCH", f"{ONE}/attrs"),
    ("PATCH", f"{ONE}/attrs/level"),
    ("PUT", f"{ONE}/attrs/level"),
    ("POST", "/entityOperations/create"),
    ("POST", "/entityOperations/delete"),
    ("POST", "/entityOperations/query"),
    ("POST", "/subscriptions"),
    ("PATCH", "/subscriptions/urn:ngsi-ld:Subscription:1"),
]
TEXTS = [
    (b"{", "InvalidRequest"),
    (b'{"a": 1,, "b": 2}', "InvalidRequest"),
    (b"", "InvalidRequest"),
    (b"  ", "InvalidRequest"),
    (b"\xff\xfe", "InvalidRequest"),
    (b'{"a": NaN}', "InvalidRequest"),
    (b'{"a": Infinity}', "InvalidRequest"),
    (b'{"a": "\\ud800"}', "InvalidRequest"),
    (b'{"a": "x\\u0000y"}', "BadRequestData"),
    (b"[" * 10_000 + b"]" * 10_000, "PayloadTooLarge"),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "PayloadTooLarge"),
]


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "<https://example.org/town.jsonld",
        LINK[1:],
        f"{LINK}, nonsense",
        LINK.replace(">;", ">"),
        LINK.replace(TOWN, ""),
        LINK.replace('ld+json"', "ld+json"),
    ],
)
async def test_a_link_header_that_cannot_be_read_is_said(client: Client, header: str) -> None:
    for method, path, body in (
        ("GET", "/entities/urn:x:1", None),
        ("POST", "/entities", gauge()),
        ("GET", "/types", None),
        ("POST", "/subscriptions", {}),
    ):
        refused = await client(method, path, body, headers={"link": header})
        assert refused.kind == "BadRequestData", (path, refused.body)
        assert "Link" in refused.json["detail"]


@pytest.mark.parametrize(
    "header",
    [
        LINK,
        f"{LINK} , <https://example.org/next>; rel=next",
        f'<https://example.org/a,b;c>;rel="next prev";title="a, b; c",{LINK}',
        f"<https://example.org/a>; crossorigin; rel=next, , {LINK}",
        "",
        "<https://example.org/next>; rel=next",
        "</relative>; rel=author; title*=UTF-8''x",
    ],
)
async def test_link_headers_that_can_be_read(client: Client, header: str) -> None:
    found = await client("GET", "/entities", query="type=Gauge", headers={"link": header})
    assert found.status == 200, found.body


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_texts_that_are_no_json(client: Client, method: str, path: str) -> None:
    await client("POST", "/entities", gauge())
    for text, kind in TEXTS:
        assert (await client(method, path, text)).kind == kind, text[:40]
    assert (await client("GET", ONE)).json == (gauge())


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_media_types_that_are_not_taken(client: Client, method: str, path: str) -> None:
    for media in ("text/plain", "application/xml", "", "application/geo+json", "application/jsonx"):
        assert (await client(method, path, b"{}", media=media)).kind == "UnsupportedMediaType"
    if method != "PATCH":
        refused = await client(method, path, b"{}", media="application/merge-patch+json")
        assert refused.kind == "UnsupportedMediaType"


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_body_without_a_length_is_refused_bare(client: Client, method: str, path: str) -> None:
    refused = await client(method, path, headers={"content-type": "application/json", "ngsild-tenant": "nowhere"})
    assert (refused.status, refused.body) == (411, b"")


async def test_the_media_type_may_carry_parameters(client: Client) -> None:
    assert (await client("POST", "/entities", gauge(), media="Application/JSON; charset=utf-8")).status == 201


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_body_of_100_mb_is_not_read(client: Client, method: str, path: str) -> None:
    chunks = [b"x" * 1_000_000] * 100
    length = {"content-type": "application/json", "content-length": "100000000"}
    said = await client(method, path, headers=length, chunks=chunks)
    assert (said.status, said.kind, said.taken) == (413, "PayloadTooLarge", 0)
    lied = await client(method, path, headers={**length, "content-length": "10"}, chunks=chunks)
    assert lied.kind == "PayloadTooLarge"
    assert lied.taken < 10_000_000


ENTITIES_THAT_ARE_NONE: list[Any] = [
    [],
    5,
    "text",
    None,
    {"type": "Gauge"},
    {"id": "urn:ngsi-ld:Gauge:1"},
    {**gauge(), "id": "gauge"},
    {**gauge(), "id": "urn:ngsi-ld:Gauge: 1"},
    {**gauge(), "id": 5},
    {**gauge(), "id": "urn:" + "x" * 3000},
    {**gauge(), "type": []},
    {**gauge(), "type": 5},
    {**gauge(), "level": None},
    {**gauge(), "level": {"type": "Property"}},
    {**gauge(), "level": {"type": "Thing", "value": 1}},
    {**gauge(), "level": {"type": "Relationship", "object": "no uri"}},
    {**gauge(), "level": {"type": "Property", "value": 1, "observedAt": "0000-01-01T00:00:00Z"}},
    {**gauge(), "level": {"type": "Property", "value": 1, "observedAt": "10000-01-01T00:00:00Z"}},
    {**gauge(), "level": {"type": "Property", "value": 1, "observedAt": "9999-12-31T23:59:59-01:00"}},
    {**gauge(), "level": {"type": "Property", "value": 1, "observedAt": "2026-01-01T24:00:00Z"}},
    {**gauge(), "level": {"type": "Property", "value": 1, "observedAt": "24:00"}},
    {**gauge(), "level": {"type": "Property", "value": 1, "datasetId": "radar"}},
    {**gauge(), "location": place(200, 0)},
    {**gauge(), "location": {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": []}}},
    {**gauge(), "location": {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[[0, 0], [2, 2]]]}}},
]


async def test_entities_that_are_none(client: Client) -> None:
    for body in ENTITIES_THAT_ARE_NONE:
        refused = await client("POST", "/entities", body if body is not None else b"null")
        assert refused.kind in ("BadRequestData", "InvalidRequest"), body
        assert refused.status == 400, body
        assert (await client("GET", "/entities", query="type=Gauge")).json == [], body


async def test_the_last_year_is_taken(client: Client) -> None:
    level = {"type": "Property", "value": 1, "observedAt": "9999-12-31T23:59:59Z"}
    assert (await client("POST", "/entities", {**gauge(), "level": level})).status == 201
    assert (await client("GET", ONE)).json["level"] == level


async def test_values_come_back_as_they_were_given(client: Client) -> None:
    value = {"a": 1, "b": 1.0, "c": 12345678901234567890123, "d": "組紐\U0001f9f6", "e": [None, True], "f": 1e-7}
    body = {**gauge(), "level": {"type": "Property", "value": value}}
    await client("POST", "/entities", body)
    back = (await client("GET", ONE)).json["level"]["value"]
    assert json.dumps(back) == json.dumps(value)


@pytest.mark.parametrize("entity_id", ["gauge", "%20", "urn", "urn:a%00b", "%ff"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_ids_that_are_no_uri(client: Client, method: str, entity_id: str) -> None:
    assert (await client(method, f"/entities/{entity_id}")).kind == "BadRequestData"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/entities", "DELETE, GET, HEAD, POST"),
        ("POST", ONE, "DELETE, GET, HEAD, PATCH, PUT"),
        ("DELETE", f"{ONE}/attrs", "PATCH, POST"),
        ("DELETE", f"{ONE}/attrs/", "PATCH, POST"),
        ("GET", f"{ONE}/attrs/level", "DELETE, PATCH, PUT"),
        ("GET", "/entityOperations/create", "POST"),
        ("TRACE", "/types", "GET, HEAD"),
        ("PATCH", "/subscriptions/", "GET, HEAD, POST"),
        ("PATCH", f"/temporal{ONE}/attrs/level/", "DELETE"),
        ("PATCH", f"/temporal{ONE}/attrs//urn:ngsi-ld:Instance:1-0", "DELETE"),
    ],
)
async def test_methods_that_a_resource_does_not_have(client: Client, method: str, path: str, allow: str) -> None:
    refused = await client(method, path)
    assert (refused.status, refused.kind, refused.header("allow")) == (405, "MethodNotAllowed", allow)
    assert "allow" not in refused.json


async def test_what_may_be_got_may_be_asked_for_its_head(client: Client) -> None:
    """RFC 9110 section 9.3.2: as GET, without the body and with its length; refusals too."""
    await client("POST", "/entities", {"id": "urn:a:b", "type": "T", "level": {"type": "Property", "value": 1}})
    for path in (
        "/entities?type=T&count=true", "/entities/urn:a:b", "/entities/urn:a:none", "/temporal/entities/urn:a:b",
        "/types", "/types/T", "/attributes/level", "/subscriptions", "/jsonldContexts", "/entities?orderBy=",
    ):  # fmt: skip
        whole, head = await client("GET", path), await client("HEAD", path)
        assert (head.status, head.body) == (whole.status, b""), path
        assert head.header("content-type") == whole.header("content-type"), path
        assert head.header("content-length") == str(len(whole.body)), path
        assert head.header("ngsild-results-count") == whole.header("ngsild-results-count"), path
    assert (await client("HEAD", "/entityOperations/create")).status == 405


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/entities/a/b/c/d", "/entityOperations/explode", "/csourceRegistrations"]
)
async def test_resources_that_there_are_not(client: Client, path: str) -> None:
    for method in ("GET", "POST"):
        refused = await client(method, path)
        assert (refused.status, refused.kind) == (404, "ResourceNotFound")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_an_id_that_is_left_out_is_said(client: Client, method: str) -> None:
    assert (await client(method, "/entities/", {"a": 1})).kind == "BadRequestData"
    assert (await client(method, "/entities", {"a": 1})).kind == "MethodNotAllowed"
    assert (await client("DELETE", f"/temporal{ONE}/attrs//urn:ngsi-ld:Instance:1-0")).kind == "BadRequestData"
    assert (await client("DELETE", "/entities//attrs/level")).kind == "BadRequestData"
    assert "follow" in (await client(method, "/subscriptions/", {"a": 1})).json["detail"]


async def test_a_fault_is_logged_and_its_cause_kept_from_the_caller(
    client: Client, face: Face, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*given: Any) -> None:
        raise ZeroDivisionError("the secret cause")

    monkeypatch.setattr(face.broker, "get_text", broken)
    with caplog.at_level(logging.ERROR):
        refused = await client("GET", ONE)
    assert (refused.status, refused.kind) == (500, "InternalError")
    assert b"secret" not in refused.body
    record = next(record for record in caplog.records if record.name.startswith("kumihimo.platform.ngsild"))
    assert record.__dict__["request_id"] == refused.json["requestId"]
    assert record.exc_info is not None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["id", "type", "@context", "level", "location", "scope", "value", "object", "observedAt"])


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(NAMES | st.text(max_size=6), VALUES, max_size=6),
    media=st.sampled_from(["application/json", LD]),
)
async def test_no_body_makes_a_fault(client: Client, body: dict[str, Any], media: str) -> None:
    for method, path in WRITES:
        answer = await client(method, path, [body] if "Operations/create" in path else body, media=media)
        assert answer.status < 500 or answer.status in {503, 504}, (path, answer.body)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        ["q", "type", "attrs", "pick", "omit", "id", "idPattern", "scopeQ", "lang", "coordinates", "after"]
    ),
    text=st.text(max_size=30) | st.text(alphabet='ab().;|=!<>~"[]{}:,*+?\\^$/#', max_size=30),
)
async def test_no_parameter_makes_a_fault(client: Client, name: str, text: str) -> None:
    query = {"type": "Gauge", "georel": "within", "geometry": "Point", "coordinates": "[1,2]", name: text}
    for path in ("/entities", ONE, "/temporal/entities"):
        allowed = {
            key: value for key, value in query.items() if path != ONE or key in ("type", "attrs", "pick", "omit")
        }
        answer = await client("GET", path, query=allowed)
        assert answer.status < 500, (path, query, answer.body)


@pytest.mark.parametrize(
    "more",
    [
        {"pick": [f"a{n}" for n in range(101)]},
        {"omit": [f"a{n}" for n in range(101)]},
        {"entities": [{"type": f"T{n}"} for n in range(101)]},
        {"entities": [{"type": "T", "id": [f"urn:x:{n}" for n in range(1001)]}]},
    ],
)
async def test_a_query_in_a_body_has_the_limits_of_one_in_an_address(client: Client, more: dict[str, Any]) -> None:
    refused = await client("POST", "/entityOperations/query", {"type": "Query", "entities": [{"type": "T"}], **more})
    assert refused.kind == "BadRequestData"
    assert "at most" in refused.json["detail"]
