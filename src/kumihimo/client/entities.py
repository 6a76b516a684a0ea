"""Entities: read, written, queried page by page (clauses 5.6 and 5.7)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from itertools import islice
from typing import Any, Unpack
from urllib.parse import parse_qsl, quote, urlsplit

from kumihimo.client.connection import LD, Connection
from kumihimo.client.models import Entity, Written
from kumihimo.client.options import Look, Query, Selection, parameters

PAGE = 500
BATCH = 500
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')


class Entities:
    """Entities are dicts, simplified unless `format` says otherwise (attribute: value)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, entity: Entity) -> str:
        """Creates it and gives its id; attributes are values, or objects. Refused (409) where it is there already."""
        answer = await self._connection.ask("POST", f"{LD}/entities", body=entity)
        return str(entity.get("id") or answer.headers["Location"].rpartition("/")[2])

    async def get(self, entity_id: str, **look: Unpack[Look]) -> dict[str, Any]:
        """The entity; NotFound where there is none."""
        answer = await self._connection.ask("GET", _path(entity_id), parameters(_simply(look)))
        found: dict[str, Any] = answer.body
        return found

    async def update(self, entity_id: str, attributes: Entity) -> None:
        """Changes what is named and leaves the rest (merge-patch, clause 5.6.17); NotFound where there is none."""
        await self._connection.ask("PATCH", _path(entity_id), body=attributes)

    async def replace(self, entity_id: str, entity: Entity) -> None:
        """Replaces all that it is; NotFound where there is none."""
        await self._connection.ask("PUT", _path(entity_id), body=entity)

    async def delete(self, entity_id: str) -> None:
        """Deletes it; NotFound where there is none."""
        await self._connection.ask("DELETE", _path(entity_id))

    async def delete_attribute(self, entity_id: str, attribute: str) -> None:
        """Deletes an attribute with all its instances; NotFound where there is none."""
        path = f"{_path(entity_id)}/attrs/{quote(attribute, safe='')}"
        await self._connection.ask("DELETE", path, {"deleteAll": "true"})

    async def upsert(self, entities: Iterable[Entity], *, batch: int = BATCH) -> Written:
        """Creates those that are not there and updates those that are, however many, a batch at a time."""
        rest, written = iter(entities), Written()
        while many := list(islice(rest, batch)):
            written += await self._upsert(many)
        return written

    async def _upsert(self, many: list[Entity]) -> Written:
        params = {"options": "update"}
        answer = await self._connection.ask("POST", f"{LD}/entityOperations/upsert", params, many)
        if answer.status == 204:
            return Written(updated=len(many))
        if answer.status == 201:
            return Written(created=len(answer.body), updated=len(many) - len(answer.body))
        refused = {one["entityId"]: str(one["error"].get("detail", "")) for one in answer.body["errors"]}
        return Written(updated=len(answer.body["success"]), refused=refused)

    async def query(self, **query: Unpack[Query]) -> AsyncGenerator[dict[str, Any], None]:
        """The entities that fit, fetched page by page while they are taken."""
        left = query.pop("limit", None)
        params: dict[str, str] | None = parameters(_local(_simply(query)))
        while params is not None and left != 0:
            size = PAGE if left is None else min(PAGE, left)
            answer = await self._connection.ask("GET", f"{LD}/entities", {**params, "limit": str(size)})
            for entity in answer.body:
                yield entity
            left = None if left is None else left - len(answer.body)
            params = _next(answer.headers.getall("Link", []))

    async def count(self, **selection: Unpack[Selection]) -> int:
        """How many entities fit."""
        params = {**parameters(_local(selection)), "limit": "0", "count": "true"}
        answer = await self._connection.ask("GET", f"{LD}/entities", params)
        return int(answer.headers["NGSILD-Results-Count"])

    async def types(self) -> list[str]:
        """The types of the entities that there are."""
        answer = await self._connection.ask("GET", f"{LD}/types")
        return list(answer.body.get("typeList", []))


def _path(entity_id: str) -> str:
    return f"{LD}/entities/{quote(entity_id, safe=':')}"


def _simply(look: Mapping[str, Any]) -> dict[str, Any]:
    """The form and sysAttrs as the API takes them; simplified where nothing is said."""
    rest = {name: value for name, value in look.items() if name != "sysAttrs"}
    rest.setdefault("format", "simplified")
    return {**rest, "options": "sysAttrs"} if look.get("sysAttrs") else rest


def _local(query: Mapping[str, Any]) -> dict[str, Any]:
    """All entities of the tenant where nothing selects (clause 5.7.2.4)."""
    if query.keys() & {"type", "attrs", "q", "georel", "near"}:
        return dict(query)
    return {**query, "local": True}


def _next(links: Iterable[str]) -> dict[str, str] | None:
    """The parameters of the next page, None where this was the last."""
    found = next((match for link in links if (match := _NEXT.search(link))), None)
    return dict(parse_qsl(urlsplit(found[1]).query, keep_blank_values=True)) if found else None
