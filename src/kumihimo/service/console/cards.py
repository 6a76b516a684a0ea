"""The towns on the first page, each with what a solution says of it at one look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kumihimo.base.call import Call
from kumihimo.base.errors import Problem
from kumihimo.base.screens import Card, CardOf

log = logging.getLogger(__name__)
FILLED = 24
"""How many towns get a filled card; the first page of a platform with a thousand stays quick."""


@dataclass(frozen=True, slots=True)
class TownCard:
    """A tenant and its card, None where there is nothing to say of it."""

    name: str
    card: Card | None


class Cards:
    """Asks the solution for the cards. card is None on a platform without one."""

    def __init__(self, card: CardOf | None) -> None:
        self._card = card

    async def of(self, tenants: Sequence[str], call: Call) -> list[TownCard]:
        """The towns by rank, then as they came; call is the page's, whatever its tenant."""
        cards = await asyncio.gather(*(self._of(replace(call, tenant=name)) for name in tenants[:FILLED]))
        towns = [TownCard(name, card) for name, card in zip(tenants[:FILLED], cards, strict=True)]
        towns += [TownCard(name, None) for name in tenants[FILLED:]]
        return sorted(towns, key=lambda town: Card("").rank if town.card is None else town.card.rank)

    async def _of(self, call: Call) -> Card | None:
        """A town whose store is away stands there without figures, and keeps no other from having its own."""
        if self._card is None:
            return None
        try:
            return await self._card(call)
        except Problem as problem:
            log.warning("a town's card stays empty", extra={"tenant": call.tenant, "why": problem.title})
            return None
