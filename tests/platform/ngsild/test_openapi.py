from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kumihimo.platform.ngsild.api import RESOURCES, Face, routes
from kumihimo.platform.ngsild.openapi import document, routes_table


async def healthz(_: Request) -> Response:
    """Tells that the process answers.

    More words.
    """
    return PlainTextResponse("ok")


async def test_the_document_has_every_operation(face: Face) -> None:
    made = document([*routes(face), Route("/healthz", healthz)], "1.2.3")
    assert (made["openapi"], made["info"]["version"]) == ("3.1.0", "1.2.3")
    found = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    assert found == {
        ("GET", "/healthz"),
        *((method, "/ngsi-ld/v1" + one.path) for one in RESOURCES for method in one.operations),
    }
    assert made["paths"]["/healthz"]["get"]["summary"] == "Tells that the process answers."
    entity = made["paths"]["/ngsi-ld/v1/entities/{entityId}"]["get"]
    names = {(one["name"], one["in"]) for one in entity["parameters"]}
    assert {("entityId", "path"), ("pick", "query"), ("NGSILD-Tenant", "header")} <= names
    assert "requestBody" not in entity
    append = made["paths"]["/ngsi-ld/v1/entities/{entityId}/attrs"]["post"]
    assert set(append["responses"]) == {"204", "207", "4XX", "5XX"}
    assert set(append["requestBody"]["content"]) == {"application/json", "application/ld+json"}
    operations = [
        one["operationId"] for methods in made["paths"].values() for one in methods.values() if "operationId" in one
    ]
    assert len(set(operations)) == len(operations)


def test_the_table_names_clauses() -> None:
    assert ("POST", "/ngsi-ld/v1/entities", "6.4.3.1 / 5.6.1: creates an entity") in routes_table()
