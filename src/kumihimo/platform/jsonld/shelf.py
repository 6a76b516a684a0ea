"""What a tenant keeps of @contexts (clause 5.13.1): the port to it, and a shelf in memory where no store is.

The rows themselves are the room `shelf`'s; this room stays pure and asks through the port.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol
from urllib.parse import unquote

from kumihimo.base.ids import new_id

Kind = Literal["Cached", "Hosted", "ImplicitlyCreated"]
KINDS: tuple[Kind, ...] = ("Cached", "Hosted", "ImplicitlyCreated")
HOSTED_PATH = "/ngsi-ld/v1/jsonldContexts/"
"""Clause 6.30: below this path a broker serves the @contexts that it keeps."""
_HOSTED = re.compile(r"https?://[^/?#]+" + HOSTED_PATH + r"(urn(?::|%3[Aa])[^/?#]{1,200})\Z")


@dataclass(frozen=True, slots=True)
class Kept:
    """One @context that a tenant keeps. Moments in microseconds, 0 for never.

    url is where a cached one was fetched from, "" for the others; document is the content of its "@context", None
    where it lies with the program or in the preload folder; expires_at is when a cached one is asked for again.
    """

    id: str
    kind: Kind
    url: str = ""
    document: Any = None
    created_at: int = 0
    expires_at: int = 0
    last_usage: int = 0
    hits: int = 0


class Shelf(Protocol):
    """A tenant's @contexts. NonexistentTenant comes from `give` alone: reading and keeping copies never fail on it."""

    async def cached(self, tenant: str, url: str) -> Kept | None:
        """The copy of what was fetched from this address."""
        ...

    async def local(self, tenant: str, id_: str) -> Kept | None:
        """The hosted or implicitly created one with this local id."""
        ...

    async def keep(self, tenant: str, url: str, document: Any, expires_at: int) -> str:
        """Keeps a copy of what was fetched, in place of an older one; its local id, "" where there is no tenant."""
        ...

    async def give(self, tenant: str, id_: str, document: Any, *, lasting: bool) -> None:
        """Sees to it that there is an implicitly created one with this local id and content.

        One that is not lasting may go when others come.
        """
        ...

    def used(self, tenant: str, ids: Sequence[str]) -> None:
        """Counts one use of each (numberOfHits, lastUsage)."""
        ...


def hosted_id(url: str) -> str:
    """The local id in an address below which a broker serves what it keeps; "" for another address."""
    found = _HOSTED.match(url)
    return unquote(found[1]) if found else ""


class MemoryShelf:
    """A shelf without a store: it forgets with the process, and counts nothing."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Kept] = {}

    async def cached(self, tenant: str, url: str) -> Kept | None:
        """As Shelf."""
        return self._rows.get((tenant, url))

    async def local(self, tenant: str, id_: str) -> Kept | None:
        """As Shelf."""
        return self._rows.get((tenant, id_))

    async def keep(self, tenant: str, url: str, document: Any, expires_at: int) -> str:
        """As Shelf."""
        old = self._rows.get((tenant, url)) or Kept(new_id("Context"), "Cached", url)
        self._rows[tenant, url] = replace(old, document=document, expires_at=expires_at)
        return old.id

    async def give(self, tenant: str, id_: str, document: Any, *, lasting: bool) -> None:  # noqa: ARG002 - all last
        """As Shelf."""
        self._rows[tenant, id_] = Kept(id_, "ImplicitlyCreated", document=document)

    def used(self, tenant: str, ids: Sequence[str]) -> None:
        """As Shelf."""
