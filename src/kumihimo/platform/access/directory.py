"""Who is who, for the pages of this room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from kumihimo.base.call import Actor


class Directory(Protocol):
    """Who is who: people and applications are kept by ids, and called by names."""

    async def actor(self, text: str) -> Actor:
        """Who is meant by a sign-in name, "person:ID" or "application:ID". A Problem where that is nobody."""
        ...

    async def names(self, actors: Iterable[str]) -> Mapping[str, str]:
        """The names of those ("person:ID") that have one."""
        ...
