"""The packs bound: the rooms that they are installed into, and the platform on which their own tests are run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from kumihimo.app.platform import Platform
from kumihimo.app.wings import parts_of
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock, SystemClock
from kumihimo.base.errors import ResourceNotFound
from kumihimo.base.settings import Settings
from kumihimo.device.codecs.families import FAMILIES
from kumihimo.platform.history.spread import Spreads
from kumihimo.service.rules.door import RuleSets
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.service.rules.text import with_names, without_names
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.models import Held, Verdict
from kumihimo.solutions.packs.ports import PackDoors, RulesSaid, Trial
from kumihimo.solutions.packs.trial import run_cases

_PACKS: Final = Actor("system", "packs")


def pack_doors(platform: Platform, trial: Trial | None) -> PackDoors:
    """The rooms of this platform."""
    return PackDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        broker=platform.broker,
        contexts=platform.contexts,
        shelf=platform.shelf,
        access=platform.access,
        rules=platform.rules,
        registry=platform.registry,
        kpi=platform.kpi,
        spreads=Spreads(platform.database),
        families=frozenset(FAMILIES),
        parts=parts_of(platform),
        rule_sets=PackRules(platform.rule_sets),
        trial=trial,
        programs=platform.programs,
    )


@contextmanager
def in_both_languages() -> Iterator[None]:
    """Why a set of rules is not taken is said in the reader's language on the pages of packs too."""
    try:
        yield
    except RuleRefused as problem:
        problem.said(problem.words.ja)
        raise


class PackRules:
    """The room of rules as packs know it."""

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets

    def check(self, text: str) -> RulesSaid:
        """As packs.ports.RuleSets."""
        with in_both_languages():
            found = self._sets.check(text)
        expand = self._sets.names(found).expand

        def long(*many: Iterable[str]) -> frozenset[str]:
            return frozenset(expand(name) for names in many for name in names)

        acts = [act for rule in found.rules for act in rule.actions]
        by_change = [rule for rule in found.rules if not rule.schedule]
        watches = None if any(not rule.watch for rule in by_change) else long(*(one.watch for one in by_change))
        return RulesSaid(
            found.name,
            long(*(rule.types for rule in found.rules), [act.type for act in acts if act.type]),
            watches,
            long(*(act.sets for act in acts)),
            frozenset(act.do for act in acts),
            frozenset(act.function for act in acts if act.do == "compute"),
            found.names,
        )

    def named(self, text: str, names: Mapping[str, str]) -> str:
        """As packs.ports.RuleSets; what is wrong with a text is said when it is checked."""
        try:
            return with_names(text, names)
        except RuleRefused:
            return text

    def unnamed(self, text: str, names: Mapping[str, str]) -> str:
        """As packs.ports.RuleSets."""
        return without_names(text, names)

    async def allow(self, call: Call) -> None:
        """As packs.ports.RuleSets."""
        await self._sets.all(call)

    async def text(self, tenant: str, name: str) -> str | None:
        """As packs.ports.RuleSets."""
        try:
            return (await self._sets.get(Call(tenant, _PACKS), name)).text
        except ResourceNotFound:
            return None

    async def put(self, call: Call, name: str, text: str, why: str) -> None:
        """A set that a pack brings is on from the start; one that stands stays as the town switched it."""
        is_new = await self.text(call.tenant, name) is None
        with in_both_languages():
            await self._sets.put(call, text, why=why, on=True if is_new else None)

    async def remove(self, call: Call, name: str, why: str) -> None:
        """As packs.ports.RuleSets; the room keeps no reason for it, the pack's own record does."""
        del why
        await self._sets.remove(call, name)


def trial_on(wire: Callable[[Settings, Clock], Platform]) -> Trial:
    """Runs a pack's tests on a platform of its own: closed, empty, on a folder that is gone afterwards, and listening
    nowhere.
    """

    async def trial(held: Held) -> Sequence[Verdict]:
        with tempfile.TemporaryDirectory(prefix="kumihimo-trial-") as folder:
            platform = wire(Settings(data=folder, port=0, mqtt_port=-1), SystemClock())
            await platform.database.open()
            try:
                doors = pack_doors(platform, None)
                return await run_cases(doors, Packs(doors), held)
            finally:
                await platform.programs.close()
                await platform.database.close()

    return trial
