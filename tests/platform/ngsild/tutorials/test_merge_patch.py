"""The tutorial on merge-patch and PUT (clauses 5.6.17 and 5.6.18): a fragment changes what it names, a PUT all."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.tutorials.farm import done, n, point, seen

SABAE, ECHIZEN = n("Town", 1), n("Town", 2)
TOWN: dict[str, Any] = {
    "id": SABAE,
    "type": "Town",
    "temperature": {
        "type": "Property",
        "value": 12,
        "unitCode": "CEL",
        "observedAt": "2026-03-14T11:00:00.000Z",
        "precision": {"type": "Property", "value": 0.9, "unitCode": "C62"},
    },
    "population": {"type": "Property", "value": 68_000, "observedAt": "2026-01-01T00:00:00.000Z"},
    "location": {"type": "GeoProperty", "value": point(136.18, 35.95)},
    "address": {"type": "Property", "value": {"addressRegion": "福井県", "addressLocality": "鯖江市"}},
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "鯖江", "en": "Sabae"}},
    "runBy": {"type": "Relationship", "object": n("Office", "sabae")},
}


@pytest.fixture
async def town(client: Client) -> Client:
    await done(client, "POST", "/entities", TOWN)
    await done(client, "POST", "/entities", {**TOWN, "id": ECHIZEN})
    return client


async def part(client: Client, *names: str, query: str = "") -> dict[str, Any]:
    whole = await seen(client, f"/entities/{SABAE}", query)
    return {name: whole.get(name) for name in names}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/entities/", {"DELETE", "GET", "HEAD", "POST"}),
        (f"/entities/{SABAE}", {"DELETE", "GET", "HEAD", "PATCH", "PUT"}),
        (f"/entities/{SABAE}/attrs", {"PATCH", "POST"}),
        (f"/entities/{SABAE}/attrs/temperature", {"DELETE", "PATCH", "PUT"}),
    ],
)
async def test_a_resource_says_its_methods(client: Client, path: str, methods: set[str]) -> None:
    told = await client("OPTIONS", path)
    assert (told.status, told.body) == (204, b"")
    assert set((told.header("allow") or "").split(", ")) == methods
    patch = {"application/json", "application/ld+json", "application/merge-patch+json"}
    assert set((told.header("accept-patch") or "").split(", ")) == (patch if "PATCH" in methods else {""}), "RFC 5789"


@pytest.mark.parametrize("body", [{"temperature": {"type": "Property", "value": 25}}, {"temperature": 25}])
async def test_what_the_fragment_does_not_name_stays(town: Client, body: dict[str, Any]) -> None:
    await done(town, "PATCH", f"/entities/{SABAE}", {**body, "location": point(136.2, 35.9)})
    assert await part(town, "temperature", "location") == {
        "temperature": {**TOWN["temperature"], "value": 25},
        "location": {"type": "GeoProperty", "value": point(136.2, 35.9)},
    }
    assert await seen(town, f"/entities/{ECHIZEN}") == {**TOWN, "id": ECHIZEN}


@pytest.mark.parametrize("kind", [{"type": "Property"}, {}])
async def test_members_and_sub_attributes_are_merged(town: Client, kind: dict[str, Any]) -> None:
    moment = "2026-03-14T12:51:02.000Z"
    short = {**kind, "value": 7, "observedAt": moment, "precision": {**kind, "value": 0.95, "unitCode": "C62"}}
    await done(town, "PATCH", f"/entities/{SABAE}", {"temperature": short})
    precision = {"type": "Property", "value": 0.95, "unitCode": "C62"}
    assert await seen(town, f"/entities/{SABAE}", "pick=id,type,temperature") == {
        "id": SABAE,
        "type": "Town",
        "temperature": {
            "type": "Property",
            "value": 7,
            "unitCode": "CEL",
            "observedAt": moment,
            "precision": precision,
        },
    }


async def test_languages_are_merged_and_the_null_deletes(town: Client) -> None:
    fragment = {
        "category": "めがねのまち",
        "name": {"languageMap": {"en": "Sabae City", "ko": "사바에"}},
        "temperature": "urn:ngsi-ld:null",
    }
    await done(town, "PATCH", f"/entities/{SABAE}", fragment)
    now = await seen(town, f"/entities/{SABAE}", "format=concise")
    assert now["name"] == {"languageMap": {"ja": "鯖江", "en": "Sabae City", "ko": "사바에"}}
    assert now["category"] == "めがねのまち"
    assert "temperature" not in now
    assert now["population"] == {"value": 68_000, "observedAt": "2026-01-01T00:00:00.000Z"}


async def test_a_value_that_is_an_object_is_merged(town: Client) -> None:
    fragment = {"address": {"value": {"addressLocality": "越前市", "postalCode": "915-0000"}, "verified": "true"}}
    await done(town, "PATCH", f"/entities/{SABAE}", fragment)
    assert (await part(town, "address"))["address"] == {
        "type": "Property",
        "value": {"addressRegion": "福井県", "addressLocality": "越前市", "postalCode": "915-0000"},
        "verified": {"type": "Property", "value": "true"},
    }


async def test_simplified_fragments_keep_the_kinds(town: Client) -> None:
    fragment = {
        "temperature": 19,
        "location": point(136.17, 35.9),
        "address": {"addressLocality": "越前町", "postalCode": "916-0000"},
        "runBy": n("Office", "echizen"),
    }
    await done(town, "PATCH", f"/entities/{SABAE}", fragment, query="format=simplified")
    assert await part(town, "temperature", "location", "address", "runBy") == {
        "temperature": {**TOWN["temperature"], "value": 19},
        "location": {"type": "GeoProperty", "value": point(136.17, 35.9)},
        "address": {
            "type": "Property",
            "value": {"addressRegion": "福井県", "addressLocality": "越前町", "postalCode": "916-0000"},
        },
        "runBy": {"type": "Relationship", "object": n("Office", "echizen")},
    }


async def test_one_moment_for_all_of_a_fragment(town: Client) -> None:
    moment = "2026-10-10T10:10:00.000Z"
    fragment = {"temperature": 19, "location": point(136.17, 35.9), "runBy": n("Office", 3)}
    await done(town, "PATCH", f"/entities/{SABAE}", fragment, query=f"format=simplified&observedAt={moment}")
    now = await seen(town, f"/entities/{SABAE}")
    assert now["temperature"]["observedAt"] == moment
    assert now["population"] == TOWN["population"], "what was not sent was not observed"


async def test_a_simplified_fragment_in_one_language(town: Client) -> None:
    fragment = {"temperature": 19, "population": 67_500, "name": "Sabae, not Sabee"}
    await done(town, "PATCH", f"/entities/{SABAE}", fragment, query="format=simplified&lang=en")
    assert await part(town, "name", "population", query="format=simplified") == {
        "name": {"languageMap": {"ja": "鯖江", "en": "Sabae, not Sabee"}},
        "population": 67_500,
    }


async def test_a_put_replaces_all(town: Client) -> None:
    moment = "2026-06-30T00:00:00.000Z"
    whole: dict[str, Any] = {
        "type": "Town",
        "temperature": {"type": "Property", "value": 25, "unitCode": "CEL", "observedAt": moment},
        "location": {"type": "GeoProperty", "value": point(136.17, 35.9)},
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "越前", "en": "Echizen"}},
    }
    short: dict[str, Any] = {
        "type": "Town",
        "temperature": {"value": 25, "unitCode": "CEL", "observedAt": moment},
        "location": point(136.17, 35.9),
        "name": {"languageMap": {"ja": "越前", "en": "Echizen"}},
    }
    for body in (whole, short):
        await done(town, "PATCH", f"/entities/{ECHIZEN}", {"population": 1})
        await done(town, "PUT", f"/entities/{ECHIZEN}", body)
        assert await seen(town, f"/entities/{ECHIZEN}") == {"id": ECHIZEN, **whole}
