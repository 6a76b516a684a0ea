from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import LD, LINK, TOWN, Client, gauge, place

ONE = "/entities/urn:ngsi-ld:Gauge:1"


async def test_an_entity_goes_through_its_life_on_both_engines(any_client: Client) -> None:
    client = any_client
    made = await client("POST", "/entities", gauge(name={"type": "Property", "value": "九頭竜川"}))
    assert made.status == 201
    assert made.header("location") == "/ngsi-ld/v1/entities/urn:ngsi-ld:Gauge:1"
    assert (await client("POST", "/entities", gauge())).kind == "AlreadyExists"

    got = await client("GET", ONE)
    assert got.status == 200
    assert got.json["level"] == gauge()["level"]
    assert got.json["name"]["value"] == "九頭竜川"

    assert (await client("PATCH", f"{ONE}/attrs/level", {"value": 2.5})).status == 204
    assert (await client("PATCH", ONE, {"name": {"type": "Property", "value": "日野川"}})).status == 204
    merged = (await client("GET", ONE, query="options=keyValues")).json
    assert (merged["level"], merged["name"]) == (2.5, "日野川")

    found = await client("GET", "/entities", query={"type": "Gauge", "q": "level>2", "count": "true"})
    assert [one["id"] for one in found.json] == ["urn:ngsi-ld:Gauge:1"]
    assert found.header("ngsild-results-count") == "1"
    past = await client("GET", "/temporal/entities/urn:ngsi-ld:Gauge:1", query="attrs=level")
    assert [one["value"] for one in past.json["level"]] == [1.5, 2.5]

    assert (await client("PUT", ONE, {"type": "Gauge", "kind": {"type": "Property", "value": "x"}})).status == 204
    assert set((await client("GET", ONE)).json) == {"id", "type", "kind"}
    assert (await client("DELETE", ONE)).status == 204
    assert (await client("GET", ONE)).kind == "ResourceNotFound"
    assert (await client("DELETE", ONE)).kind == "ResourceNotFound"


async def test_names_are_expanded_by_the_link_or_the_body_and_compacted_by_the_answer(client: Client) -> None:
    assert (await client("POST", "/entities", gauge(), headers={"link": LINK})).status == 201
    inside = {**gauge(2), "@context": [TOWN]}
    assert (await client("POST", "/entities", inside, media=LD)).status == 201
    plain = await client("GET", ONE)
    assert "https://example.org/town#level" in plain.json
    assert "ngsi-ld-core-context" in (plain.header("link") or "")
    named = await client("GET", "/entities/urn:ngsi-ld:Gauge:2", headers={"link": LINK})
    assert named.json["level"]["value"] == 1.5
    assert TOWN in (named.header("link") or "")
    linked = await client("GET", ONE, headers={"link": LINK, "accept": LD})
    assert linked.header("content-type") == LD
    assert linked.header("link") is None
    assert linked.json["@context"][0] == TOWN


@pytest.mark.parametrize(
    ("body", "media", "link"),
    [
        ({**gauge(), "@context": TOWN}, "application/json", ""),
        (gauge(), LD, ""),
        ({**gauge(), "@context": TOWN}, LD, LINK),
        ({**gauge(), "@context": 5}, LD, ""),
    ],
    ids=["inside json", "missing in ld+json", "twice", "a number"],
)
async def test_a_context_stands_in_one_right_place(client: Client, body: Any, media: str, link: str) -> None:
    headers = {"link": link} if link else {}
    assert (await client("POST", "/entities", body, media=media, headers=headers)).kind == "BadRequestData"


async def test_a_context_that_cannot_be_had_is_said(client: Client) -> None:
    body = {**gauge(), "@context": "https://example.org/nowhere.jsonld"}
    assert (await client("POST", "/entities", body, media=LD)).kind == "LdContextNotAvailable"


@pytest.mark.parametrize(
    ("options", "level"),
    [
        ("options=keyValues", 1.5),
        ("format=simplified", 1.5),
        ("format=concise", {"value": 1.5, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"}),
        ("options=normalized", gauge()["level"]),
        ("format=concise&options=keyValues", {"value": 1.5, "unitCode": "MTR", "observedAt": "2026-01-01T00:00:00Z"}),
    ],
)
async def test_forms(client: Client, options: str, level: Any) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("GET", ONE, query=options)).json["level"] == level


async def test_system_attributes_are_given_when_asked_for(client: Client) -> None:
    await client("POST", "/entities", gauge())
    assert "createdAt" not in (await client("GET", ONE)).json
    assert (await client("GET", ONE, query="options=sysAttrs")).json["createdAt"] == "2026-01-01T00:00:00.000Z"


async def test_geojson(client: Client) -> None:
    await client("POST", "/entities", gauge(location=place(136.2, 36.0), area=place(1, 2)))
    geo = {"accept": "application/geo+json"}
    feature = await client("GET", ONE, headers=geo)
    assert feature.header("content-type") == "application/geo+json"
    assert feature.json["geometry"] == {"type": "Point", "coordinates": [136.2, 36.0]}
    assert feature.json["@context"]
    other = await client("GET", ONE, query="geometryProperty=area", headers={**geo, "prefer": "body=json"})
    assert other.json["geometry"]["coordinates"] == [1, 2]
    assert "@context" not in other.json
    assert other.header("link")
    many = await client("GET", "/entities", query="type=Gauge", headers=geo)
    assert (many.json["type"], len(many.json["features"])) == ("FeatureCollection", 1)
    assert (await client("GET", ONE, query="geometryProperty=area")).kind == "BadRequestData"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/ld+json, application/json", "application/json"),
        ("application/json;q=0.1, application/ld+json;q=0.9", LD),
        ("application/json;q=0, */*", LD),
        ("*/*;q=0.9, application/ld+json;q=0.8", "application/json"),
        ("application/ld+json;q=high", LD),
        ("text/html, application/*;q=0.3", "application/json"),
    ],
)
async def test_the_best_accepted_form_is_given(client: Client, accept: str, media: str) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("GET", ONE, headers={"accept": accept})).header("content-type") == media


@pytest.mark.parametrize("path", [ONE, "/entities?type=Gauge", "/types", "/subscriptions", "/temporal/entities?type=G"])
async def test_what_cannot_be_given_in_an_accepted_form_is_refused(client: Client, path: str) -> None:
    path, _, query = path.partition("?")
    assert (await client("GET", path, query=query, headers={"accept": "text/html"})).kind == "NotAcceptable"


async def test_projection(client: Client) -> None:
    await client("POST", "/entities", gauge(name={"type": "Property", "value": "a"}, scope="/Fukui"))
    assert set((await client("GET", ONE, query="pick=id,level")).json) == {"id", "level"}
    assert set((await client("GET", ONE, query="omit=level,scope")).json) == {"id", "type", "name"}
    assert set((await client("GET", ONE, query="attrs=level")).json) == {"id", "type", "scope", "level"}
    assert (await client("GET", ONE, query="attrs=other")).kind == "ResourceNotFound"
    assert (await client("GET", ONE, query="pick=other")).kind == "ResourceNotFound"
    for wrong in (
        "pick=level&omit=level",
        "pick=level&attrs=name",
        "pick=id,,name",
        "pick=a{b}",
        "pick=a;b",
        "attrs=id",
    ):
        assert (await client("GET", ONE, query=wrong)).kind == "BadRequestData", wrong


async def test_a_type_selector_guards_reading_and_writing(client: Client) -> None:
    await client("POST", "/entities", gauge())
    assert (await client("GET", ONE, query="type=Sign")).kind == "ResourceNotFound"
    assert (await client("GET", ONE, query="type=Gauge")).status == 200
    assert (await client("DELETE", ONE, query="type=Sign")).kind == "ResourceNotFound"
    change = {"level": {"type": "Property", "value": 9}}
    assert (await client("PATCH", f"{ONE}/attrs", change, query="type=Sign")).kind == "ResourceNotFound"
    assert (await client("PATCH", f"{ONE}/attrs", change, query="type=Gauge|Sign")).status == 204


async def test_merge_in_simplified_form_and_with_a_moment(client: Client) -> None:
    await client("POST", "/entities", gauge())
    query = "options=keyValues&observedAt=2026-02-01T00:00:00Z"
    assert (await client("PATCH", ONE, {"level": 7}, query=query, media="application/merge-patch+json")).status == 204
    level = (await client("GET", ONE)).json["level"]
    assert (level["value"], level["observedAt"]) == (7, "2026-02-01T00:00:00Z")
    assert (await client("PATCH", ONE, {"level": 7}, query="observedAt=2026-02-01")).kind == "BadRequestData"
    other = {"id": "urn:ngsi-ld:Gauge:2", "level": {"type": "Property", "value": 1}}
    assert (await client("PATCH", ONE, other)).kind == "BadRequestData"


async def test_a_merge_may_name_a_members_part_alone(any_client: Client) -> None:
    """Clause 5.5.12: what is not named stays, at every depth."""
    since: dict[str, Any] = {"type": "Property", "value": 1, "unitCode": "ANN"}
    owner = {"type": "Relationship", "object": "urn:x:1", "since": since}
    await any_client("POST", "/entities", gauge(owner=owner, many=[{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}]))
    change = {
        "level": {"unitCode": "CMT"},
        "owner": {"type": "Relationship", "since": {"observedAt": "2026-01-02T00:00:00Z"}},
        "many": {"datasetId": "urn:d:1", "unitCode": "MTR"},
    }
    assert (await any_client("PATCH", ONE, change)).status == 204
    found = (await any_client("GET", ONE)).json
    assert found["level"] == {**gauge()["level"], "unitCode": "CMT", "observedAt": found["level"]["observedAt"]}
    assert found["owner"]["since"] == {**since, "observedAt": found["owner"]["since"]["observedAt"]}
    assert [one.get("unitCode") for one in found["many"]] == [None, "MTR"]
    batch = [{"id": gauge()["id"], "type": "Gauge", "level": {"unitCode": "urn:ngsi-ld:null"}}]
    assert (await any_client("POST", "/entityOperations/merge", batch)).status == 204
    assert "unitCode" not in (await any_client("GET", ONE)).json["level"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depth": {"unitCode": "CMT"}}, "not there yet"),
        ({"level": {"datasetId": "urn:d:1", "unitCode": "CMT"}}, "not there yet"),
        ({"level": {"type": "Property", "by": {"unitCode": "CMT"}}}, "by is not there yet"),
        ({"depth": {"value": 1, "by": {"observedAt": "2026-01-02T00:00:00Z"}}}, "by is not there yet"),
        ({"owner": {"unitCode": "CMT"}}, "no unitCode"),
        ({"level": {"type": "Relationship", "unitCode": "CMT"}}, "no unitCode"),
        ({"level": {"type": "GeoProperty"}}, "type cannot become"),
    ],
)
async def test_a_merge_of_a_part_fits_what_is_there(client: Client, change: Any, words: str) -> None:
    await client("POST", "/entities", gauge(owner={"type": "Relationship", "object": "urn:x:1"}))
    before = (await client("GET", ONE)).json
    refused = await client("PATCH", ONE, change)
    assert refused.kind == "BadRequestData"
    assert words in refused.json["detail"]
    assert (await client("GET", ONE)).json == before


@pytest.mark.parametrize(("method", "path"), [("PATCH", f"{ONE}/attrs"), ("POST", f"{ONE}/attrs"), ("PUT", ONE)])
async def test_elsewhere_an_attribute_is_whole(client: Client, method: str, path: str) -> None:
    await client("POST", "/entities", gauge())
    refused = await client(method, path, {"type": "Gauge", "level": {"unitCode": "CMT"}})
    assert refused.kind == "BadRequestData"


async def test_ids_may_hold_slashes_and_other_letters(client: Client) -> None:
    body = {**gauge(), "id": "https://example.org/川/1?a=b"}
    made = await client("POST", "/entities", body)
    place_of = made.header("location")
    assert place_of is not None
    assert (await client("GET", place_of)).json["id"] == body["id"]
    assert (await client("DELETE", place_of + "/")).status == 204
