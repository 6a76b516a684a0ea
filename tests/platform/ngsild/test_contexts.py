"""@contexts that a tenant keeps, as clients ask for them (clauses 5.13, 6.29 and 6.30)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import HERE, LD, LINK, TOWN, Client, gauge
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import CORE_CONTEXT
from kumihimo.platform.ngsild.api import Face, routes

TERMS = {"Gauge": "https://example.org/own#Gauge", "level": "https://example.org/own#level"}
ALL = "/jsonldContexts"


def one(name: str) -> str:
    return f"{ALL}/{quote(name, safe='')}"


def link(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


async def host(client: Client, terms: Any = TERMS) -> str:
    reply = await client("POST", ALL, {"@context": terms})
    assert (reply.status, reply.body) == (201, b"")
    place = reply.header("location")
    assert place is not None
    assert place.startswith("/ngsi-ld/v1/jsonldContexts/urn:ngsi-ld:Context:")
    return place.rpartition("/")[2]


async def kinds(client: Client) -> dict[str, str]:
    listed = (await client("GET", ALL, query={"details": "true"})).json
    return {entry["URL"]: entry["kind"] for entry in listed}


async def test_a_hosted_context_is_served_and_names_are_read_by_it(any_client: Client) -> None:
    id_ = await host(any_client)
    served = await any_client("GET", one(id_))
    assert (served.status, served.header("content-type"), served.json) == (200, "application/json", {"@context": TERMS})
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    assert (await any_client("POST", "/entities", gauge(), headers=link(address))).status == 201
    found = await any_client("GET", "/entities", query={"type": "https://example.org/own#Gauge"}, headers=link(address))
    assert [entity["type"] for entity in found.json] == ["Gauge"]
    assert (found.header("link") or "").startswith(f"<{address}>")


async def test_what_is_known_of_a_context_is_told(any_client: Client) -> None:
    id_ = await host(any_client)
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    first = (await any_client("GET", one(id_), query={"details": "true"})).json
    assert first == {
        "URL": address,
        "localId": id_,
        "kind": "Hosted",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "numberOfHits": 0,
    }
    await any_client("POST", "/entities", gauge(), headers=link(address))
    second = (await any_client("GET", one(id_), query={"details": "true"})).json
    assert (second["numberOfHits"], second["lastUsage"]) == (2, "2026-01-01T00:00:00.000Z")
    assert (await any_client("GET", ALL, query={"kind": "Hosted"})).json == [address]


async def test_a_context_that_was_used_is_listed_as_a_copy(client: Client) -> None:
    assert await kinds(client) == {CORE_CONTEXT: "Cached"}
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    assert await kinds(client) == {CORE_CONTEXT: "Cached", TOWN: "Cached"}
    assert (await client("GET", one(TOWN), query={"details": "true"})).json["numberOfHits"] == 1
    assert (await client("GET", one(TOWN))).kind == "OperationNotSupported"
    assert (await client("GET", one(CORE_CONTEXT))).kind == "OperationNotSupported"
    assert (await client("DELETE", one(TOWN))).status == 204
    assert await kinds(client) == {CORE_CONTEXT: "Cached"}


async def test_a_query_with_a_context_of_its_own_gets_an_address_for_it(any_client: Client) -> None:
    await any_client("POST", "/entities", {**gauge(), "@context": TERMS}, media=LD)
    query = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": TERMS}
    links = set()
    for _ in range(2):
        found = await any_client("POST", "/entityOperations/query", query, media=LD)
        assert [entity["type"] for entity in found.json] == ["Gauge"]
        links.add(found.header("link"))
    [given] = links
    address = (given or "").partition(">")[0].removeprefix("<")
    assert address.startswith(f"{HERE}/ngsi-ld/v1/jsonldContexts/")
    served = await any_client("GET", one(address.rpartition("/")[2]))
    assert served.json == {"@context": [TERMS, CORE_CONTEXT]}
    assert (await any_client("GET", ALL, query={"kind": "ImplicitlyCreated"})).json == [address]
    again = await any_client("GET", "/entities", query={"type": "Gauge"}, headers=link(address))
    assert [entity["type"] for entity in again.json] == ["Gauge"]


async def test_a_temporal_query_gets_one_too_and_json_ld_none(client: Client) -> None:
    query = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": TERMS}
    await client("POST", "/entities", {**gauge(), "@context": TERMS}, media=LD)
    found = await client("POST", "/entityOperations/query", query, media=LD, headers={"accept": LD})
    assert found.header("link") is None
    assert (await client("GET", ALL, query={"kind": "ImplicitlyCreated"})).json == []
    past = {**query, "temporalQ": {"timerel": "after", "timeAt": "2000-01-01T00:00:00Z"}}
    found = await client("POST", "/temporal/entityOperations/query", past, media=LD)
    assert f"<{HERE}/ngsi-ld/v1/jsonldContexts/" in (found.header("link") or "")


async def test_a_subscription_says_by_which_context_it_notifies(any_client: Client) -> None:
    body: dict[str, Any] = {
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://town.example/"}},
    }
    plain = (await any_client("POST", "/subscriptions", body)).header("location") or ""
    named = (await any_client("POST", "/subscriptions", body, headers={"link": LINK})).header("location") or ""
    inline = (await any_client("POST", "/subscriptions", {**body, "@context": TERMS}, media=LD)).header(
        "location"
    ) or ""
    told = [
        (await any_client("GET", place.removeprefix("/ngsi-ld/v1"))).json["jsonldContext"]
        for place in (plain, named, inline)
    ]
    assert told[:2] == [CORE_CONTEXT, TOWN]
    served = await any_client("GET", one(told[2].rpartition("/")[2]))
    assert served.json == {"@context": [TERMS, CORE_CONTEXT]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"A": "urn:a"}, "InvalidRequest"),
        (b"{", "InvalidRequest"),
        ([], "InvalidRequest"),
        ({"@context": None}, "BadRequestData"),
        ({"@context": 42}, "BadRequestData"),
        ({"@context": ["https://example.org/c.jsonld", 7]}, "BadRequestData"),
        ({"@context": {"a": 5}}, "BadRequestData"),
        ({"@context": {"": "urn:a"}}, "BadRequestData"),
        ({"@context": "town.jsonld"}, "BadRequestData"),
        ({"@context": {"a": {"@id": "urn:a:", "@context": {"b": "urn:b:"}}}}, "BadRequestData"),
        ({"@context": {f"t{n}": "https://example.org/" + "x" * 100 for n in range(12_000)}}, "PayloadTooLarge"),
    ],
)
async def test_what_is_no_context_is_not_hosted(client: Client, body: Any, kind: str) -> None:
    assert (await client("POST", ALL, body)).kind == kind
    assert (await client("GET", ALL, query={"kind": "Hosted"})).json == []


async def test_no_context_of_a_request_holds_scoped_ones(client: Client) -> None:
    scoped = {"Gauge": {"@id": "https://example.org/Gauge", "@context": {"level": "https://example.org/hidden"}}}
    refused = await client("POST", "/entities", {**gauge(), "@context": [scoped, CORE_CONTEXT]}, media=LD)
    assert refused.kind == "BadRequestData"
    assert (await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).kind == "ResourceNotFound"
    made = await client("POST", "/entities", {**gauge(), "@context": [TERMS, CORE_CONTEXT]}, media=LD)
    assert made.status == 201


async def test_a_host_that_is_away_keeps_nobody_from_hosting(client: Client) -> None:
    id_ = await host(client, [TERMS, "https://away.example/c.jsonld"])
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    assert (await client("POST", "/entities", gauge(), headers=link(address))).kind == "LdContextNotAvailable"


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("GET", ALL, {"kind": "other"}, "BadRequestData"),
        ("GET", ALL, {"details": "other"}, "BadRequestData"),
        ("GET", one("urn:ngsi-ld:Context:none"), {}, "ResourceNotFound"),
        ("GET", one("urn:ngsi-ld:Context:none"), {"details": "true"}, "ResourceNotFound"),
        ("GET", one(CORE_CONTEXT), {"details": "maybe"}, "BadRequestData"),
        ("DELETE", one("urn:ngsi-ld:Context:none"), {}, "ResourceNotFound"),
        ("DELETE", one("urn:ngsi-ld:Context:none"), {"reload": "false"}, "ResourceNotFound"),
        ("DELETE", one("urn:ngsi-ld:Context:none"), {"reload": "true"}, "BadRequestData"),
        ("DELETE", one("urn:ngsi-ld:Context:none"), {"reload": "xxx"}, "BadRequestData"),
        ("DELETE", one(CORE_CONTEXT), {}, "BadRequestData"),
        ("PATCH", ALL, {}, "MethodNotAllowed"),
    ],
)
async def test_wrong_questions_are_refused(client: Client, method: str, path: str, query: Any, kind: str) -> None:
    await client("GET", "/types")
    assert (await client(method, path, query=query)).kind == kind


async def test_only_copies_are_reloaded(client: Client) -> None:
    id_ = await host(client)
    assert (await client("DELETE", one(id_), query={"reload": "true"})).kind == "BadRequestData"
    assert (await client("DELETE", one(CORE_CONTEXT), query={"reload": "true"})).status == 204
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    assert (await client("DELETE", one(TOWN), query={"reload": "true"})).status == 204
    assert (await client("GET", one(TOWN), query={"details": "true"})).status == 200


async def test_a_deleted_context_is_gone_for_its_readers(client: Client) -> None:
    id_ = await host(client)
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    assert (await client("GET", "/types", headers=link(address))).status == 200
    assert (await client("DELETE", one(id_))).status == 204
    assert (await client("GET", "/types", headers=link(address))).kind == "LdContextNotAvailable"
    assert (await client("DELETE", one(id_))).kind == "ResourceNotFound"


async def test_a_context_is_its_tenants_own(any_client: Client) -> None:
    fukui, sabae = any_client.of("fukui"), any_client.of("sabae")
    id_ = await host(fukui, {"canary": "https://example.org/canary"})
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    await fukui("GET", "/types", headers=link(address))
    await fukui("GET", "/types", headers={"link": LINK})
    for details in ("true", "false"):
        assert (await sabae("GET", ALL, query={"details": details})).status == 200
        told = (await sabae("GET", ALL, query={"details": details})).body.decode()
        assert id_ not in told
        assert TOWN not in told
        assert (await sabae("GET", one(id_), query={"details": details})).kind == "ResourceNotFound"
    assert (await sabae("DELETE", one(id_))).kind == "ResourceNotFound"
    assert (await sabae("GET", "/types", headers=link(address))).kind == "LdContextNotAvailable"
    assert (await fukui("GET", one(id_))).status == 200


async def test_a_reload_that_fails_keeps_the_copy(database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    place = "https://contexts.example/c.jsonld"
    pages: dict[str, Any] = {place: {"@context": TERMS}}

    async def fetch(method: str, url: str, **options: Any) -> HttpAnswer:
        page = pages[url]
        if isinstance(page, Exception):
            raise page
        return HttpAnswer(200, {}, json.dumps(page).encode())

    face = await make_face(await database_factory(SCHEMAS), fake_clock)
    face.contexts = Contexts(fetch, shelf=face.shelf, clock=fake_clock)
    client = Client(Starlette(routes=routes(face)))
    assert (await client("POST", "/entities", gauge(), headers=link(place))).status == 201
    for wrong in (OSError("away"), {"no": "context"}, {"@context": {"a": 5}}):
        pages[place] = wrong
        assert (await client("DELETE", one(place), query={"reload": "true"})).kind == "LdContextNotAvailable"
        kept = (await client("GET", one(place), query={"details": "true"})).json
        assert (kept["kind"], kept["expiresAt"]) == ("Cached", "2026-01-01T01:00:00.000Z")
    pages[place] = {"@context": {"Gauge": "https://example.org/new#Gauge"}}
    assert (await client("DELETE", one(place), query={"reload": "true"})).status == 204
    found = await client("GET", "/types", headers=link(place))
    assert found.json["typeList"] == ["https://example.org/own#Gauge"]


async def test_a_closed_house_hosts_nothing(database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    face: Face = await make_face(await database_factory(SCHEMAS), fake_clock, open_house=False)
    client = Client(Starlette(routes=routes(face)))
    for method, path in (("POST", ALL), ("GET", ALL), ("GET", one(CORE_CONTEXT)), ("DELETE", one(CORE_CONTEXT))):
        body = {"@context": TERMS} if method == "POST" else None
        assert (await client(method, path, body)).kind == "Unauthenticated"
