"""What batches refuse: the whole request, or one item of it (clauses 5.6.7 to 5.6.10 and 5.6.20)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.batches import CREATE, DELETE, MERGE, UPDATE, UPSERT, WRITES, ids, one, parts
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge

NULL = "urn:ngsi-ld:null"
ALL = (*WRITES, DELETE)


async def seed(client: Client, path: str) -> None:
    """What the operation needs to be there: all but create work on entities that stand."""
    if path != CREATE:
        assert (await client("POST", CREATE, [gauge(1), gauge(2)])).status == 201


def level(**members: Any) -> dict[str, Any]:
    """A gauge whose level is this."""
    return {"id": ids(1)[0], "type": "Gauge", "level": members}


@pytest.mark.parametrize("path", ALL)
async def test_a_text_that_is_no_json_is_an_invalid_request(client: Client, path: str) -> None:
    await seed(client, path)
    for text in (b"[", b'[{"id": "urn:a:1",}]', b"", b"[1 2]", b'["urn:ngsi-ld:Gauge:1"'):
        assert (await client("POST", path, text)).kind == "InvalidRequest", text
    assert len((await client("GET", "/entities", query="type=Gauge")).json) == (0 if path == CREATE else 2)


@pytest.mark.parametrize("path", ALL)
async def test_another_media_type_is_refused(client: Client, path: str) -> None:
    for media in ("text/plain", "application/merge-patch+json", "application/geo+json"):
        assert (await client("POST", path, [], media=media)).kind == "UnsupportedMediaType"


@pytest.mark.parametrize("path", ALL)
async def test_a_batch_is_posted_and_nothing_else(client: Client, path: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        refused = await client(method, path)
        assert (refused.status, refused.kind, refused.header("allow")) == (405, "MethodNotAllowed", "POST")


@pytest.mark.parametrize("path", ALL)
async def test_options_that_there_are_not_are_refused(client: Client, path: str) -> None:
    await seed(client, path)
    body = ids(1) if path == DELETE else [gauge(1, 9.0)]
    for query in ("options=garbage", "options=append", "colour=red", "type=Gauge"):
        assert (await client("POST", path, body, query=query)).kind == "InvalidRequest", query
    found = await client("GET", "/entities", query="type=Gauge&options=keyValues")
    assert [each["level"] for each in found.json] == ([] if path == CREATE else [1.5, 1.5])


ITEMS_THAT_ARE_NONE: list[Any] = [
    {"type": "Gauge", "level": 1},
    {**gauge(1), "id": "no uri"},
    {**gauge(1), "id": 5},
    {**gauge(1), "id": NULL},
    {**gauge(1), "type": 5},
    {**gauge(1), "type": []},
    {**gauge(1), "type": ["Gauge", 5]},
    {**gauge(1), "scope": "a b"},
    {**gauge(1), "expiresAt": "tomorrow"},
    {**gauge(1), "1level": 1},
    {**gauge(1), "level": None},
    level(type="Thing", value=1),
    level(type="Relationship", object="no uri"),
    level(type="Relationship", value=1),
    level(type="Property", value=1, object="urn:a:1"),
    level(type="Property", value=1, observedAt="yesterday"),
    level(type="Property", value=1, unitCode=5),
    level(type="Property", value=1, datasetId="radar"),
    level(type="GeoProperty", value={"type": "Point", "coordinates": [200, 0]}),
    level(type="GeoProperty", value={"type": "Polygon", "coordinates": []}),
    level(type="GeoProperty", value="here"),
    level(type="LanguageProperty", languageMap={"日本": "x"}),
    level(type="ListProperty", valueList=1),
    {**gauge(1), "level": [{"value": 1}, {"value": 2}]},
    {**gauge(1), "level": {"value": 1, "by": {"object": "no uri"}}},
]


@pytest.mark.parametrize("path", WRITES)
async def test_an_item_that_is_no_entity_is_refused_alone(client: Client, path: str) -> None:
    await seed(client, path)
    for item in ITEMS_THAT_ARE_NONE:
        answer = await client("POST", path, [item, gauge(2, 9.0)])
        success, errors = parts(answer)
        given = item.get("id", "")
        assert errors == [(given if isinstance(given, str) else "", "BadRequestData")], item
        assert success == ids(2), item
        if path == CREATE:
            assert (await client("DELETE", one(2))).status == 204
            assert (await client("GET", one(1))).kind == "ResourceNotFound", item
        else:
            assert (await client("GET", one(1))).json == gauge(1), item
            assert (await client("GET", one(2), query="options=keyValues")).json["level"] == 9.0


NULLS: list[Any] = [
    {**gauge(1), "level": NULL},
    {**gauge(1), "scope": NULL},
    {**gauge(1), "expiresAt": NULL},
    level(type="Property", value=NULL),
    level(value=NULL),
    level(type="Relationship", object=NULL),
    level(type="LanguageProperty", languageMap={"@none": NULL}),
    level(type="LanguageProperty", languageMap={"ja": NULL}),
    level(type="Property", value={"deep": {"inside": NULL}}),
    level(type="Property", value=1, unitCode=NULL),
    level(type="Property", value=1, observedAt=NULL),
    level(type="Property", value=1, by={"type": "Relationship", "object": NULL}),
]


@pytest.mark.parametrize("path", [CREATE, UPSERT, UPDATE])
async def test_the_ngsi_ld_null_is_for_a_merge_alone(client: Client, path: str) -> None:
    await seed(client, path)
    for item in NULLS:
        assert parts(await client("POST", path, [item])) == ([], [(ids(1)[0], "BadRequestData")]), item
    query = "options=update" if path == UPSERT else "options=noOverwrite" if path == UPDATE else ""
    for item in NULLS:
        assert parts(await client("POST", path, [item], query=query))[0] == [], item
    assert (await client("GET", one(1))).status == (404 if path == CREATE else 200)


@pytest.mark.parametrize(
    ("path", "kind"), [(CREATE, "AlreadyExists"), (UPDATE, "ResourceNotFound"), (MERGE, "ResourceNotFound")]
)
async def test_where_nothing_went_well_every_error_is_told(client: Client, path: str, kind: str) -> None:
    await client("POST", "/entities", gauge(1))
    lost = gauge(1) if path == CREATE else gauge(9)
    batch = [{**gauge(2), "level": None}, lost, {"type": "Gauge"}]
    assert parts(await client("POST", path, batch)) == (
        [],
        [(ids(2)[0], "BadRequestData"), ("", "BadRequestData"), (lost["id"], kind)],
    )


async def test_the_errors_of_a_delete_are_told_though_nothing_went_well(client: Client) -> None:
    assert parts(await client("POST", DELETE, [*ids(1, 2)])) == (
        [],
        [(ids(1)[0], "ResourceNotFound"), (ids(2)[0], "ResourceNotFound")],
    )


@pytest.mark.parametrize("path", WRITES)
async def test_names_are_read_by_the_link_header_or_by_the_item(client: Client, path: str) -> None:
    full = "https://example.org/town#"
    if path != CREATE:
        made = [{"id": each, "type": full + "Gauge", full + "level": 1} for each in ids(1, 2)]
        assert (await client("POST", CREATE, made)).status == 201
    assert (await client("POST", path, [gauge(1, 7.0)], headers={"link": LINK})).status in (201, 204)
    inside = [{**gauge(2, 8.0), "@context": [TOWN]}]
    assert (await client("POST", path, inside, media=LD)).status in (201, 204)
    for number, value in ((1, 7.0), (2, 8.0)):
        stored = (await client("GET", one(number), query="options=keyValues")).json
        assert stored == {"id": ids(number)[0], "type": full + "Gauge", full + "level": value}
        shown = (await client("GET", one(number), query="options=keyValues", headers={"link": LINK})).json
        assert shown == {"id": ids(number)[0], "type": "Gauge", "level": value}


@pytest.mark.parametrize("path", WRITES)
async def test_a_context_that_is_missing_or_out_of_place_is_the_items_own_error(client: Client, path: str) -> None:
    await seed(client, path)
    missing = [gauge(1, 9.0), {**gauge(2, 9.0), "@context": []}]
    assert parts(await client("POST", path, missing, media=LD)) == (ids(2), [(ids(1)[0], "BadRequestData")])
    inside = [{**gauge(1, 9.0), "@context": TOWN}]
    assert parts(await client("POST", path, inside)) == ([], [(ids(1)[0], "BadRequestData")])
    both = await client("POST", path, inside, media=LD, headers={"link": LINK})
    assert both.kind == "BadRequestData"
    away = [{**gauge(1, 9.0), "@context": "https://example.org/away.jsonld"}]
    assert parts(await client("POST", path, away, media=LD)) == ([], [(ids(1)[0], "LdContextNotAvailable")])


@pytest.mark.parametrize("path", WRITES)
async def test_a_batch_is_its_tenants_own(client: Client, path: str) -> None:
    fukui, sabae = client.of("fukui"), client.of("sabae")
    for town in (client, fukui, sabae):
        await town("POST", "/entities", gauge(9))
        await seed(town, path)
    assert (await fukui("POST", path, [gauge(1, 9.0)])).status in (201, 204)
    assert (await fukui("GET", one(1), query="options=keyValues")).json["level"] == 9.0
    for other in (client, sabae):
        untouched = await other("GET", one(1), query="options=keyValues")
        assert untouched.status == 404 if path == CREATE else untouched.json["level"] == 1.5
    assert (await fukui("POST", DELETE, ids(9))).status == 204
    for other in (client, sabae):
        assert (await other("GET", one(9))).status == 200


@pytest.mark.parametrize("path", [UPDATE, MERGE, DELETE])
async def test_a_tenant_that_is_not_there_has_nothing_to_change(client: Client, path: str) -> None:
    answer = await client.of("katsuyama")("POST", path, ids(1) if path == DELETE else [gauge(1)])
    assert (answer.status, answer.kind) == (404, "NonexistentTenant")


async def test_the_items_of_a_delete_are_uris(client: Client) -> None:
    await seed(client, DELETE)
    assert parts(await client("POST", DELETE, [*ids(1), "gauge", ""])) == (
        ids(1),
        [("gauge", "BadRequestData"), ("", "BadRequestData")],
    )
    for body in ([5], [*ids(2), None], [[*ids(2)]], [{"id": ids(2)[0]}], {"id": ids(2)[0]}, []):
        assert (await client("POST", DELETE, body)).kind == "BadRequestData", body
    assert (await client("GET", one(2))).status == 200
