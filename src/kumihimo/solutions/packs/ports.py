"""The rooms that the packs go through, and the doors that may be missing in a platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kumihimo.base.call import Call
from kumihimo.base.clock import Clock
from kumihimo.base.ports import Bus
from kumihimo.device.registry.registry import Registry
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.history.spread import Spreads
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.programs.door import Programs
from kumihimo.platform.shelf.door import TenantShelf
from kumihimo.service.kpi.door import Kpi
from kumihimo.solutions.packs.models import Held, Said, Verdict
from kumihimo.storage.database import Database, Tx


class RulesSaid(NamedTuple):
    """What a text of rules says that it does, by expanded names. watches None: whatever changes."""

    name: str
    types: frozenset[str]
    watches: frozenset[str] | None
    writes: frozenset[str]
    does: frozenset[str]
    calls: frozenset[str] = frozenset()
    """Functions of the pack's program."""
    names: Mapping[str, str] = {}
    """What the text itself says that its short names stand for."""


class RuleSets(Protocol):
    """The room of rules: sets of rules as texts, by name, of each tenant; a Problem for what it does not take."""

    def check(self, text: str) -> RulesSaid:
        """What the set would do; a Problem with the reason where it would not be taken."""
        ...

    def named(self, text: str, names: Mapping[str, str]) -> str:
        """The text with what these short names stand for in it; unchanged where it is none that would be taken."""
        ...

    def unnamed(self, text: str, names: Mapping[str, str]) -> str:
        """The text without what `named` gave it."""
        ...

    async def allow(self, call: Call) -> None:
        """A Problem where the caller may not put rules."""
        ...

    async def text(self, tenant: str, name: str) -> str | None:
        """The set as it stands, None where there is none."""
        ...

    async def put(self, call: Call, name: str, text: str, why: str) -> None: ...

    async def remove(self, call: Call, name: str, why: str) -> None: ...


class PartDoors(Protocol):
    """A part of the platform that runs in a town only where a pack stands on it, such as a wing."""

    async def begin_tx(self, tx: Tx) -> None:
        """In the transaction in which a town's first pack that stands on it is noted: what was before is not its."""
        ...

    async def left(self, tenant: str) -> Sequence[Said]:
        """What would become of what it made there, for whoever is about to remove the last such pack."""
        ...

    async def end(self, call: Call) -> None:
        """It runs no more in the call's tenant: it brings what it made there to an end. Done again it changes
        nothing.
        """
        ...

    async def is_used(self, tenant: str) -> bool:
        """Whether the town has what the part works on, or anything that it made."""
        ...


Trial = Callable[[Held], Awaitable[Sequence[Verdict]]]
"""Runs a pack's own tests on a platform that is made for it alone."""


@dataclass(frozen=True, slots=True)
class PackDoors:
    """The rooms that packs are installed into. parts: those of the platform that packs stand on, by name.

    rule_sets is None where the platform has no room of rules; trial None where packs are not tried (in a trial).
    """

    database: Database
    clock: Clock
    bus: Bus
    broker: Broker
    contexts: Contexts
    shelf: TenantShelf
    access: Access
    rules: StoredRules
    registry: Registry
    kpi: Kpi
    spreads: Spreads
    families: Collection[str]
    parts: Mapping[str, PartDoors]
    rule_sets: RuleSets | None = None
    trial: Trial | None = None
    programs: Programs | None = None
