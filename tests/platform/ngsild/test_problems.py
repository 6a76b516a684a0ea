"""Errors: which type for what, and what the body says of it (clauses 5.5.2, 5.5.3 and 6.3.2)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.ngsild.calls import LD, TOWN, Client, gauge
from tests.platform.ngsild.conftest import SCHEMAS, make_face

from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.broker import ordering, parse
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.ngsild.api import Face, routes

ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
ONE = "/entities/urn:ngsi-ld:Gauge:1"
AWAY = {**gauge(2), "@context": "https://example.org/away.jsonld"}
CASES: list[tuple[str, int, str, str, Any, str]] = [
    ("InvalidRequest", 400, "POST", "/entities", b"{", ""),
    ("InvalidRequest", 400, "GET", "/entities", None, "type=Gauge&colour=red"),
    ("BadRequestData", 400, "POST", "/entities", {"type": "Gauge"}, ""),
    ("BadRequestData", 400, "GET", "/entities/gauge", None, ""),
    ("AlreadyExists", 409, "POST", "/entities", gauge(), ""),
    ("ResourceNotFound", 404, "GET", "/entities/urn:ngsi-ld:Gauge:9", None, ""),
    ("ResourceNotFound", 404, "PATCH", f"{ONE}/attrs/none", {"value": 1}, ""),
    ("OperationNotSupported", 422, "GET", "/jsonldContexts/" + TOWN.replace("/", "%2F"), None, ""),
    ("TooManyResults", 403, "GET", "/entities", None, "type=Gauge&limit=1001"),
    ("TooComplexQuery", 403, "GET", "/entities", None, "type=Gauge&q=" + "(" * 200 + "level" + ")" * 200),
    ("LdContextNotAvailable", 504, "POST", "/entities", AWAY, ""),
]


async def test_each_error_has_its_type_its_status_and_its_words(client: Client) -> None:
    await client("POST", "/entities", {**gauge(), "@context": TOWN}, media=LD)
    for kind, status, method, path, body, given in CASES:
        media = LD if body is AWAY else "application/json"
        refused = await client(method, path, body, query=given, media=media)
        assert (refused.status, refused.header("content-type")) == (status, "application/problem+json"), (kind, path)
        problem = refused.json
        assert (problem["type"], problem["status"]) == (ERRORS + kind, status), path
        assert problem["title"], kind
        assert len(problem["detail"]) > 10, kind
        assert refused.header("link") is None, kind


async def test_an_unknown_tenant_is_an_error_of_its_own(client: Client) -> None:
    refused = await client.of("katsuyama")("GET", ONE)
    assert (refused.status, refused.json["type"]) == (404, ERRORS + "NonexistentTenant")
    assert "katsuyama" in refused.json["detail"]


async def test_an_error_is_told_as_a_problem_whatever_is_accepted(client: Client) -> None:
    for accept in ("application/ld+json", "application/json", "*/*", "application/geo+json"):
        refused = await client("GET", ONE, headers={"accept": accept})
        assert (refused.status, refused.header("content-type")) == (404, "application/problem+json")


@pytest.mark.parametrize("path", [ONE, "/entities?type=Gauge", "/types", "/attributes", "/subscriptions"])
async def test_a_fault_of_ours_is_an_internal_error(
    client: Client, face: Face, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def broken(*given: Any, **more: Any) -> None:
        raise TimeoutError("the secret cause")

    for room, name in (
        (face.broker, "get_text"),
        (face.broker, "find_texts"),
        (face.broker, "types"),
        (face.broker, "census"),
        (face.delivery, "list"),
    ):
        monkeypatch.setattr(room, name, broken)
    bare, _, given = path.partition("?")
    failed = await client("GET", bare, query=given)
    assert (failed.status, failed.json["type"]) == (500, ERRORS + "InternalError")
    assert "secret" not in failed.json["detail"]
    assert failed.json["requestId"] in failed.json["detail"]


async def test_a_fault_in_a_batch_is_the_whole_batches(
    client: Client, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: Any) -> None:
        raise TimeoutError("the secret cause")

    monkeypatch.setattr(face.broker, "apply", broken)
    assert (await client("POST", "/entityOperations/create", [gauge(1), gauge(2)])).kind == "InternalError"


async def test_a_query_is_as_complex_as_it_may_be(client: Client) -> None:
    await client("POST", "/entities", gauge())
    most = "|".join(["level==1.5"] * parse.MAX_TERMS)
    taken = await client("GET", "/entities", query=f"type=Gauge&q={most}")
    assert (taken.status, len(taken.json)) == (200, 1)
    for text in (
        most + "|level==1.5",
        "level==" + ",".join(["1"] * (parse.MAX_VALUES + 1)),
        'level=="' + "x" * parse.MAX_LENGTH + '"',
    ):
        for method, path, body, given in (
            ("GET", "/entities", None, f"type=Gauge&q={text}"),
            ("POST", "/entityOperations/query", {"type": "Query", "entities": [{"type": "Gauge"}], "q": text}, ""),
        ):
            refused = await client(method, path, body, query=given)
            assert (refused.status, refused.kind) == (403, "TooComplexQuery"), text[:30]


async def test_results_are_as_many_as_they_may_be(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await client("POST", "/entityOperations/create", [gauge(number) for number in range(5)])
    monkeypatch.setattr(ordering, "MAX_ORDERED", 4)
    refused = await client("GET", "/entities", query="type=Gauge&orderBy=level")
    assert (refused.status, refused.kind) == (403, "TooManyResults")
    assert (await client("GET", "/entities", query="type=Gauge&orderBy=level&q=level>9")).status == 200


async def test_a_context_that_is_wrong_and_one_that_is_away_are_not_the_same(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    pages = {"none": b"<html>", "empty": b"{}", "wrong": b'{"@context": {"a": 5}}', "number": b'{"@context": 5}'}

    async def fetch(method: str, url: str, **options: Any) -> HttpAnswer:
        page = pages.get(url.rpartition("/")[2])
        if page is None:
            raise OSError("away")
        return HttpAnswer(200, {}, page)

    face = await make_face(await database_factory(SCHEMAS), fake_clock)
    face.contexts = Contexts(fetch, shelf=face.shelf, clock=fake_clock)
    client = Client(Starlette(routes=routes(face)))
    for name in pages:
        body = {**gauge(), "@context": f"https://contexts.example/{name}"}
        assert (await client("POST", "/entities", body, media=LD)).kind == "BadRequestData", name
    body = {**gauge(), "@context": "https://away.example/c"}
    assert (await client("POST", "/entities", body, media=LD)).kind == "LdContextNotAvailable"
