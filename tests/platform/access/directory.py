from __future__ import annotations

from collections.abc import Iterable

from kumihimo.base.call import Actor
from kumihimo.platform.access.members import actor_of


class OneSato:
    """A directory in which p-1 alone has a name."""

    async def actor(self, text: str) -> Actor:
        return Actor("person", "p-1") if text == "sato" else actor_of(text)

    async def names(self, actors: Iterable[str]) -> dict[str, str]:
        return {one: "佐藤 (sato)" for one in actors if one == "person:p-1"}
