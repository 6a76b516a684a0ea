"""One entity, or a page of them, as it is answered: media types, contexts, languages (clauses 5.7.1 and 5.7.2)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge, place

CREATE = "/entityOperations/create"
QUERY = "/entityOperations/query"
ONE = "/entities/urn:ngsi-ld:Gauge:1"
MANY = "/entities"
GEO = "application/geo+json"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
ASK = {"type": "Query", "entities": [{"type": "Gauge"}]}


@pytest.fixture
async def town(client: Client) -> Client:
    river = {"id": "urn:r:1", "type": "River", "name": "足羽川", "location": place(136.3, 36.0)}
    name = {"type": "LanguageProperty", "languageMap": {"fr": "jauge", "en": "gauge", "ja": "水位計"}}
    one = gauge(location=place(136.2, 36.0), name=name, on={"type": "Relationship", "object": "urn:r:1"})
    assert (await client("POST", CREATE, [one, gauge(2), river])).status == 201
    return client


async def asked_three_ways(client: Client, query: str, **headers: str) -> list[Any]:
    """The first gauge as it is retrieved, as it is queried, and as a query in a body finds it."""
    one = await client("GET", ONE, query=query, headers=headers)
    many = await client("GET", MANY, query=f"type=Gauge&{query}", headers=headers)
    body = await client("POST", QUERY, ASK, query=query, headers=headers)
    assert (one.status, many.status, body.status) == (200, 200, 200), (one.body, many.body, body.body)
    if headers.get("accept") == GEO:
        return [one.json, many.json["features"][0], body.json["features"][0]]
    return [one.json, many.json[0], body.json[0]]


async def test_json_ld_has_its_context_in_every_entity(town: Client) -> None:
    for one in await asked_three_ways(town, "", accept=LD):
        assert "ngsi-ld-core-context" in str(one["@context"])
    many = await town("GET", MANY, query="type=Gauge", headers={"accept": LD})
    assert len(many.json) == 2
    assert all("@context" in one for one in many.json)
    assert many.header("link") is None
    plain = await town("GET", MANY, query="type=Gauge")
    assert not any("@context" in one for one in plain.json)
    assert "ngsi-ld-core-context" in (plain.header("link") or "")


async def test_geojson_keeps_what_is_asked_for_and_the_geometry(town: Client) -> None:
    """Clause 4.5.16.1: the geometry stands apart from the properties, so that it is there whatever they are."""
    for query in ("attrs=level", "pick=id,type,level", "omit=on,name,location"):
        one = (await town("GET", ONE, query=query, headers={"accept": GEO})).json
        many = (await town("GET", MANY, query=f"type=Gauge&{query}", headers={"accept": GEO})).json
        for feature in (one, many["features"][0]):
            assert (feature["id"], feature["type"]) == ("urn:ngsi-ld:Gauge:1", "Feature")
            assert set(feature["properties"]) == {"type", "level"}, query
            assert feature["geometry"] == place(136.2, 36.0)["value"]


async def test_an_entity_without_the_geometry_is_a_feature_without_one(town: Client) -> None:
    found = await town("GET", MANY, query="type=Gauge", headers={"accept": GEO})
    assert (found.json["type"], len(found.json["features"])) == ("FeatureCollection", 2)
    assert [one["geometry"] is None for one in found.json["features"]] == [False, True]
    other = await town("GET", MANY, query="type=Gauge&geometryProperty=nothing", headers={"accept": GEO})
    assert [one["geometry"] for one in other.json["features"]] == [None, None]


@pytest.mark.parametrize("path", [ONE, "/entities?type=Gauge"])
async def test_geojson_without_a_context_inside_names_it_in_a_link(town: Client, path: str) -> None:
    """Clause 6.3.6: `Prefer: body=json`."""
    bare, _, query = path.partition("?")
    inside = await town("GET", bare, query=query, headers={"accept": GEO, "link": LINK.replace(TOWN, CORE)})
    assert inside.header("link") is None
    assert "ngsi-ld-core-context" in str(inside.json["@context"])
    outside = await town("GET", bare, query=query, headers={"accept": GEO, "prefer": "body=json"})
    assert b"@context" not in outside.body
    assert "ngsi-ld-core-context" in (outside.header("link") or "")


async def test_a_geometry_property_goes_with_geojson_alone(town: Client) -> None:
    for accept in ("application/json", LD, "*/*"):
        for path, query in ((ONE, ""), (MANY, "type=Gauge&")):
            refused = await town("GET", path, query=f"{query}geometryProperty=location", headers={"accept": accept})
            assert refused.kind == "BadRequestData", (path, accept)
        refused = await town("POST", QUERY, ASK, query="geometryProperty=location", headers={"accept": accept})
        assert refused.kind == "BadRequestData"


async def test_members_of_linked_entities_need_a_join_that_reaches_them(town: Client) -> None:
    for path, query in ((ONE, ""), (MANY, "type=Gauge&")):
        for members, join in (
            ("on{name}", ""),
            ("on{name}", "&join=@none"),
            ("on{name}", "&join=@none&joinLevel=3"),
            ("on{name,into{name}}", "&join=inline"),
            ("on{into{into{name}}}", "&join=flat&joinLevel=2"),
        ):
            for what in ("pick", "omit"):
                refused = await town("GET", path, query=f"{query}{what}={members}{join}")
                assert refused.kind == "BadRequestData", (path, what, members, join)
    refused = await town("POST", QUERY, {**ASK, "pick": ["on{name,into{name}}"], "join": "flat"})
    assert refused.kind == "BadRequestData"


async def test_linked_entities_of_a_page_in_geojson(town: Client) -> None:
    """With join=flat an entity and those behind it are one FeatureCollection (clause 4.5.23.3)."""
    for path, query in ((ONE, ""), (MANY, "id=urn:ngsi-ld:Gauge:1&type=Gauge&")):
        found = (await town("GET", path, query=f"{query}join=flat", headers={"accept": GEO})).json
        assert found["type"] == "FeatureCollection"
        assert [one["id"] for one in found["features"]] == ["urn:ngsi-ld:Gauge:1", "urn:r:1"]
        assert [one["geometry"]["coordinates"][0] for one in found["features"]] == [136.2, 136.3]
        assert "@context" in found


LANGUAGES: list[Any] = [
    ("en", "gauge", "en"),
    ("ja,fr", "水位計", "ja"),
    ("de,fr", "jauge", "fr"),
    ("fr-CH,fr", "jauge", "fr"),
    ("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", "jauge", "fr"),
    ("fr;q=0.2, en;q=0.8", "gauge", "en"),
    ("*", "jauge", "fr"),
    ("de, *;q=0.5", "jauge", "fr"),
]


@pytest.mark.parametrize(("lang", "text", "chosen"), LANGUAGES)
async def test_one_language_is_given_as_a_property(town: Client, lang: str, text: str, chosen: str) -> None:
    """Clause 4.15: the preference of RFC 9110; "*" takes the first that there is."""
    query = "lang=" + lang.replace(" ", "%20")
    for one in await asked_three_ways(town, query):
        assert one["name"] == {"type": "Property", "value": text, "lang": chosen}
        assert one["level"]["value"] == 1.5
    for one in await asked_three_ways(town, query + "&format=simplified"):
        assert one["name"] == text
    for one in await asked_three_ways(town, query, accept=GEO):
        assert one["properties"]["name"] == {"type": "Property", "value": text, "lang": chosen}


async def test_without_a_language_all_of_them_are_given(town: Client) -> None:
    for one in await asked_three_ways(town, ""):
        assert one["name"]["type"] == "LanguageProperty"
        assert list(one["name"]["languageMap"]) == ["fr", "en", "ja"]


async def test_forms_and_system_attributes_are_the_same_three_ways(town: Client) -> None:
    for one in await asked_three_ways(town, "options=sysAttrs"):
        assert one["createdAt"] == one["level"]["createdAt"] == "2026-01-01T00:00:00.000Z"
        assert one["modifiedAt"] == one["level"]["modifiedAt"] == "2026-01-01T00:00:00.000Z"
    for one in await asked_three_ways(town, "options=keyValues"):
        assert (one["level"], one["on"]) == (1.5, "urn:r:1")
    for one in await asked_three_ways(town, "format=concise"):
        assert one["level"] == {"value": 1.5, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"}
        assert one["on"] == {"object": "urn:r:1"}


@pytest.mark.parametrize(
    ("link", "status", "kind"),
    [
        (LINK.replace(TOWN, "https://example.org/nowhere.jsonld"), 504, "LdContextNotAvailable"),
        ("no link", 400, "BadRequestData"),
    ],
)
async def test_a_context_that_cannot_be_had_is_said(town: Client, link: str, status: int, kind: str) -> None:
    for method, path, query, body in (
        ("GET", ONE, "", None),
        ("GET", MANY, "type=Gauge", None),
        ("POST", QUERY, "", ASK),
    ):
        refused = await town(method, path, body, query=query, headers={"link": link})
        assert (refused.status, refused.kind) == (status, kind), path


async def test_a_query_in_a_body_is_read_with_the_context_in_it(client: Client) -> None:
    assert (await client("POST", "/entities", {**gauge(), "@context": TOWN}, media=LD)).status == 201
    asked = {**ASK, "attrs": ["level"]}
    assert (await client("POST", QUERY, asked)).json == []
    for body, media, headers in (
        ({**asked, "@context": TOWN}, LD, {}),
        (asked, "application/json", {"link": LINK}),
    ):
        found = await client("POST", QUERY, body, media=media, headers=headers)
        assert [one["level"]["value"] for one in found.json] == [1.5]
    wrong = await client("POST", QUERY, {**ASK, "@context": "https://example.org/nowhere.jsonld"}, media=LD)
    assert (wrong.status, wrong.kind) == (504, "LdContextNotAvailable")
    assert (await client("POST", QUERY, {**ASK, "@context": 5}, media=LD)).kind == "BadRequestData"


async def test_where_nothing_matches_the_answer_is_empty(town: Client) -> None:
    for query in ("type=Nothing", "type=Gauge&q=level>99", "type=Gauge&id=urn:x:9", "attrs=nothing"):
        found = await town("GET", MANY, query=query + "&count=true")
        assert (found.status, found.json, found.header("ngsild-results-count")) == (200, [], "0"), query
        assert 'rel="next"' not in (found.header("link") or "")
    geo = await town("GET", MANY, query="type=Nothing", headers={"accept": GEO})
    assert (geo.json["type"], geo.json["features"]) == ("FeatureCollection", [])
    body = await town("POST", QUERY, {"type": "Query", "entities": [{"type": "Nothing"}]})
    assert (body.status, body.json) == (200, [])


async def test_a_retrieval_takes_what_is_its_own(town: Client) -> None:
    """What selects entities is for queries; a retrieval has an id."""
    for query in ("q=level>1", "georel=near", "limit=5", "idPattern=.*", "orderBy=level", "count=true"):
        assert (await town("GET", ONE, query=query)).kind == "InvalidRequest", query
    assert (await town("GET", ONE, query="local=true")).status == 200
    for query in ("local=here", "join=sideways", "join=inline&joinLevel=0", "containedBy=here&join=flat"):
        assert (await town("GET", ONE, query=query)).kind == "BadRequestData", query
    assert (await town("GET", ONE, query="options=pretty")).kind == "InvalidRequest"
