"""Hosting, listing, serving, deleting and reloading @contexts, rule by rule (clauses 5.13.2 to 5.13.5)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import HERE, JSON, LD, LINK, TOWN, Client, gauge
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import CORE_CONTEXT, DEFAULT_VOCAB
from kumihimo.platform.ngsild.api import routes

ALL = "/jsonldContexts"
TERMS = {"Gauge": "https://example.org/own#Gauge", "level": "https://example.org/own#level"}
PLACE = "https://contexts.example/c.jsonld"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"


def one(name: str) -> str:
    return f"{ALL}/{quote(name, safe='')}"


def link(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


async def host(client: Client, body: Any) -> str:
    reply = await client("POST", ALL, body)
    assert reply.status == 201, reply.body
    return (reply.header("location") or "").rpartition("/")[2]


class Web:
    """The pages of other hosts, and which were asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []

    async def fetch(self, method: str, url: str, **options: Any) -> HttpAnswer:
        self.asked.append(url)
        page = self.pages.get(url, OSError("away"))
        if isinstance(page, Exception):
            raise page
        return HttpAnswer(200, {}, page if isinstance(page, bytes) else json.dumps(page).encode())


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
async def reaching(database_factory: DatabaseFactory, fake_clock: FakeClock, web: Web) -> Client:
    """A client of a platform that may fetch from those hosts."""
    face = await make_face(await database_factory(SCHEMAS), fake_clock)
    face.contexts = Contexts(web.fetch, shelf=face.shelf, clock=fake_clock, address=lambda: HERE)
    client = Client(Starlette(routes=routes(face)))
    await client("GET", "/types")  # the tenant is there, so that copies are kept from the first on
    return client


# --- adding ------------------------------------------------------------------------------------------------


GIVEN: list[Any] = [
    TERMS,
    {},
    [],
    [TERMS, CORE_CONTEXT],
    TOWN,
    {"@vocab": "https://example.org/v/", "@base": "https://example.org/", "@version": 1.1, "@language": "ja"},
    {"ex": "https://example.org/", "level": {"@id": "ex:level", "@type": "@id"}, "水位": "ex:level"},
    {"level": {"@id": "https://example.org/level", "@container": "@set"}, "name": None},
]


async def test_what_is_hosted_is_served_as_it_was_given(client: Client) -> None:
    for given in GIVEN:
        id_ = await host(client, {"@context": given})
        served = await client("GET", one(id_))
        assert (served.status, served.json) == (200, {"@context": given})


async def test_each_gets_an_id_of_its_own(client: Client) -> None:
    ids = [await host(client, {"@context": TERMS}) for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(id_.startswith("urn:ngsi-ld:Context:") for id_ in ids)
    addresses = [f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}" for id_ in ids]
    assert sorted((await client("GET", ALL, query="kind=Hosted")).json) == sorted(addresses)


async def test_only_the_context_is_kept(client: Client) -> None:
    id_ = await host(client, {"id": "urn:x:1", "@context": TERMS, "name": "ours", "@graph": []})
    assert (await client("GET", one(id_))).json == {"@context": TERMS}


@pytest.mark.parametrize("media", [JSON, LD])
async def test_both_media_types_are_taken(client: Client, media: str) -> None:
    made = await client("POST", ALL, {"@context": TERMS}, media=media)
    assert (made.status, made.body) == (201, b"")
    assert (await client("GET", made.header("location") or "")).json == {"@context": TERMS}


async def test_what_is_no_context_is_bad_data(client: Client) -> None:
    wrong: list[Any] = [5, 1.5, True, False, None, "", "no address", {"a": 5}, {"a": []}, [5], [None, True], [[["x"]]]]
    for given in wrong:
        assert (await client("POST", ALL, {"@context": given})).kind == "BadRequestData", given
    assert (await client("GET", ALL, query="kind=Hosted")).json == []


async def test_other_media_types_and_methods_are_refused(client: Client) -> None:
    for media in ("text/plain", "text/turtle", "application/xml", ""):
        assert (await client("POST", ALL, {"@context": TERMS}, media=media)).kind == "UnsupportedMediaType"
    for method in ("PUT", "PATCH", "DELETE"):
        refused = await client(method, ALL)
        assert (refused.status, refused.kind, refused.header("allow")) == (405, "MethodNotAllowed", "GET, HEAD, POST")
    for method in ("PUT", "PATCH", "POST"):
        refused = await client(method, one(CORE_CONTEXT))
        assert (refused.status, refused.kind, refused.header("allow")) == (405, "MethodNotAllowed", "DELETE, GET, HEAD")


async def test_a_body_that_is_none_is_an_invalid_request(client: Client) -> None:
    for text in (b"", b"{", b"[]", b"5", b'{"@context": {}', b'"https://example.org/c.jsonld"', b"{}", b'{"a": {}}'):
        assert (await client("POST", ALL, text)).kind == "InvalidRequest", text


# --- listing -----------------------------------------------------------------------------------------------


async def test_lists_by_kind(client: Client) -> None:
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    id_ = await host(client, {"@context": TERMS})
    query = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": TERMS}
    found = await client("POST", "/entityOperations/query", query, media=LD)
    implicit = (found.header("link") or "").partition(">")[0].removeprefix("<")
    hosted = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    kinds = {"Cached": [CORE_CONTEXT, TOWN], "Hosted": [hosted], "ImplicitlyCreated": [implicit]}
    for kind, urls in kinds.items():
        assert (await client("GET", ALL, query={"kind": kind})).json == urls
        assert (await client("GET", ALL, query={"kind": kind, "details": "false"})).json == urls
        detailed = (await client("GET", ALL, query={"kind": kind, "details": "true"})).json
        assert [(each["URL"], each["kind"]) for each in detailed] == [(url, kind) for url in urls]
        assert all(each["localId"] and each["createdAt"] for each in detailed)
        for each in detailed:
            told = (await client("GET", one(each["localId"]), query="details=true")).json
            assert (told["URL"], told["kind"]) == (each["URL"], kind)
    assert sorted((await client("GET", ALL)).json) == sorted(url for urls in kinds.values() for url in urls)
    assert len((await client("GET", ALL, query="details=true")).json) == 4
    empty = await client.of("sabae")("GET", ALL, query="kind=Hosted")
    assert (empty.status, empty.json) == (200, [])


# --- serving -----------------------------------------------------------------------------------------------


async def test_details_may_be_refused_by_name(client: Client) -> None:
    id_ = await host(client, {"@context": TERMS})
    assert (await client("GET", one(id_), query="details=false")).json == {"@context": TERMS}
    told = (await client("GET", one(id_), query="details=true")).json
    assert "@context" not in told
    assert (await client("GET", one(TOWN), query="details=false")).kind == "ResourceNotFound"


async def test_a_context_is_paired_with_the_core_of_a_version(client: Client) -> None:
    """The `core` parameter is that of the successor text, TS 104 175, clause 13.4."""
    id_ = await host(client, {"@context": TERMS})
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    for core in ("1.3", "1.6", "1.9"):
        for name, address in ((id_, f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"), (TOWN, TOWN)):
            paired = await client("GET", one(name), query={"core": core})
            assert (paired.status, paired.json) == (200, {"@context": [address, f"{CORE}-v{core}.jsonld"]})
    made = await client("POST", "/entities", {**gauge(2), **paired.json}, media=LD)
    assert made.status == 201, "what is served can be used as an @context"
    assert "https://example.org/town#level" in (await client("GET", "/entities/urn:ngsi-ld:Gauge:2")).json


async def test_a_core_that_is_no_version_is_bad_data(client: Client) -> None:
    id_ = await host(client, {"@context": TERMS})
    for core in ("1", "1.", ".9", "v1.9", "1.9.1", "one", "1.x", "0.9", "1.2", "1.10", "2.0", "-1.9", " 1.9"):
        assert (await client("GET", one(id_), query={"core": core})).kind == "BadRequestData", core


async def test_core_and_details_exclude_each_other(client: Client) -> None:
    id_ = await host(client, {"@context": TERMS})
    for details in ("true", "false"):
        assert (await client("GET", one(id_), query={"core": "1.9", "details": details})).kind == "BadRequestData"
    assert (await client("GET", one("urn:ngsi-ld:Context:none"), query="core=1.9")).kind == "ResourceNotFound"


# --- deleting and reloading --------------------------------------------------------------------------------


async def test_what_is_deleted_is_gone_and_cannot_be_deleted_again(client: Client) -> None:
    id_ = await host(client, {"@context": TERMS})
    await client("POST", "/entities", gauge(), headers={"link": LINK})
    for name in (id_, TOWN):
        gone = await client("DELETE", one(name))
        assert (gone.status, gone.body) == (204, b"")
        again = await client("DELETE", one(name))
        assert (again.status, again.kind) == (404, "ResourceNotFound")
        for details in ("", "details=true"):
            assert (await client("GET", one(name), query=details)).kind == "ResourceNotFound"
    assert (await client("GET", ALL)).json == [CORE_CONTEXT]


async def test_what_an_array_names_outlives_it(reaching: Client, web: Web) -> None:
    web.pages[PLACE] = {"@context": TERMS}
    inner = await host(reaching, {"@context": {"depth": "https://example.org/own#depth"}})
    hosted = f"{HERE}/ngsi-ld/v1/jsonldContexts/{inner}"
    outer = await host(reaching, {"@context": [PLACE, hosted]})
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{outer}"
    assert (await reaching("POST", "/entities", gauge(depth=1), headers=link(address))).status == 201
    assert (await reaching("DELETE", one(outer))).status == 204
    assert (await reaching("GET", one(inner))).json == {"@context": {"depth": "https://example.org/own#depth"}}
    assert (await reaching("GET", one(PLACE), query="details=true")).json["kind"] == "Cached"
    found = await reaching("GET", "/entities", query="type=Gauge", headers=link(PLACE))
    assert found.json[0]["level"]["value"] == 1.5
    assert web.asked == [PLACE]


async def test_a_deleted_copy_is_not_fetched_and_is_when_it_is_used_again(reaching: Client, web: Web) -> None:
    web.pages[PLACE] = {"@context": TERMS}
    assert (await reaching("POST", "/entities", gauge(), headers=link(PLACE))).status == 201
    assert (await reaching("DELETE", one(PLACE), query="reload=false")).status == 204
    assert web.asked == [PLACE]
    assert (await reaching("GET", one(PLACE), query="details=true")).kind == "ResourceNotFound"
    assert (await reaching("GET", "/types", headers=link(PLACE))).status == 200
    assert web.asked == [PLACE, PLACE]


async def test_a_reload_puts_what_came_in_the_place_of_the_copy(reaching: Client, web: Web) -> None:
    web.pages[PLACE] = {"@context": TERMS}
    await reaching("POST", "/entities", gauge(1), headers=link(PLACE))
    web.pages[PLACE] = {"@context": {"Gauge": TERMS["Gauge"], "level": "https://example.org/new#level"}}
    await reaching("POST", "/entities", gauge(2), headers=link(PLACE))
    reloaded = await reaching("DELETE", one(PLACE), query="reload=true")
    assert (reloaded.status, reloaded.body, web.asked) == (204, b"", [PLACE, PLACE])
    await reaching("POST", "/entities", gauge(3), headers=link(PLACE))
    names = [set((await reaching("GET", f"/entities/urn:ngsi-ld:Gauge:{number}")).json) for number in (1, 2, 3)]
    assert [TERMS["level"] in each for each in names] == [True, True, False]
    assert "https://example.org/new#level" in names[2]
    assert (await reaching("GET", ALL, query="kind=Cached")).json == [CORE_CONTEXT, PLACE]


async def test_a_reload_that_fails_says_why_and_changes_nothing(reaching: Client, web: Web) -> None:
    web.pages[PLACE] = {"@context": TERMS}
    await reaching("POST", "/entities", gauge(), headers=link(PLACE))
    before = (await reaching("GET", one(PLACE), query="details=true")).json
    wrong = [OSError("away"), b"<html>", {"no": "context"}, {"@context": {"level": 5}}, {"@context": 5}]
    for page in wrong:
        web.pages[PLACE] = page
        failed = await reaching("DELETE", one(PLACE), query="reload=true")
        assert (failed.status, failed.kind) == (504, "LdContextNotAvailable")
        assert "contexts.example" in failed.json["detail"], page
        after = (await reaching("GET", one(PLACE), query="details=true")).json
        assert after == {**before, "numberOfHits": after["numberOfHits"]}
    found = await reaching("GET", "/entities", query="type=Gauge", headers=link(PLACE))
    assert [each["level"]["value"] for each in found.json] == [1.5]


async def test_only_copies_can_be_reloaded(client: Client) -> None:
    id_ = await host(client, {"@context": TERMS})
    refused = await client("DELETE", one(id_), query="reload=true")
    assert (refused.status, refused.kind) == (400, "BadRequestData")
    assert (await client("GET", one(id_))).json == {"@context": TERMS}
    for reload in ("yes", "TRUE", "1"):
        assert (await client("DELETE", one(id_), query={"reload": reload})).kind == "BadRequestData"
    assert (await client("DELETE", one(id_), query="reload=false")).status == 204


async def test_without_an_id_nothing_is_deleted(client: Client) -> None:
    """A path that lacks the id is the collection's, which has no DELETE."""
    await host(client, {"@context": TERMS})
    for query in ("", "reload=true"):
        assert (await client("DELETE", f"{ALL}/", query=query)).kind == "MethodNotAllowed"
    assert len((await client("GET", ALL, query="kind=Hosted")).json) == 1


# --- what is implicitly created ----------------------------------------------------------------------------


async def test_what_is_implicitly_created_can_be_deleted(client: Client) -> None:
    query = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": TERMS}
    found = await client("POST", "/entityOperations/query", query, media=LD)
    id_ = (found.header("link") or "").partition(">")[0].rpartition("/")[2]
    assert (await client("GET", one(id_), query="details=true")).json["kind"] == "ImplicitlyCreated"
    assert (await client("DELETE", one(id_), query="reload=true")).kind == "BadRequestData"
    assert (await client("DELETE", one(id_))).status == 204
    assert (await client("GET", one(id_))).kind == "ResourceNotFound"
    again = await client("POST", "/entityOperations/query", query, media=LD)
    assert again.header("link") == found.header("link")
    assert (await client("GET", one(id_))).json == {"@context": [TERMS, CORE_CONTEXT]}


async def test_an_entity_keeps_its_names_when_its_context_goes(client: Client) -> None:
    id_ = await host(client, {"@context": TERMS})
    address = f"{HERE}/ngsi-ld/v1/jsonldContexts/{id_}"
    await client("POST", "/entities", gauge(), headers=link(address))
    assert (await client("DELETE", one(id_))).status == 204
    told = (await client("GET", "/entities/urn:ngsi-ld:Gauge:1")).json
    assert (told["type"], TERMS["level"] in told, DEFAULT_VOCAB + "level" in told) == (TERMS["Gauge"], True, False)
