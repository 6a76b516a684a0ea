"""The OpenAPI 3.1 document, made from the route table, the handlers' docstrings and the parameters they take."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute, Route

from kumihimo.platform.ngsild.answers import ENTITIES, JSON, LD_JSON
from kumihimo.platform.ngsild.api import RESOURCES
from kumihimo.platform.ngsild.parameters import COMMON
from kumihimo.platform.ngsild.table import PREFIX, LdRoute, Operation

_VARIABLE = re.compile(r"\{([A-Za-z_]+)(?::[a-z]+)?\}")
_WHOLE_NUMBERS = frozenset({"limit", "offset", "lastN", "joinLevel"})
_FLAGS = frozenset({"count", "local", "deleteAll", "details", "reload", "splitEntities"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def document(routes: Sequence[BaseRoute], version: str) -> dict[str, Any]:
    """The document for these routes; routes of other rooms are there by path, method and docstring."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if isinstance(route, LdRoute):
            paths[_VARIABLE.sub(r"{\1}", route.path)] = {
                method.lower(): _operation(method, operation, route.path)
                for method, operation in route.resource.operations.items()
            }
        elif isinstance(route, Route) and route.include_in_schema:
            paths.setdefault(_VARIABLE.sub(r"{\1}", route.path), {}).update(_other(route))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kumihimo",
            "version": version,
            "description": "City data OS. NGSI-LD after ETSI GS CIM 009 V1.9.1; see docs/reference/ngsi-ld.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def routes_table() -> list[tuple[str, str, str]]:
    """Method, path and clause with summary of every operation, for the reference page."""
    return [
        (method, PREFIX + resource.path, f"{' / '.join(operation.clauses)}: {operation.summary}")
        for resource in RESOURCES
        for method, operation in resource.operations.items()
    ]


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 7807",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_ANY: dict[str, Any] = {"schema": {}}
_REFUSAL = {
    "description": "A problem document",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _operation(method: str, operation: Operation, path: str) -> dict[str, Any]:
    binding, clause = operation.clauses
    described: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "description": f"Clause {binding} ({clause}). {_rest(operation.handler.__doc__ or '')}".strip(),
        "tags": ["NGSI-LD"],
        "parameters": [*_path_parameters(path), *_query_parameters(operation), *_HEADERS],
        "responses": {**_successes(operation.handler.__doc__ or "", method), "4XX": _REFUSAL, "5XX": _REFUSAL},
    }
    if method in _WITH_BODY:
        described["requestBody"] = {"required": True, "content": {JSON: _ANY, LD_JSON: _ANY}}
    return described


def _rest(doc: str) -> str:
    """What the docstring says after its first paragraph."""
    return " ".join(inspect.cleandoc(doc).partition("\n\n")[2].split())


def _successes(doc: str, method: str) -> dict[str, Any]:
    """The statuses below 300 that the docstring names."""
    found = sorted(set(re.findall(r"\b(20[0147])\b", _rest(doc)))) or ["200" if method == "GET" else "204"]
    return {status: _success(status, method) for status in found}


def _success(status: str, method: str) -> dict[str, Any]:
    phrases = {"200": "The result", "201": "Created", "204": "Done", "207": "Done in part"}
    answer: dict[str, Any] = {"description": phrases.get(status, "Done")}
    if status == "200":
        answer["content"] = dict.fromkeys(ENTITIES if method in ("GET", "POST") else (JSON,), _ANY)
    if status == "207":
        answer["content"] = {JSON: _ANY}
    return answer


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _VARIABLE.findall(path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": _schema(name)} for name in sorted(operation.takes | COMMON)]


def _schema(name: str) -> dict[str, Any]:
    if name in _WHOLE_NUMBERS:
        return {"type": "integer", "minimum": 0}
    return {"type": "boolean"} if name in _FLAGS else {"type": "string"}


_HEADERS: list[dict[str, Any]] = [
    {"name": "NGSILD-Tenant", "in": "header", "schema": {"type": "string"}},
    {"name": "Link", "in": "header", "schema": {"type": "string"}, "description": "@context of a JSON request"},
]


def _other(route: Route) -> dict[str, Any]:
    """A route that is no resource of ours: its methods with the first line of its docstring."""
    summary = (inspect.getdoc(route.endpoint) or route.name).partition("\n")[0]
    return {
        method.lower(): {"summary": summary, "responses": {"default": {"description": "The answer"}}}
        for method in sorted(route.methods or {"GET"})
        if method != "HEAD"
    }
